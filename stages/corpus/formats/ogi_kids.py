"""OGI / CSLU Kids, LDC2007S18: 1100 children from kindergarten to grade 10 read prompts and tell something.

    speech/scripted/03/1/ks301/ks301a00.wav        grade 3, speaker ks301; the two characters before the last, a0, are
    docs/all.map               A0 "three blind mice"       the prompt
    docs/1-verified.txt        ../speech/scripted/03/1/ks301/ks301a00.wav 1
    speech/spontaneous/03/1/ks301/ks301xx0.wav     a minute or two
    trans/spontaneous/03/1/ks301/ks301xx0.txt      with marks such as <bn>, without times

Listeners have verified the prompts: 1 good, 2 something else is heard too, 3 the prompt is not said, 4 good with a puff
of air. Files carry byte-order marks and Windows line ends. (ESPnet's recipe egs2/myst_ogi_cmu_kids shows what the parts
of the paths are; lhotse's takes the grade for the prompt.)
"""

import re
from pathlib import Path

from stages.corpus.formats.text_files import whole_recording, words_in
from stages.corpus.rows.encodings import read_text
from stages.corpus.rows.files import Files
from stages.corpus.rows.utterance import Refused, SplitContents

NAME = re.compile(r"ks[0-9a-z]{3,6}", re.IGNORECASE)
PROMPT = re.compile(r"(\S{2})\s+\"?(.*?)\"?")
VERIFIED = re.compile(r"(\S+?)(?:\.wav)?\s+([1-4])", re.IGNORECASE)
DOCUMENTS = ("docs", "labels", "misc", "trans", "verify")  # folders beside speech/
NOT_SAID = "3"
FLAGS = {"2": ("verified-maybe",), "4": ("verified-puff",)}


def claims(files: Files) -> list[Path]:
    """The corpus's documents, if there are recordings of the corpus."""
    if not any(_kind(path) for path in files.recordings):
        return []
    return [path for path in files.with_suffix(".txt", ".map") if _is_document(path)]


def read(paths: list[Path], files: Files, reading: SplitContents) -> None:
    recordings = [path for path in files.recordings if _kind(path)]
    prompts = _prompts(paths, files, reading)
    verified = _verified(paths, files, reading)
    spoken = {path.stem.lower(): path for path in paths if "spontaneous" in _parts(path)}
    for audio in recordings:
        try:
            if _kind(audio) == "spontaneous":
                _add_spontaneous(audio, spoken, files, reading)
            else:
                _add_scripted(audio, prompts, verified, files, reading)
        except Refused as refused:
            reading.refuse(audio.stem, files.shown(audio), None, refused.reason, refused.detail)


def _parts(path: Path) -> list[str]:
    return [part.lower() for part in path.parts]


def _kind(path: Path) -> str:
    """scripted or spontaneous, where a recording lies as the corpus has it; else ""."""
    kind = path.parts[-5].lower() if len(path.parts) > 5 else ""
    in_place = kind in ("scripted", "spontaneous") and path.stem.lower().startswith(path.parent.name.lower())
    return kind if in_place and NAME.fullmatch(path.parent.name) else ""


def _is_document(path: Path) -> bool:
    return any(part in DOCUMENTS for part in _parts(path)[:-1])


def _prompts(documents: list[Path], files: Files, reading: SplitContents) -> dict[str, tuple[Path, int, str]]:
    """The file, the line and the text of each prompt."""
    found = {}
    for path in sorted(path for path in documents if path.name.lower() == "all.map"):
        for number, line in enumerate(read_text(path, files.shown(path), reading).split("\n"), start=1):
            if row := PROMPT.fullmatch(line.strip()):
                found[row[1].lower()] = path, number, row[2]
    return found


def _verified(documents: list[Path], files: Files, reading: SplitContents) -> dict[str, str]:
    """The code of each verified utterance."""
    found = {}
    for path in sorted(path for path in documents if path.name.lower().endswith("-verified.txt")):
        for line in read_text(path, files.shown(path), reading).split("\n"):
            if row := VERIFIED.fullmatch(line.strip()):
                found[row[1].replace("\\", "/").rsplit("/")[-1].lower()] = row[2]
    return found


def _who(audio: Path) -> dict:
    grade = audio.parts[-4].lower()
    known = grade.isdecimal() and int(grade) <= 12
    text = f"grade {int(grade)}" if known and int(grade) else "grade K" if known or grade == "k" else ""
    return {"id": audio.stem, "age": text, "format": "ogi-kids", "markup": "ogi"}


def _add_scripted(audio: Path, prompts: dict, verified: dict[str, str], files: Files, reading: SplitContents) -> None:
    reading.annotated.add(audio)
    code = verified.get(audio.stem.lower(), "")
    if code == NOT_SAID:
        reading.left_out["OGI prompts that were not said (verification code 3)"] += 1
        return
    key = audio.stem[-3:-1].lower()
    if key not in prompts:
        raise Refused("missing-prompt", f"docs/all.map has no prompt {key}")
    path, line, text = prompts[key]
    more = {**_who(audio), "line": line, "flags": FLAGS.get(code, ()) if code else ("not-verified",)}
    reading.add(whole_recording(audio, path, text, f"ogi-{audio.parent.name.lower()}", files, reading, **more))


def _add_spontaneous(audio: Path, spoken: dict[str, Path], files: Files, reading: SplitContents) -> None:
    if path := spoken.get(audio.stem.lower()):  # else it is counted as untranscribed
        text = words_in(path, files, reading)
        speaker = f"ogi-{audio.parent.name.lower()}"
        reading.add(whole_recording(audio, path, text, speaker, files, reading, **_who(audio)))
