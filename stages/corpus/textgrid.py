"""Praat TextGrids beside recordings of the same stem: one interval tier a speaker, named after the speaker."""

import re
from pathlib import Path

from praatio.utilities.constants import INTERVAL_TIER
from praatio.utilities.textgrid_io import parseTextgridStr

from stages.corpus.files import Files, nfc, read_text
from stages.corpus.utterance import Reading, Refused, Utterance
from stages.units import Seconds


def textgrids(files: Files) -> list[Path]:
    return [path for path in files.paths if path.suffix.lower() == ".textgrid"]


def read(path: Path, files: Files, reading: Reading, wanted_tiers: str) -> None:
    """Add the labelled intervals of those tiers whose names match the regular expression `wanted_tiers` as a whole."""
    place = files.shown(path)
    try:
        audio = files.beside(path)
        tiers = _tiers(read_text(path, place, reading))
    except Refused as refused:
        reading.refuse(files.named(path), place, None, refused.reason, refused.detail)
        return
    reading.annotated.add(audio)
    for tier in tiers:
        name = nfc(tier["name"]).strip()
        spoken = tier["class"] == INTERVAL_TIER
        wanted = spoken and re.fullmatch(wanted_tiers, name)
        if not wanted:
            reading.tiers_left_out[name] += 1
        for number, interval in enumerate(tier["entries"] if spoken else [], start=1):
            id = f"{files.named(path)}-{name}-{number:04d}"
            try:
                start, end = _times(interval)
                if wanted:
                    text = " ".join(interval[2].split("\n"))
                    reading.add(_utterance(id, audio, text, name, start, end, place, files))
                else:  # somebody else speaks here: no context is to be taken from it
                    reading.occupy(audio, start, end)
            except Refused as refused:
                reading.refuse(id, place, None, refused.reason, refused.detail)


def _tiers(text: str) -> list[dict]:
    # Not praatio's openTextgrid: it refuses a whole file for one interval that ends before it starts,
    # and reads neither Windows-1252 nor UTF-8 with a byte-order mark.
    try:
        return parseTextgridStr(text, includeEmptyIntervals=False)["tiers"]
    except Exception as error:  # its string handling raises whatever it meets: ValueError, IndexError, AttributeError
        raise Refused("broken-textgrid", f"praatio cannot read it ({type(error).__name__}: {error})") from None


def _times(interval: tuple) -> tuple[Seconds, Seconds]:
    try:
        return float(interval[0]), float(interval[1])
    except ValueError:
        raise Refused("bad-time", f"from {interval[0]} to {interval[1]}") from None


def _utterance(
    id: str, audio: Path, text: str, speaker: str, start: Seconds, end: Seconds, place: str, files: Files
) -> Utterance:
    return Utterance(
        id=id,
        audio=audio,
        source=files.shown(audio),
        text_raw=text,
        speaker=speaker,
        speaker_known=True,
        start=start,
        end=end,
        age_months=None,
        gender=None,
        file=place,
        line=None,
    )
