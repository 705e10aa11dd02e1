"""Write an export of a tuned model, check it and, if asked, push it to the hub; see __main__.py."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from peft import PeftModel
from transformers import WhisperForConditionalGeneration

from stages.common import params
from stages.common.errors import UserError
from stages.records import error_unit, paths, shards
from stages.records.paths import MODELS
from stages.records.strategies import STRATEGIES
from stages.scores.scoreboard import HEADLINE_SET
from stages.wer import normalisers
from stages.whisper import base_model, model
from stages.whisper.model import ADAPTER_FILE, Checkpoint
from tools import provenance
from tools.export import comparison, ctranslate2_model, hub_upload, model_card
from tools.export.comparison import Comparison
from tools.export.options import EXACT, Options
from tools.interpolate import results as interpolation_results
from tools.interpolate import weights

ADAPTER_KEYS = {"rank": "r", "alpha": "lora_alpha"}  # of params.yaml, and what PEFT calls them
FULL_WINDOW = "window"


def export(options: Options, settings: params.Params) -> None:
    """Write an export, check it and, if asked, push it. The output is written only if all checks pass.

    Raises
    ------
    UserError
        An input is missing, inputs are not of one run, the export differs from its source, or it cannot be pushed.
    """
    check_inputs(options, settings)
    metrics = model_card.read_metrics()
    at_alpha = None if options.alpha == 1 else interpolation_results.figures_at(options.name, options.alpha, settings)
    unit = metrics.unit
    with complete_or_absent(options.output) as folder:
        source = weights.interpolated(MODELS[options.name], options.alpha)
        comparisons = list(write_forms(options, settings, source, folder))
        described = model_card.Export(
            name=options.name,
            settings=settings,
            checkpoint=source,
            comparisons=comparisons,
            quantization=options.quantization,
            hub_id=options.hub_id,
            license=options.license,
            alpha=options.alpha,
            figures_at_alpha=at_alpha,
        )
        (folder / "README.md").write_text(model_card.markdown(described, metrics), encoding="utf-8")
        if described.has_adapter:
            adapter = copy_adapter(MODELS[options.name], folder, settings, options.alpha)
            card = model_card.markdown(described, metrics, of_adapter=True)
            (adapter / "README.md").write_text(card, encoding="utf-8")
    for row in comparisons:
        print(
            f"{row.export}, {row.audio_context}: {unit.rate} {100 * row.wer:.2f} %, the source's "
            f"{100 * row.source_wer:.2f} %; {row.differing} of {row.words} {unit.plural} differ ({row.clips} clips)"
        )
    print(f"{options.output}: written")
    if options.hub_id:
        print(f"pushed: {hub_upload.push(options.output, options.hub_id, options.private)}")


def check_inputs(options: Options, settings: params.Params) -> None:
    """Raise UserError for every mistake that can be found before a model is loaded."""
    folder, stage = MODELS[options.name], STRATEGIES[options.name].stage
    check_parameters(folder, options.name, settings)
    provenance.check([stage, f"transcribe@{options.name}", "evaluate"])
    if options.alpha != 1:
        weights.check_scalable(folder)
    if options.quantization:
        ctranslate2_model.check_installed()
    if options.hub_id:
        hub_upload.check_access(options.hub_id)


def check_parameters(folder: Path, name: str, settings: params.Params) -> None:
    """Raise UserError if params.yaml does not describe the model: the card would be wrong."""
    decoding = model.read_json(folder, model.DECODING_FILE)
    pairs = [(f"train.{key}", getattr(settings.train, key), decoding[key]) for key in decoding]
    adapter, stage = model.read_json(folder, ADAPTER_FILE, required=False), STRATEGIES[name].stage
    section = getattr(settings, stage).model_dump()
    for key, key_in_peft in ADAPTER_KEYS.items():
        if key in section and key_in_peft in adapter:
            pairs.append((f"{stage}.{key}", section[key], adapter[key_in_peft]))
    for key, in_params, in_model in pairs:
        if in_params != in_model:
            raise UserError(
                f"params.yaml: {key} is {in_params}, but {folder} was trained with {in_model}; run dvc repro, or "
                "restore the earlier params.yaml"
            )


@contextmanager
def complete_or_absent(output: Path) -> Iterator[Path]:
    """Yield a folder to write to, which replaces the output at the end; if the block raises, it is removed."""
    incoming = output.with_name(output.name + ".incoming")
    outgoing = output.with_name(output.name + ".outgoing")
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


def write_forms(options: Options, settings: params.Params, source: Checkpoint, folder: Path) -> Iterator[Comparison]:
    """Write each form of the model into a folder, and yield its comparison with the source; UserError: it differs."""
    split = paths.split_folder(HEADLINE_SET)
    rule = normalisers.load(paths.BASE_FOLDER, settings.language)["whisper"]
    unit = error_unit.of_language(settings.language)
    contexts = dict.fromkeys([source.audio_context, FULL_WINDOW])  # as it was trained, and as stock tools decode
    ready = {context: comparison.decoder(source, settings, context) for context in contexts}
    clips = comparison.choose(shards.read_manifest(split), options.clips, ready[FULL_WINDOW].window)
    before = {context: comparison.texts(ready[context], split, clips) for context in contexts}

    transformers = folder / "transformers"
    save(merged(source), source, transformers, MODELS[options.name])
    exported = model.load_checkpoint(transformers)
    for context in contexts:
        hypotheses = comparison.texts(comparison.decoder(exported, settings, context), split, clips)
        compared = comparison.compare("transformers", context, clips, before[context], hypotheses, rule)
        comparison.check(compared, same_weights=True, unit=unit)
        yield compared
    if options.quantization:
        converted = folder / "ctranslate2"
        ctranslate2_model.convert(transformers, converted, options.quantization)
        exact = comparison.decoder(exported, settings, FULL_WINDOW)
        hypotheses = ctranslate2_model.transcribe(converted, exact, settings.language, split, clips)
        compared = comparison.compare("ctranslate2", FULL_WINDOW, clips, before[FULL_WINDOW], hypotheses, rule)
        comparison.check(compared, options.quantization == EXACT, unit)
        yield compared


def copy_adapter(source: Path, export_folder: Path, settings: params.Params, alpha: float = 1.0) -> Path:
    """Copy an adapter into an export's folder, naming its base as the hub does; returns where it is.

    Parameters
    ----------
    alpha : by which its update is multiplied
    """
    target = export_folder / "adapter"
    shutil.copytree(source, target)
    if alpha != 1:
        weights.scale_adapter(target, alpha)
    base_model.record_in_adapter(target, base_model.parse(settings.base_model))
    return target


def merged(source: Checkpoint) -> WhisperForConditionalGeneration:
    """Return the whole model (float32, on the CPU), with an adapter merged into its base. The source is changed."""
    whole = source.model.cpu()
    return whole.merge_and_unload() if isinstance(whole, PeftModel) else whole


def save(whole: WhisperForConditionalGeneration, source: Checkpoint, folder: Path, origin: Path) -> None:
    """Write a stock checkpoint, with the files that this project and older tools need.

    Parameters
    ----------
    whole : the merged model
    source : the checkpoint that it was made from
    folder : to write to
    origin : folder of the source; its processor and spelling variants are copied
    """
    model.save_tuned(whole, folder, source.audio_context, source.spare_seconds, origin)
    # transformers 5 writes it to processor_config.json; faster-whisper and older transformers read this file.
    source.processor.feature_extractor.save_pretrained(folder)
