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

SPEAKER = re.compile(r"ks[0-9a-z]{3,6}", re.IGNORECASE)
PROMPT = re.compile(r"(\S{2})\s+\"?(.*?)\"?")
VERIFIED = re.compile(r"(\S+?)(?:\.wav)?\s+([1-4])", re.IGNORECASE)
DOCUMENTS = frozenset(("docs", "labels", "misc", "trans", "verify"))  # folders beside speech/
NOT_SAID = "3"
FLAGS = {"": ("not-verified",), "2": ("verified-maybe",), "4": ("verified-puff",)}
HIGHEST_GRADE = 12


def claims(files: Files) -> list[Path]:
    """The corpus's documents, if there are recordings of the corpus."""
    if not any(_kind(path) for path in files.recordings):
        return []
    return [path for path in files.with_suffix(".txt", ".map") if _is_document(path)]


def read(paths: list[Path], files: Files, reading: SplitContents) -> None:
    recordings = [path for path in files.recordings if _kind(path)]
    prompts = _prompts(paths, files, reading)
    verified = _verified(paths, files, reading)
    transcripts = {path.stem.lower(): path for path in paths if "spontaneous" in _parts(path)}
    for audio in recordings:
        try:
            if _kind(audio) == "spontaneous":
                _add_spontaneous(audio, transcripts, files, reading)
            else:
                _add_scripted(audio, prompts, verified, files, reading)
        except Refused as refused:
            reading.refuse(audio.stem, files.shown(audio), None, refused.reason, refused.detail)


def _parts(path: Path) -> list[str]:
    return [part.lower() for part in path.parts]


def _kind(path: Path) -> str:
    """scripted or spontaneous, where a recording is in the folder that the corpus has for it; else ""."""
    kind = path.parts[-5].lower() if len(path.parts) > 5 else ""
    if kind not in ("scripted", "spontaneous"):
        return ""
    speaker = path.parent.name
    is_speakers = path.stem.lower().startswith(speaker.lower())
    return kind if is_speakers and SPEAKER.fullmatch(speaker) else ""


def _is_document(path: Path) -> bool:
    return not DOCUMENTS.isdisjoint(_parts(path)[:-1])


def _prompts(documents: list[Path], files: Files, reading: SplitContents) -> dict[str, tuple[Path, int, str]]:
    """The file, the line and the text of each prompt, by its two characters."""
    prompts = {}
    for path in documents:
        if path.name.lower() != "all.map":
            continue
        for number, line in enumerate(read_text(path, files.shown(path), reading).split("\n"), start=1):
            row = PROMPT.fullmatch(line.strip())
            if row:
                prompts[row[1].lower()] = path, number, row[2]
    return prompts


def _verified(documents: list[Path], files: Files, reading: SplitContents) -> dict[str, str]:
    """The code of each verified utterance, by the name of its recording."""
    codes = {}
    for path in documents:
        if not path.name.lower().endswith("-verified.txt"):
            continue
        for line in read_text(path, files.shown(path), reading).split("\n"):
            row = VERIFIED.fullmatch(line.strip())
            if row:
                name = row[1].replace("\\", "/").rsplit("/")[-1]
                codes[name.lower()] = row[2]
    return codes


def speaker_of(path: Path) -> str:
    """The speaker whose folder a recording of the corpus is in; "" for other recordings."""
    return f"ogi-{path.parent.name.lower()}" if _kind(path) else ""


def _grade(audio: Path) -> str:
    """The school year that a recording's folder is for: grade K, grade 3; "" where the folder is named otherwise."""
    grade = audio.parts[-4].lower()
    if grade == "k":
        return "grade K"
    if not grade.isdecimal() or int(grade) > HIGHEST_GRADE:
        return ""
    return f"grade {int(grade)}" if int(grade) else "grade K"


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
    row = whole_recording(
        audio,
        path,
        text,
        speaker_of(audio),
        files,
        reading,
        format="ogi-kids",
        id=audio.stem,
        line=line,
        age=_grade(audio),
        markup="ogi",
        flags=FLAGS.get(code, ()),
    )
    reading.add(row)


def _add_spontaneous(audio: Path, transcripts: dict[str, Path], files: Files, reading: SplitContents) -> None:
    path = transcripts.get(audio.stem.lower())
    if path is None:
        return  # counted as untranscribed
    row = whole_recording(
        audio,
        path,
        words_in(path, files, reading),
        speaker_of(audio),
        files,
        reading,
        format="ogi-kids",
        id=audio.stem,
        age=_grade(audio),
        markup="ogi",
    )
    reading.add(row)
