"""Turn the corpus in data/ into 16 kHz clips with cleaned transcripts in processed_data/.

    python -m stages.preprocess

Utterances that cannot be used are listed in processed_data/rejected.jsonl, and counted on the screen and in
metrics/corpus.json. The manifests are written last, so that a failed run does not look complete.

For the stage `label`, processed_data/untranscribed.jsonl lists the recordings of data/train without a transcript, and
sounds.jsonl has hashes of the sound of all clips and of their recordings.
"""

import shutil
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import asdict, replace
from itertools import chain, groupby
from operator import attrgetter
from pathlib import Path

from tqdm import tqdm

from stages.common import params
from stages.common.errors import UserError, exit_on_user_error
from stages.corpus.formats import registry
from stages.corpus.markup import cleaning, damaged_text
from stages.corpus.rows import dev_split, speaker_names, speakers
from stages.corpus.rows.files import VIDEO_SUFFIXES
from stages.corpus.rows.utterance import SplitContents
from stages.cutting import accounts, corpus_card, cutting, leaks, segmentation, video, workers
from stages.records import error_unit, paths, shards
from stages.records.paths import DATA, PROCESSED, REPLAY, TRAINING_SPLITS
from stages.records.shards import Clip, ShardWriter

REJECTED = PROCESSED / "rejected.jsonl"

SAME_SOUND = "clips with the same sound, each counted: if they were read twice, remove one of the files"

# The fields that a clip copies from its utterance.
COPIED_FIELDS = "id text text_raw speaker age age_months gender format source start end flags".split()


@exit_on_user_error
def main() -> None:
    settings = params.load()
    options = settings.preprocess
    readings = registry.read(DATA, options, settings.language)
    check_readable(readings)
    speaker_names.check_known(readings, options.unknown_speakers == "per_recording")
    speaker_names.warn_of_folders(readings)
    for reading in readings.values():
        clean_transcripts(reading, settings.language)
        segmentation.split_long(reading)
        if options.merge_gap_seconds:
            segmentation.merge_neighbours(reading)
    speakers.check_apart(readings, options.allow_shared_speakers)
    if PROCESSED.exists():  # DVC removes it before a run, but the stage may be run without DVC
        shutil.rmtree(PROCESSED)
    PROCESSED.mkdir()
    try:
        for reading in readings.values():  # checked here too, because decoding may take hours
            accounts.check_refused(reading, len(reading.utterances), REJECTED)
        if "dev" not in readings:
            readings = dev_split.with_dev(readings, options.dev_fraction, settings.seed)
        contents = leaks.Contents()
        with workers.pool(settings.runtime) as pool:
            clips = {split: pack(reading, pool, contents) for split, reading in readings.items()}
        for split, reading in readings.items():
            accounts.check_refused(reading, len(clips[split]), REJECTED)
        contents.check_apart(options.allow_shared_audio)
    finally:
        write_rejected(readings.values())
    write_untranscribed(readings["train"])
    shards.write_lines(paths.SOUNDS_FILE, contents.sounds())
    for split, rows in clips.items():
        shards.write_manifest(paths.split_folder(split), rows)
    if REPLAY not in clips:
        write_empty(REPLAY)
    corpus_card.write(clips, readings, settings.language)
    print(accounts.describe(readings, clips, REJECTED))


def check_readable(readings: dict[str, SplitContents]) -> None:
    """Raise UserError if recordings need PyAV and it is not installed, before each of them would be refused."""
    recordings: set[Path] = set()
    for reading in readings.values():
        recordings.update(row.audio for row in reading.utterances)
    videos = sorted(path for path in recordings if path.suffix.lower() in VIDEO_SUFFIXES)
    if videos and not video.installed():
        raise UserError(
            f"{len(videos)} recording(s) such as {videos[0]} are read with PyAV, which is not installed: pip install av"
        )


def clean_transcripts(reading: SplitContents, language: str) -> None:
    """Set the text of every utterance; refuse those whose text is damaged, has no words, or is not what is heard."""
    options = reading.options
    usable = []
    for row, result in zip(reading.utterances, cleaned_texts(reading, language), strict=True):
        place = f"{row.file}:{row.line}" if row.line else row.file
        for mark, meaning in result.readings:
            reading.warn(f"a misspelled mark, read as {meaning}", f"{place} {mark}")
        damage = damaged_text.damage(row.text_raw)
        if damage:
            reading.refuse(row.id, row.file, row.line, "damaged-text", damage)
        elif result.unknown:
            marks = ", ".join(dict.fromkeys(result.unknown))
            detail = f"say in preprocess.markup what these marks are: {marks}"
            reading.unknown_markup.update(result.unknown)
            reading.refuse(row.id, row.file, row.line, "unknown-markup", detail)
        elif result.unclear:
            marks = ", ".join(dict.fromkeys(result.unclear))
            reading.refuse(row.id, row.file, row.line, "unintelligible", f"speech that is not written: {marks}")
        elif not result.text:
            reading.refuse(row.id, row.file, row.line, "empty-text", "the transcript holds no words")
        elif reading.split in TRAINING_SPLITS and error_unit.count(result.text, language) < options.min_words:
            detail = f"fewer than {options.min_words} {error_unit.of_language(language).plural}"
            reading.refuse(row.id, row.file, row.line, "too-few-words", detail)
        else:
            usable.append(replace(row, text=result.text))
    reading.utterances = usable


def cleaned_texts(reading: SplitContents, language: str) -> list[cleaning.Cleaned]:
    """The cleaned text of each utterance.

    Whether texts are IN CAPITALS is found for each format: beside a larger corpus in lower case, a smaller one in
    capitals would stay so.
    """
    options = reading.options
    by_format: dict[str, list[int]] = defaultdict(list)  # places in reading.utterances
    for place, row in enumerate(reading.utterances):
        by_format[row.format].append(place)
    cleaned: dict[int, cleaning.Cleaned] = {}
    for places in by_format.values():
        rows = [reading.utterances[place] for place in places]
        raw = [(row.text_raw, row.markup) for row in rows]
        texts = cleaning.clean_all(raw, options.style, options.letter_case, options.markup, language)
        cleaned.update(zip(places, texts, strict=True))
    return [cleaned[place] for place in range(len(reading.utterances))]


def pack(reading: SplitContents, pool: workers.Pool, contents: leaks.Contents) -> list[Clip]:
    """Write the clips of one split to its shards."""
    with ShardWriter(paths.split_folder(reading.split), reading.options.shard_megabytes) as writer:
        clips = []
        for cut in cut_clips(reading, pool):
            row = {name: getattr(cut.row, name) for name in COPIED_FIELDS}
            row["flags"] = list(cut.row.flags)
            if not cut.row.speaker_known:
                row["flags"].append(shards.UNKNOWN_SPEAKER)
            clips.append(writer.write(cut.flac, **row, source_rate=cut.source_rate, duration=cut.duration))
            contents.add(reading.split, cut)
        for pair in contents.repeated(reading.split):
            reading.warn(SAME_SOUND, pair)
        return clips


def cut_clips(reading: SplitContents, pool: workers.Pool) -> Iterator[cutting.Cut]:
    """Yield each utterance with its clip, in order; refuse those that cannot be cut."""
    recordings = []
    for path, group in groupby(reading.utterances, attrgetter("audio")):
        rows = list(group)
        embedded = rows[0].embedded.absolute() if rows[0].embedded else None
        recordings.append(cutting.Recording(path.absolute(), rows, reading.spans.get(path, []), embedded))
    results = pool.cut(recordings, reading.options, reading.split in TRAINING_SPLITS)
    bar = tqdm(results, desc=reading.split, unit="recording", total=len(recordings), disable=None)
    for cut in chain.from_iterable(bar):
        if isinstance(cut, cutting.Cut):
            yield cut
        else:
            reading.refuse(cut.row.id, cut.row.file, cut.row.line, cut.reason, cut.detail)


def write_empty(split: str) -> None:
    """Write a split without clips: DVC's training stages depend on the folder."""
    folder = paths.split_folder(split)
    folder.mkdir()
    shards.write_manifest(folder, [])


def write_rejected(readings: Iterable[SplitContents]) -> None:
    """List all refused utterances, sorted by split, file, line and id."""
    rows = []
    for reading in readings:
        rows += map(asdict, reading.refusals)
    shards.write_lines(REJECTED, sorted(rows, key=lambda row: (row["split"], row["file"], row["line"] or 0, row["id"])))


def write_untranscribed(train: SplitContents) -> None:
    """List the recordings of data/train that have no transcript, those that cannot be labelled with the reason."""
    rows = []
    for recording in train.untranscribed_recordings:
        row = vars(recording).copy()
        del row["audio"]  # a path of this machine
        rows.append(row)
    shards.write_lines(paths.UNTRANSCRIBED_FILE, rows)


if __name__ == "__main__":
    main()
