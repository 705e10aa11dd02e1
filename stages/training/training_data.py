"""The clips that are trained on, with the extra clips that are mixed into them, and the dev clips."""

from pathlib import Path

from datasets import concatenate_datasets

from stages.common.params import Params
from stages.records import paths
from stages.training import dataset, extra_clips, trainer_options
from stages.training.dataset import Clips
from stages.training.feature_cache import Labels, speech_table


def folders(settings: Params) -> list[Path]:
    """The folders of clips that the trained model depends on; those of extra clips only if some are used."""
    extra = [source.folder for source in extra_clips.used_sources(settings)]
    return [paths.split_folder("train"), paths.split_folder("dev"), *extra]


def load(settings: Params, digests: dict[str, str], labels: Labels, cache: Path) -> tuple[Clips, Clips]:
    """The training clips, then the extra clips in the same table, and the dev clips; features are computed once.

    Parameters
    ----------
    digests : of the contents of `folders`, by their names
    cache : folder for the tables of features
    """
    train, workers = settings.train, trainer_options.data_workers(settings.runtime)

    def table_of(folder: Path):
        return speech_table(folder, digests[folder.name], labels, train.spare_seconds, cache, workers)

    table = dataset.of_speakers(table_of(paths.split_folder("train")), train.data_share, settings.seed)
    trained = sum(table["speech"][:])
    tables, extra, rows = [table], [], len(table)
    for source in extra_clips.used_sources(settings):
        table = table_of(source.folder)
        speakers = dataset.speakers_text(table)
        extra.append(extra_clips.mix(source, trained, table["speech"][:], speakers, rows, settings.seed))
        tables.append(table)
        rows += len(table)
    mixed = concatenate_datasets(tables) if extra else tables[0]
    dev = table_of(paths.split_folder("dev"))
    return Clips(mixed, train.augment, settings.seed, tuple(extra)), Clips(dev, train.augment, settings.seed)
