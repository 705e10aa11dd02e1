"""The model card of an export: what the model is, how good, how it must be decoded; for people and for the hub."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import EvalResult, ModelCardData
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from stages.common.params import ALL, Params
from stages.records.paths import TRAINING_SPLITS
from stages.records.units import SAMPLE_RATE, Seconds
from stages.results import summary
from stages.scores.score_tables import percent
from stages.scores.scoreboard import HEADLINE_SET, by_set
from stages.whisper.model import Checkpoint
from tools.export.comparison import Comparison

TEMPLATE = Path(__file__).with_name("model_card.md.j2")
TASK = "automatic-speech-recognition"
METHODS = {"lora": "LoRA (low-rank adapters, merged into the base)", "selective": "selective layer tuning"}
FASTER_WHISPER_WINDOW: Seconds = 30.0
NO_LICENSE = "none is given yet: whoever publishes this model must choose one (`--license`)."
APART = "No speaker of theirs is in another set."
SHARED = "Their speakers may be in the other sets too: the corpus was read with `allow_shared_speakers`."


@dataclass(frozen=True)
class Export:
    """What an export is, as its card tells it."""

    name: str  # of the model: lora or selective
    settings: Params
    checkpoint: Checkpoint
    comparisons: Sequence[Comparison]
    quantization: str | None  # of ctranslate2/; None: it is not there
    hub_id: str | None
    license: str | None


@dataclass(frozen=True)
class Metrics:
    """The contents of scores.json, slices.json, corpus.json and cost.json."""

    content: dict
    slices: dict
    corpus: dict
    costs: dict


def markdown(export: Export, metrics: Metrics) -> str:
    """The card: YAML front matter as the hub reads it, then text. The same inputs give the same bytes."""
    settings, checkpoint = export.settings, export.checkpoint
    window, beams = checkpoint.processor.feature_extractor.n_samples / SAMPLE_RATE, settings.transcribe.num_beams
    # Markdown, not HTML: the hub sanitises it, and the values are figures, or the user's own parameters.
    environment = Environment(  # noqa: S701
        loader=FileSystemLoader(TEMPLATE.parent),
        undefined=StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(TEMPLATE.name).render(
        front_matter=_front_matter(export, metrics.content).to_yaml().strip(),
        title=title(export),
        method=METHODS[export.name],
        base=_base(settings),
        learnt=_learnt(export),
        window=f"{window:g}",
        language=settings.language,
        license=f"{export.license}." if export.license else NO_LICENSE,
        place=export.hub_id or "transformers",
        quantization=export.quantization,
        fits_faster_whisper=window == FASTER_WHISPER_WINDOW,
        context=checkpoint.audio_context,
        spare=f"{checkpoint.spare_seconds:g}",
        clips=export.comparisons[0].clips,
        checks=export.comparisons,
        percent=percent,
        parameters=_parameters(export),
        precision=_precision(export.name, metrics.costs),
        corpus=_corpus(metrics.corpus),
        apart=SHARED if settings.preprocess.allow_shared_speakers else APART,
        beams=f"{beams} beam{'' if beams == 1 else 's'}",
        temperature=f"{settings.transcribe.temperature:g}",
        scores=re.sub(r"^#", "##", summary.markdown(metrics.content, metrics.slices), flags=re.MULTILINE),
    )


def title(export: Export) -> str:
    """What the model is called: its base and how it was tuned."""
    return f"{_base_name(export.settings).rpartition('/')[2]}-{export.name}"


def _base_name(settings: Params) -> str:
    """The hub's name of the base, or the name of its folder; never the path, which is nobody else's business."""
    name, _, revision = settings.base_model.partition("@")
    return name if revision else Path(name).name


def _base(settings: Params) -> str:
    _, _, revision = settings.base_model.partition("@")
    if not revision:
        return f"`{_base_name(settings)}`, a checkpoint that is not on the hub"
    return f"[{_base_name(settings)}](https://huggingface.co/{_base_name(settings)}), commit `{revision}`"


def _front_matter(export: Export, content: dict) -> ModelCardData:
    on_hub = "@" in export.settings.base_model
    return ModelCardData(
        language=export.settings.language,
        license=export.license,
        library_name="transformers",
        pipeline_tag=TASK,
        base_model=_base_name(export.settings) if on_hub else None,
        tags=["whisper", "children", "child-speech", export.name],
        metrics=["wer"],
        model_name=title(export),
        eval_results=[
            EvalResult(
                task_type=TASK,
                dataset_type="private",  # required; there is no data set on the hub to name
                dataset_name=f"children's speech, {name}" if name == HEADLINE_SET else name,
                dataset_split=name,
                metric_type="wer",
                metric_value=round(100 * figures["wer"], 2),
                metric_name="WER (%)",
            )
            for name, figures in by_set(content[export.name]).items()
            if "wer" in figures
        ],
    )


def _learnt(export: Export) -> str:
    settings = export.settings
    if export.name == "lora":
        lora = settings.train_lora
        modules = ", ".join(f"`{module}`" for module in lora.target_modules)
        return f"adapters of rank {lora.rank} (alpha {lora.alpha}) on {modules} of every layer."
    chosen = settings.train_selective
    embedding = ", and the token embedding" if chosen.token_embedding else ""
    encoder, decoder = (
        layers_in_words(chosen.encoder_layers, "encoder"),
        layers_in_words(chosen.decoder_layers, "decoder"),
    )
    return f"{encoder} and {decoder}{embedding}; everything else is the base's."


def layers_in_words(count: int | str, stack: str) -> str:
    """How many of a stack's layers learnt, in words."""
    if count in (ALL, 0):
        return f"{'all' if count else 'no'} {stack} layers"
    return f"the top {stack} layer" if count == 1 else f"the top {count} {stack} layers"


def _parameters(export: Export) -> list[tuple[str, object]]:
    """Key and value of every parameter that decided what was learnt."""
    section = f"train_{export.name}"
    rows = [("seed", export.settings.seed)]
    for name in ("train", section):
        for key, value in getattr(export.settings, name).model_dump().items():
            inner = value.items() if isinstance(value, dict) else [(None, value)]
            rows += [(f"{name}.{key}" + (f".{last}" if last else ""), found) for last, found in inner]
    return [(key, ", ".join(map(str, value)) if isinstance(value, list) else value) for key, value in rows]


def _precision(name: str, costs: dict) -> str:
    """In which precision a model was trained and scored, in a sentence; "" where cost.json does not say."""
    stages = {"trained": f"train_{name}", "scored": f"transcribe_{name}"}
    known = {done: costs.get(stage, {}).get("precision") for done, stage in stages.items()}
    told = " and ".join(f"{done} in {precision}" for done, precision in known.items() if precision)
    return f"Its matrix products were computed in these precisions: it was {told}." if told else ""


def _corpus(corpus: dict) -> list[tuple[str, ...]]:
    """Clips, hours and speakers of every split, those that it learnt from first."""
    names = sorted(corpus, key=lambda split: (split not in TRAINING_SPLITS, split != TRAINING_SPLITS[0], split))
    cards = [corpus[name] for name in names]
    return [
        (name, str(card["clips"]), f"{card['hours']:.2f}", str(card["speakers"]))
        for name, card in zip(names, cards, strict=True)
    ]
