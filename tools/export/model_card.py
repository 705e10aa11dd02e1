"""Write the model card of an export: what the model is, its scores, and how it must be decoded."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import EvalResult, ModelCardData
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from stages.common.files import read_json
from stages.common.params import Params
from stages.records.error_unit import WORDS, ErrorUnit
from stages.records.paths import CORPUS_FILE, MODELS, SCORES_FILE, SLICES_FILE, TRAINING_SPLITS
from stages.records.strategies import STRATEGIES
from stages.records.units import SAMPLE_RATE, Seconds
from stages.results import summary
from stages.runtime import cost
from stages.scores import score_files, unknown_speakers
from stages.scores.score_tables import interval, percent
from stages.scores.scoreboard import HEADLINE_SET
from stages.whisper import base_model
from stages.whisper.model import ADAPTER_FILE, Checkpoint
from tools.export import options
from tools.export.comparison import Comparison

TEMPLATE = Path(__file__).with_name("model_card.md.j2")
TASK = "automatic-speech-recognition"
FASTER_WHISPER_WINDOW: Seconds = 30.0
NO_LICENSE = "none yet. Choose one before you publish this model (`--license`)."
SEPARATE_SPEAKERS = "No speaker of these two is in another set."
SHARED_SPEAKERS = (
    "Their speakers may also be in the other sets, because the corpus was read with `allow_shared_speakers`."
)


@dataclass(frozen=True)
class Export:
    """The export that a card describes."""

    name: str  # of the model
    settings: Params
    checkpoint: Checkpoint
    comparisons: Sequence[Comparison]
    quantization: str | None  # of the weights of ctranslate2/; None: there is no such folder
    hub_id: str | None
    license: str | None
    alpha: float = 1.0  # weights between those of the base (0) and the tuned model's (1)
    figures_at_alpha: dict[str, dict] | None = None  # of metrics/interpolation/, by set; None: not measured

    @property
    def has_adapter(self) -> bool:
        """Whether the model is an adapter, which is exported too, beside the model into which it is merged."""
        return (MODELS[self.name] / ADAPTER_FILE).is_file()


@dataclass(frozen=True)
class Metrics:
    """The contents of scores.json, slices.json, corpus.json and cost.json, and what was counted for the scores."""

    content: dict
    slices: dict
    corpus: dict
    costs: dict
    unit: ErrorUnit = WORDS


def read_metrics() -> Metrics:
    """Read the metrics of the pipeline's last run; UserError where a file is missing or damaged."""
    content, unit = score_files.read(SCORES_FILE)
    slices, _ = score_files.read(SLICES_FILE)
    return Metrics(content, slices, read_json(CORPUS_FILE), cost.known(), unit)


def markdown(export: Export, metrics: Metrics, of_adapter: bool = False) -> str:
    """Return the card: YAML front matter for the hub, then text. The same inputs give the same bytes.

    Parameters
    ----------
    of_adapter : return the card of the adapter itself, not of the whole model
    """
    settings, checkpoint = export.settings, export.checkpoint
    window = checkpoint.processor.feature_extractor.n_samples / SAMPLE_RATE  # seconds
    beams = settings.transcribe.num_beams
    # No HTML escaping: it is Markdown, which the hub sanitises, and the values are figures or the user's parameters.
    environment = Environment(  # noqa: S701
        loader=FileSystemLoader(TEMPLATE.parent),
        undefined=StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(TEMPLATE.name).render(
        front_matter=_front_matter(export, metrics, of_adapter).to_yaml().strip(),
        title=title(export),
        method=STRATEGIES[export.name].method,
        base=_base(settings),
        named_base=base_model.parse(settings.base_model),
        of_adapter=of_adapter,
        has_adapter=export.has_adapter,
        what_learns=_what_learns(export),
        window=f"{window:g}",
        language=settings.language,
        license=f"{export.license}." if export.license else NO_LICENSE,
        hub_id=export.hub_id,
        quantization=None if of_adapter else export.quantization,
        fits_faster_whisper=window == FASTER_WHISPER_WINDOW,
        alpha=None if export.alpha == 1 else export.alpha,
        at_alpha=_rates_at_alpha(export),
        context=checkpoint.audio_context,
        spare=f"{checkpoint.spare_seconds:g}",
        clips=export.comparisons[0].clips,
        checks=export.comparisons,
        unit=metrics.unit,
        percent=percent,
        parameters=_parameters(export),
        precision=_precision(export, metrics.costs),
        corpus=_corpus(metrics.corpus),
        trained_on=_trained_on(settings),
        speakers=_speakers(settings, metrics.corpus),
        beams=f"{beams} beam{'' if beams == 1 else 's'}",
        transcribe=settings.transcribe,
        scores=re.sub(r"^#", "##", summary.markdown(metrics.content, metrics.slices, metrics.unit), flags=re.MULTILINE),
    )


def _trained_on(settings: Params) -> str:
    extra = {"replay": settings.train.replay_share, "pseudo-labelled speech": settings.pseudo_labels.share}
    parts = [f", with {name} for at most {percent(share)} % of the speech" for name, share in extra.items() if share]
    return "train" + "".join(parts)


def _rates_at_alpha(export: Export) -> list[tuple[str, ...]]:
    """Return set, error rate, interval, utterances and speakers, of the sets that chose alpha; none if not measured."""
    rows = []
    for name, figures in (export.figures_at_alpha or {}).items():
        speakers = unknown_speakers.speakers_cell(figures)
        rows.append((name, percent(figures["wer"]), interval(figures), str(figures["utterances"]), speakers))
    return rows


def _speakers(settings: Params, corpus: dict) -> str:
    """Return whether speakers of train and dev are in other sets, as far as that is known."""
    unknown = unknown_speakers.splits_sentence(corpus)
    if settings.preprocess.allow_shared_speakers:
        return f"{SHARED_SPEAKERS} {unknown}" if unknown else SHARED_SPEAKERS
    return unknown or SEPARATE_SPEAKERS


def title(export: Export) -> str:
    """Return the model's name: its base and how it was tuned, such as whisper-base-lora."""
    base = base_model.parse(export.settings.base_model)
    return f"{base.name.rpartition('/')[2]}-{options.label(export.name, export.alpha)}"


def _base(settings: Params) -> str:
    name, revision = base_model.parse(settings.base_model)
    if not revision:
        return f"`{name}`, a checkpoint that is not on the hub"
    return f"[{name}](https://huggingface.co/{name}), commit `{revision}`"


def _eval_results(export: Export, metrics: Metrics) -> list[EvalResult] | None:
    """Return the error rate of every set that has one; None at another alpha than 1, where none was measured."""
    if export.alpha != 1:
        return None
    results = []
    for name, figures in metrics.content[export.name].items():
        if "wer" not in figures:
            continue
        result = EvalResult(
            task_type=TASK,
            dataset_type="private",  # required; there is no data set on the hub to name
            dataset_name=f"children's speech, {name}" if name == HEADLINE_SET else name,
            dataset_split=name,
            metric_type=metrics.unit.key,
            metric_value=round(100 * figures["wer"], 2),
            metric_name=f"{metrics.unit.rate} (%)",
        )
        results.append(result)
    return results


def _front_matter(export: Export, metrics: Metrics, of_adapter: bool) -> ModelCardData:
    base = base_model.parse(export.settings.base_model)
    return ModelCardData(
        language=export.settings.language,
        license=export.license,
        library_name="peft" if of_adapter else "transformers",
        pipeline_tag=TASK,
        base_model=base.name if base.revision else None,
        tags=["whisper", "children", "child-speech", export.name],
        metrics=[metrics.unit.key],
        model_name=title(export),
        eval_results=_eval_results(export, metrics),
    )


def _what_learns(export: Export) -> str:
    """Fill in what a strategy trains, from the table of strategies, with its section of params.yaml."""
    strategy = STRATEGIES[export.name]
    section = getattr(export.settings, strategy.stage).model_dump()
    shown = {}
    for key, value in section.items():
        if isinstance(value, list):
            shown[key] = ", ".join(f"`{item}`" for item in value)
        elif isinstance(value, bool):
            shown[key] = "yes" if value else "no"
        else:
            shown[key] = value
    return strategy.what_learns.format(**shown)


def _parameters(export: Export) -> list[tuple[str, object]]:
    """Return key and value of every parameter of the training."""
    rows = [("seed", export.settings.seed)]
    for section in ("train", STRATEGIES[export.name].stage):
        for key, value in getattr(export.settings, section).model_dump().items():
            if isinstance(value, dict):
                for inner_key, inner in value.items():
                    rows.append((f"{section}.{key}.{inner_key}", _cell(inner)))
            else:
                rows.append((f"{section}.{key}", _cell(value)))
    return rows


def _cell(value: object) -> object:
    return ", ".join(map(str, value)) if isinstance(value, list) else value


def _precision(export: Export, costs: dict) -> str:
    """Return a sentence with the precisions of training and decoding; "" if cost.json has none."""
    verbs = {"trained": STRATEGIES[export.name].stage}
    if export.alpha == 1:
        verbs["scored"] = f"transcribe_{export.name}"
    parts = []
    for verb, stage in verbs.items():
        precision = costs.get(stage, {}).get("precision")
        if precision:
            parts.append(f"{verb} in {precision}")
    return f"Its matrix products were computed in these precisions: it was {' and '.join(parts)}." if parts else ""


def _corpus(corpus: dict) -> list[tuple[str, ...]]:
    """Return name, clips, hours and speakers of every split; train and dev come first."""
    names = sorted(corpus, key=lambda split: (split not in TRAINING_SPLITS, split != TRAINING_SPLITS[0], split))
    rows = []
    for name in names:
        card = corpus[name]
        rows.append((name, str(card["clips"]), f"{card['hours']:.2f}", unknown_speakers.card_cell(card)))
    return rows
