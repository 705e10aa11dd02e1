"""Write an alignment as a Praat TextGrid, an ELAN file, a CHAT file with times, or JSON.

There is one tier for each speaker, a tier `confidence` with that of each line, and a tier `notes` with what a person
has to look at: lines that were not found, lines whose place is doubtful, and speech for which there is no line.
preprocess takes no text from `confidence` and `notes`.
"""

import json
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from praatio import textgrid

from stages.corpus.formats import textgrid as textgrid_format
from stages.corpus.rows import encodings, speaker_codes
from stages.records.units import Seconds
from tools.align.alignment import Alignment, Placed
from tools.align.transcript import Line

DOUBTFUL = 0.2  # lines of lower confidence are named as doubtful
CONFIDENCE, NOTES = "confidence", "notes"  # tiers
NO_SPEAKER = "speaker"  # the tier of lines without a speaker
SHORTEST_NOTE: Seconds = 0.1  # shorter notes are made so long, so that they can be clicked
MILLISECONDS = 1000  # in a second
LINE_ENDS = re.compile(r"(\r\n|\r|\n)")
BULLET = re.compile("[ \t]*\x15[^\x15]*\x15")
TIMES_OF_LINE = re.compile("%(wor|snd|mov):")  # dependent tiers that only repeat a line's times


@dataclass(frozen=True)
class Aligned:
    """What writers need: an alignment, its recording, and its transcript."""

    alignment: Alignment
    recording: Path
    seconds: Seconds  # of the recording
    transcript: Path


def tiers(alignment: Alignment, seconds: Seconds) -> dict[str, list[tuple[Seconds, Seconds, str]]]:
    """The tiers by name: (start, end, text) of each speaker's lines, of their confidence, and of the notes, in order.

    Within a tier, nothing overlaps.
    """
    rows: dict[str, list[tuple[Seconds, Seconds, str]]] = {}
    confidence = []
    for placed in alignment.placed:
        if placed.start is not None:
            name = tier_name(placed.line.speaker)
            rows.setdefault(name, []).append((placed.start, placed.end, one_row(placed.line.text)))
            confidence.append((placed.start, placed.end, str(placed.confidence)))
    rows[CONFIDENCE] = confidence
    rows[NOTES] = notes(alignment, seconds)
    return rows


def tier_name(speaker: str) -> str:
    """The name of a speaker's tier, changed if preprocess would take it for a tier of notes, words or phones."""
    name = one_row(speaker).replace('"', "'") or NO_SPEAKER
    is_no_speech = speaker_codes.meaning_of(name) == speaker_codes.NO_SPEECH
    if is_no_speech or textgrid_format.WORDS.fullmatch(name) or textgrid_format.NO_UTTERANCES.fullmatch(name):
        return f"{name} (speaker)"
    return name


def one_row(text: str) -> str:
    """Text without line ends and control characters, which neither TextGrid nor XML can hold."""
    printable = ""
    for letter in text:
        printable += " " if unicodedata.category(letter) == "Cc" else letter
    return " ".join(printable.split())


def notes(alignment: Alignment, seconds: Seconds) -> list[tuple[Seconds, Seconds, str]]:
    """(start, end, text) of what a person has to look at.

    Lines that were not found are noted between the placed lines before and after them.
    """
    rows = [(start, end, "speech without text") for start, end in alignment.without_text]
    missing: list[Line] = []
    end = 0.0
    for placed in [*alignment.placed, None]:
        if placed and placed.start is None:
            missing.append(placed.line)
            continue
        start = placed.start if placed else seconds
        if missing:
            texts = "; ".join(f"line {line.number} {one_row(line.text)}" for line in missing)
            rows.append((min(end, start), start, f"not found: {texts}"))
            missing = []
        if placed:
            end = placed.end
            if placed.confidence < DOUBTFUL:
                rows.append((placed.start, placed.end, f"doubtful ({placed.confidence}): line {placed.line.number}"))
    return _without_overlaps(sorted(rows), seconds)


def _without_overlaps(rows: list[tuple[Seconds, Seconds, str]], seconds: Seconds) -> list[tuple[Seconds, Seconds, str]]:
    """Join notes that overlap into one."""
    joined: list[tuple[Seconds, Seconds, str]] = []
    for start, end, text in rows:
        start = max(0.0, min(start, seconds - SHORTEST_NOTE))
        end = max(end, min(start + SHORTEST_NOTE, seconds))
        if joined and start < joined[-1][1]:
            before = joined[-1]
            joined[-1] = (before[0], max(before[1], end), f"{before[2]}; {text}")
        else:
            joined.append((start, end, text))
    return joined


def write_textgrid(path: Path, aligned: Aligned) -> None:
    grid = textgrid.Textgrid(0, aligned.seconds)
    for name, rows in tiers(aligned.alignment, aligned.seconds).items():
        grid.addTier(textgrid.IntervalTier(name, rows, 0, aligned.seconds))
    grid.save(str(path), format="long_textgrid", includeBlankSpaces=True)


def write_elan(path: Path, aligned: Aligned) -> None:
    """ELAN's own format, version 3.0 (https://www.mpi.nl/tools/elan/EAF_Annotation_Format_3.0_and_ELAN.pdf)."""
    root = ElementTree.Element("ANNOTATION_DOCUMENT", AUTHOR="", DATE="", FORMAT="3.0", VERSION="3.0")
    header = ElementTree.SubElement(root, "HEADER", MEDIA_FILE="", TIME_UNITS="milliseconds")
    name = aligned.recording.name
    ElementTree.SubElement(
        header, "MEDIA_DESCRIPTOR", MEDIA_URL=name, MIME_TYPE="audio/x-wav", RELATIVE_MEDIA_URL=f"./{name}"
    )
    order = ElementTree.SubElement(root, "TIME_ORDER")
    slots = annotations = 0
    for speaker, rows in tiers(aligned.alignment, aligned.seconds).items():
        tier = ElementTree.SubElement(root, "TIER", TIER_ID=speaker, LINGUISTIC_TYPE_REF="utterance")
        if speaker not in (CONFIDENCE, NOTES):
            tier.set("PARTICIPANT", speaker)
        for start, end, text in rows:
            for time in (start, end):
                slots += 1
                ElementTree.SubElement(
                    order, "TIME_SLOT", TIME_SLOT_ID=f"ts{slots}", TIME_VALUE=str(round(time * MILLISECONDS))
                )
            annotations += 1
            annotation = ElementTree.SubElement(
                ElementTree.SubElement(tier, "ANNOTATION"),
                "ALIGNABLE_ANNOTATION",
                ANNOTATION_ID=f"a{annotations}",
                TIME_SLOT_REF1=f"ts{slots - 1}",
                TIME_SLOT_REF2=f"ts{slots}",
            )
            ElementTree.SubElement(annotation, "ANNOTATION_VALUE").text = text
    ElementTree.SubElement(root, "LINGUISTIC_TYPE", LINGUISTIC_TYPE_ID="utterance", TIME_ALIGNABLE="true")
    ElementTree.indent(root)
    ElementTree.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)


def write_chat(path: Path, aligned: Aligned) -> None:
    """Write the CHAT file again, with a time (bullet) after each line that was found, and without its other times.

    The encoding and the line ends stay the same.
    """
    data = aligned.transcript.read_bytes()
    encoding = encodings.encoding_of(data)
    if encoding == "cp1252":
        encoding = "latin-1"  # keeps all 256 bytes as they are, which cp1252 does not; only ASCII is added
    parts = LINE_ENDS.split(data.decode(encoding))
    rows, line_ends = parts[::2], [*parts[1::2], ""]
    last_rows = {}  # first row -> last row of each line; a line goes on in rows that begin with a blank or tab
    first = 0
    for index, row in enumerate(rows):
        if not row.startswith((" ", "\t")):
            first = index
        last_rows[first] = index
    for placed in aligned.alignment.placed:
        first = placed.line.number - 1
        last = last_rows[first]
        for index in range(first, last + 1):
            rows[index] = BULLET.sub("", rows[index])
        if placed.start is not None:
            start, end = round(placed.start * MILLISECONDS), round(placed.end * MILLISECONDS)
            rows[last] = f"{rows[last].rstrip(' ')} \x15{start}_{end}\x15"
    written = []
    for first, last in last_rows.items():
        if not TIMES_OF_LINE.match(rows[first]):
            for index in range(first, last + 1):
                written += [rows[index], line_ends[index]]
    path.write_bytes("".join(written).encode(encoding))


def write_json(path: Path, aligned: Aligned) -> None:
    lines = [_row(placed) for placed in aligned.alignment.placed]
    content = {
        "recording": aligned.recording.name,
        "transcript": aligned.transcript.name,
        "lines": lines,
        "speech_without_text": [[round(start, 3), round(end, 3)] for start, end in aligned.alignment.without_text],
    }
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _row(placed: Placed) -> dict:
    return {
        "line": placed.line.number,
        "speaker": placed.line.speaker,
        "text": placed.line.text,
        "start": placed.start if placed.start is None else round(placed.start, 3),
        "end": placed.end if placed.end is None else round(placed.end, 3),
        "confidence": placed.confidence,
    }


# The suffix of a format's files, and the function that writes one.
FORMATS: dict[str, tuple[str, Callable[[Path, Aligned], None]]] = {
    "textgrid": (".TextGrid", write_textgrid),
    "elan": (".eaf", write_elan),
    "chat": (".timed.cha", write_chat),
    "json": (".align.json", write_json),
}
