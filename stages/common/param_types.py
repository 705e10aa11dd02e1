"""The types of the values in params.yaml, with what a mistake in one is answered."""

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, PlainValidator

ALL = "all"  # layers
TRACKERS = ("tensorboard", "wandb", "mlflow")

Finite = Annotated[float, Field(allow_inf_nan=False)]
NonNegative = Annotated[Finite, Field(ge=0)]
Positive = Annotated[Finite, Field(gt=0)]
Share = Annotated[Finite, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]
PositiveCount = Annotated[int, Field(ge=1)]


def _regular_expression(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"a regular expression ({error})") from None
    return pattern


def _layers(value: Any) -> int | str:
    # Not a union type: pydantic would report a mistake once per member, under a path that is not a key.
    if value != ALL and (type(value) is not int or value < 0):
        raise ValueError(f"a number of layers or '{ALL}'")
    return value


def _trackers(value: Any) -> list[str]:
    if value == "none":
        return []
    names = value if isinstance(value, list) else [value]
    if any(name not in TRACKERS for name in names):
        raise ValueError(f"none, {', '.join(TRACKERS)}, or a list of these")
    return names


Pattern = Annotated[str, AfterValidator(_regular_expression)]
Layers = Annotated[int | Literal["all"], PlainValidator(_layers)]
Trackers = Annotated[list[str], PlainValidator(_trackers)]
