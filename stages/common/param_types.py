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


def _language(value: Any) -> str:
    if isinstance(value, str) and re.fullmatch("[a-z]{2,3}", value):
        return value
    expected = "Whisper's code of the spoken language, such as en (it is not detected)"
    if value is False:  # as YAML 1.1 reads it
        raise ValueError(f"{expected}; Norwegian is 'no', in quotes")
    if code := _code_of(str(value)):
        raise ValueError(f"{expected}; that of {value} is {code}")
    raise ValueError(expected)


def _code_of(name: str) -> str | None:
    """Whisper's code of a language that is called by its name (Chinese), or by a longer code (zh-CN); None: unknown."""
    # Not at the top: it takes a second, and only a mistake needs it.
    from transformers.models.whisper.tokenization_whisper import TO_LANGUAGE_CODE

    name = name.strip().lower()
    short = re.split("[-_]", name)[0]
    for code in (TO_LANGUAGE_CODE.get(name), short):
        if code in TO_LANGUAGE_CODE.values():
            return code
    return None


Pattern = Annotated[str, AfterValidator(_regular_expression)]
Language = Annotated[str, PlainValidator(_language)]
Layers = Annotated[int | Literal["all"], PlainValidator(_layers)]
Trackers = Annotated[list[str], PlainValidator(_trackers)]
