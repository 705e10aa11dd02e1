"""The reader of params.yaml: it checks the type and range of every key, and reports every mistake with its key.

pydantic checks: dvc depends on it anyway, and it reports all mistakes at once, with their keys. The keys are explained,
with units and costs, beside their values in params.yaml.
"""

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator
from ruamel.yaml import YAML
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import YAMLError

from stages.common import validation_errors
from stages.common.errors import UserError
from stages.common.param_types import (
    Count,
    Finite,
    Language,
    Layers,
    NonNegative,
    Pattern,
    Positive,
    PositiveCount,
    Share,
    Trackers,
)

PARAMS_FILE = Path("params.yaml")


class _Section(BaseModel):
    """A frozen group of keys: none missing, none unknown, no value silently converted to another type."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Columns(_Section):
    """Names of columns in the user's tables; null: one of the names that are known by default."""

    file_name: str | None
    text: str | None
    id: str | None
    speaker: str | None
    age: str | None
    gender: str | None
    start: str | None
    end: str | None


class Preprocess(_Section):
    dev_fraction: Annotated[Finite, Field(gt=0, lt=1)]
    child_roles: list[str]
    child_names: Pattern
    adult_names: Pattern
    child_max_age: Positive | None
    age_unit: Literal["auto", "years", "months"]
    everyone_in: list[str]
    tiers: Pattern | None
    columns: Columns
    channel: Literal["mix", "left", "right", "live"]
    min_seconds: NonNegative
    max_seconds: Positive
    context_seconds: NonNegative
    merge_gap_seconds: NonNegative
    style: Literal["verbatim", "fluent"]
    letter_case: Literal["auto", "keep", "lower"]
    markup: dict[str, Literal["word", "filler", "partial", "noise", "unclear"]]
    min_words: Count
    min_characters_per_second: NonNegative
    max_characters_per_second: Positive | None
    max_overlap: Share
    allow_shared_speakers: bool
    allow_shared_audio: bool
    unknown_speakers: Literal["refuse", "per_recording"]
    max_refused: Share
    shard_megabytes: PositiveCount


class Augment(_Section):
    """Augmentation of training clips, see stages/training/augmentation.py."""

    time_masks: Count
    time_mask_share: Share
    frequency_masks: Count
    frequency_mask_bins: Count
    speeds: Annotated[list[Annotated[Finite, Field(ge=0.5, le=2)]], Field(min_length=1)]
    vtlp: Annotated[Finite, Field(ge=0, le=0.5)]


class PseudoLabels(_Section):
    """Labels of a model for recordings without a transcript, see stages/labelling."""

    share: Annotated[Finite, Field(ge=0, lt=1)]
    teacher: Annotated[str, Field(min_length=1)]
    min_log_probability: Annotated[Finite, Field(le=0)]
    max_compression_ratio: Positive
    max_disagreement: NonNegative | None


class Train(_Section):
    """Common to all strategies."""

    data_share: Annotated[Finite, Field(gt=0, le=1)]
    replay_share: Annotated[Finite, Field(ge=0, lt=1)]
    epochs: PositiveCount
    batch_seconds: Positive
    warmup_share: Share
    schedule: Literal["linear", "cosine", "constant"]
    weight_decay: NonNegative
    max_grad_norm: Positive
    optimizer: Literal["adamw", "adamw_8bit"]
    evaluations_per_epoch: PositiveCount
    patience: PositiveCount
    average_share: Share
    audio_context: Literal["utterance", "window"]
    spare_seconds: NonNegative
    window_share: Share
    augment: Augment
    precision: Literal["auto", "fp32", "bf16", "fp16"]


class TrainLora(_Section):
    learning_rate: Positive
    rank: PositiveCount
    alpha: PositiveCount
    variant: Literal["lora", "dora", "rslora"]
    dropout: Annotated[Finite, Field(ge=0, lt=1)]
    target_modules: Annotated[
        list[Literal["q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2"]], Field(min_length=1)
    ]
    encoder_layers: Layers
    decoder_layers: Layers


class TrainSelective(_Section):
    learning_rate: Positive
    encoder_layers: Layers
    decoder_layers: Layers
    token_embedding: bool


class Transcribe(_Section):
    num_beams: PositiveCount
    temperature: NonNegative
    seed: Count
    tokens_per_second: Positive
    speech_only: bool
    retry_doubtful: bool
    batch_seconds: Positive
    precision: Literal["auto", "fp32", "bf16", "fp16"]

    @field_validator("temperature")
    @classmethod
    def _no_temperature_with_beams(cls, temperature: float, info: ValidationInfo) -> float:
        if temperature and info.data.get("num_beams", 1) > 1:
            raise ValueError("0 if num_beams is over 1, since beam search does not sample")
        return temperature


class Report(_Section):
    """Contents of metrics/report.html."""

    examples: Count
    audio: bool


class Runtime(_Section):
    """How work is run, which does not change results: no stage lists it in dvc.yaml, so a change reruns nothing."""

    device: Literal["auto", "cpu", "cuda", "mps"]
    processes: PositiveCount | None
    accelerate_config: Annotated[str, Field(min_length=1)] | None
    device_seconds: Positive
    gradient_checkpointing: bool
    compile: bool
    cache_frozen: bool
    checkpoint_minutes: NonNegative
    checkpoint_mirror: Annotated[str, Field(pattern=r"^[a-z][a-z0-9+.-]*://.+")] | None
    data_workers: Count
    report_to: Trackers
    preprocess_workers: Count
    dask_scheduler: Annotated[str, Field(pattern=r"^(tcp|tls)://")] | None


class Params(_Section):
    seed: Count
    base_model: Annotated[str, Field(min_length=1)]
    language: Language
    preprocess: Preprocess
    pseudo_labels: PseudoLabels
    train: Train
    train_lora: TrainLora
    train_selective: TrainSelective
    transcribe: Transcribe
    report: Report
    runtime: Runtime


def load(path: Path = PARAMS_FILE) -> Params:
    """Read and check a parameter file.

    Raises
    ------
    UserError
        The file is missing or not YAML, or names every missing, unknown or mistyped key and what was expected.
    """
    try:
        with open(path, encoding="utf-8") as file:
            values = YAML(typ="safe", pure=True).load(file)  # pure: YAML 1.2, which DVC writes, and no duplicate keys
    except FileNotFoundError:
        raise UserError(
            f"{path} is missing; run from the repository root, or restore it: git checkout {path}"
        ) from None
    except DuplicateKeyError as error:
        key = re.search('key "(.*?)" with', error.problem)[1]
        raise UserError(f"{path}, line {error.problem_mark.line + 1}: duplicate key '{key}'; keep one") from None
    except (YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from None
    return check(values, path)


def check(values: Any, path: Path = PARAMS_FILE) -> Params:
    """Check the contents of a parameter file; UserError as in `load`."""
    try:
        return Params.model_validate(values)
    except ValidationError as error:
        raise UserError(validation_errors.describe(path, error)) from None
