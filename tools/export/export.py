"""Export a tuned model for others to use: python -m tools.export lora|selective [--ctranslate2] [--push-to-hub ID]

Reads models/, processed_data/evaluation/test, metrics/ and params.yaml; writes exports/<model>/:

    transformers/   a stock checkpoint, LoRA merged into its base
    ctranslate2/    with --ctranslate2: what faster-whisper and other engines load
    README.md       the model card

Each is decoded on a few test clips, beside the model it was made from. One that answers otherwise is refused: then
nothing is written, and what was exported before stays. No stage of the pipeline: nothing depends on it.
"""

import argparse
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from peft import PeftModel
from transformers import WhisperForConditionalGeneration

from stages.common import params
from stages.common.errors import UserError, exit_on_user_error
from stages.common.files import read_json
from stages.records import paths, shards
from stages.records.paths import CORPUS_FILE, MODELS, SCORES_FILE, SLICES_FILE, TUNED
from stages.runtime import cost
from stages.scores.scoreboard import HEADLINE_SET
from stages.wer import normalisers
from stages.whisper import model
from stages.whisper.model import ADAPTER_FILE, Checkpoint
from stages.whisper.quiet import quiet_transformers
from tools.export import comparison, ctranslate2_model, hub_upload, model_card, provenance
from tools.export.comparison import Comparison

EXPORTS = Path("exports")
PARTS = {"transformers", "ctranslate2", "README.md"}  # what an export may hold
CLIPS = 20
FULL_WINDOW = "window"


@dataclass(frozen=True)
class Options:
    """What is exported, and how."""

    name: str  # lora or selective
    output: Path
    clips: int = CLIPS  # of the check
    quantization: str | None = None  # of ctranslate2/; None: there is none
    hub_id: str | None = None
    private: bool = True
    license: str | None = None


@exit_on_user_error
def main() -> None:
    quiet_transformers()
    parser = argparse.ArgumentParser(
        prog="python -m tools.export", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", choices=TUNED, help="the model")
    parser.add_argument("--output", type=Path, help="folder; default: exports/<model>")
    parser.add_argument("--clips", type=int, default=CLIPS, help=f"test clips of the check; default: {CLIPS}")
    parser.add_argument("--ctranslate2", action="store_true", help="write ctranslate2/ too")
    parser.add_argument(
        "--quantization",
        choices=ctranslate2_model.QUANTIZATIONS,
        default=ctranslate2_model.EXACT,
        help="of ctranslate2's weights; if not float32, its WER may differ by a point",
    )
    parser.add_argument("--license", help="for the card, as the hub names it, such as cc-by-nc-4.0; yours to choose")
    parser.add_argument("--push-to-hub", metavar="ID", help="upload it: YOU/NAME; log in first: hf auth login")
    seen = parser.add_mutually_exclusive_group()
    seen.add_argument("--private", action="store_true", default=True, help="on the hub, for you only (the default)")
    seen.add_argument("--public", dest="private", action="store_false", help="on the hub, for everybody")
    given = parser.parse_args()
    if given.clips < 1:
        raise UserError(f"--clips {given.clips}: at least one clip must be decoded")
    options = Options(
        name=given.name,
        output=given.output or EXPORTS / given.name,
        clips=given.clips,
        quantization=given.quantization if given.ctranslate2 else None,
        hub_id=given.push_to_hub,
        private=given.private,
        license=given.license,
    )
    export(options, params.load())


def export(options: Options, settings: params.Params) -> None:
    """Write, check and, if asked, push an export; the output is only there, or changed, if all of it is well.

    Raises
    ------
    UserError
        Something is missing, does not fit together, answers otherwise than its source, or cannot be pushed.
    """
    check_inputs(options, settings)
    metrics = model_card.Metrics(*map(read_json, (SCORES_FILE, SLICES_FILE, CORPUS_FILE)), cost.known())
    with complete_or_absent(options.output) as folder:
        source = model.load_checkpoint(MODELS[options.name])
        comparisons = list(written(options, settings, source, folder))
        described = model_card.Export(
            *(options.name, settings, source, comparisons, options.quantization, options.hub_id, options.license)
        )
        (folder / "README.md").write_text(model_card.markdown(described, metrics), encoding="utf-8")
    for found in comparisons:
        print(
            f"{found.export}, {found.audio_context}: WER {100 * found.wer:.2f} %, the source's "
            f"{100 * found.source_wer:.2f} %; {found.differing} of {found.words} words differ ({found.clips} clips)"
        )
    print(f"{options.output}: written")
    if options.hub_id:
        print(f"pushed: {hub_upload.push(options.output, options.hub_id, options.private)}")


def check_inputs(options: Options, settings: params.Params) -> None:
    """Tell every mistake that can be seen before the work."""
    folder = MODELS[options.name]
    if not folder.is_dir():
        raise UserError(f"{folder} is missing; make it with: dvc repro train_{options.name}, or: dvc pull {folder}")
    if not options.output.parent.exists() and options.output.parent != EXPORTS:
        raise UserError(f"--output {options.output}: there is no folder {options.output.parent}")
    if options.output.exists() and not is_export(options.output):
        raise UserError(f"--output {options.output} exists and is not an export; choose another, or remove it")
    check_parameters(folder, options.name, settings)
    provenance.check([f"train_{options.name}", f"transcribe@{options.name}", "evaluate"])
    if options.quantization:
        ctranslate2_model.check_installed()
    if options.hub_id:
        hub_upload.check_access(options.hub_id)


def is_export(folder: Path) -> bool:
    """Whether a folder holds an export and nothing else, so that a new one may take its place."""
    return folder.is_dir() and "README.md" in (names := {path.name for path in folder.iterdir()}) and names <= PARTS


def check_parameters(folder: Path, name: str, settings: params.Params) -> None:
    """Refuse a model that params.yaml visibly does not describe: the card would be wrong."""
    decoding = model.read_json(folder, model.DECODING_FILE)
    pairs = [(f"train.{key}", getattr(settings.train, key), decoding[key]) for key in decoding]
    if name == "lora":
        adapter = model.read_json(folder, ADAPTER_FILE)
        pairs += [("train_lora.rank", settings.train_lora.rank, adapter["r"])]
        pairs += [("train_lora.alpha", settings.train_lora.alpha, adapter["lora_alpha"])]
    for key, wanted, found in pairs:
        if wanted != found:
            raise UserError(
                f"params.yaml: {key} is {wanted}, but {folder} was trained with {found}; run dvc repro, or restore "
                "params.yaml as it was"
            )


@contextmanager
def complete_or_absent(output: Path) -> Iterator[Path]:
    """A folder beside the output, which takes its place when all has gone well, and else vanishes."""
    incoming, outgoing = (output.with_name(output.name + end) for end in (".incoming", ".outgoing"))
    shutil.rmtree(incoming, ignore_errors=True)
    incoming.mkdir(parents=True)
    try:
        yield incoming
        if output.exists():
            shutil.rmtree(outgoing, ignore_errors=True)
            output.rename(outgoing)
        incoming.rename(output)
        shutil.rmtree(outgoing, ignore_errors=True)
    finally:
        shutil.rmtree(incoming, ignore_errors=True)


def written(options: Options, settings: params.Params, source: Checkpoint, folder: Path) -> Iterator[Comparison]:
    """Write each form of the model into a folder, and yield how it compares with the source; UserError: it differs."""
    split = paths.split_folder(HEADLINE_SET)
    rule = normalisers.load(paths.BASE_FOLDER, settings.language)["whisper"]
    contexts = dict.fromkeys([source.audio_context, FULL_WINDOW])  # as trained, and as stock tools decode
    ready = {context: comparison.decoder(source, settings, context) for context in contexts}
    clips = comparison.choose(shards.read_manifest(split), options.clips, ready[FULL_WINDOW].window)
    before = {context: comparison.texts(ready[context], split, clips) for context in contexts}

    transformers = folder / "transformers"
    save(merged(source), source, transformers, MODELS[options.name])
    exported = model.load_checkpoint(transformers)
    for context in contexts:
        answers = comparison.texts(comparison.decoder(exported, settings, context), split, clips)
        found = comparison.compare("transformers", context, clips, before[context], answers, rule)
        comparison.check(found, same_weights=True)
        yield found
    if options.quantization:
        converted = folder / "ctranslate2"
        ctranslate2_model.convert(transformers, converted, options.quantization)
        exact = comparison.decoder(exported, settings, FULL_WINDOW)
        answers = ctranslate2_model.transcribe(converted, exact, settings.language, split, clips)
        found = comparison.compare("ctranslate2", FULL_WINDOW, clips, before[FULL_WINDOW], answers, rule)
        comparison.check(found, options.quantization == ctranslate2_model.EXACT)
        yield found


def merged(source: Checkpoint) -> WhisperForConditionalGeneration:
    """The whole model, an adapter added to its base's weights; float32, on the CPU. The source is used up."""
    whole = source.model.cpu()
    return whole.merge_and_unload() if isinstance(whole, PeftModel) else whole


def save(whole: WhisperForConditionalGeneration, source: Checkpoint, folder: Path, origin: Path) -> None:
    """Write a stock checkpoint, with what this project and older tools need beside it.

    Parameters
    ----------
    origin : folder of the source, whose processor and spelling variants go with it
    """
    model.save_tuned(whole, folder, source.audio_context, source.spare_seconds, origin)
    # transformers 5 keeps it in processor_config.json; faster-whisper and older transformers read it here.
    source.processor.feature_extractor.save_pretrained(folder)
