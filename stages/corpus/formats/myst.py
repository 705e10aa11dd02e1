"""My Science Tutor (MyST), LDC2021S05: 1371 children of grades 3 to 5 talk with a virtual science tutor, 400 hours.

    <student>/<session>/myst_002030_2014-02-28_10-37-34_EE_1.1_001.flac      with a .trn beside it for 45 % of them

The six digits are three of the school and three of the student. The transcripts are full of marks in many spellings
(stages/corpus/markup/plain_markup.py); no child's age is given. The official partitions share no student.
"""

import re
from pathlib import Path

from stages.corpus.formats.text_files import whole_recording, words_in
from stages.corpus.rows.files import Files
from stages.corpus.rows.utterance import Refused, SplitContents

NAME = re.compile(r"myst_([0-9]{6})_.+", re.IGNORECASE)


def claims(files: Files) -> list[Path]:
    return [path for path in files.with_suffix(".trn") if NAME.fullmatch(path.stem)]


def speaker_of(path: Path) -> str:
    """The student whom the name of a file tells; "" for files with other names."""
    name = NAME.fullmatch(path.stem)
    return f"myst-{name[1]}" if name else ""


def read(paths: list[Path], files: Files, reading: SplitContents) -> None:
    for path in paths:
        try:
            audio = files.beside(path)
            text = words_in(path, files, reading)
            row = whole_recording(audio, path, text, speaker_of(path), files, reading, format="myst", id=path.stem)
            reading.add(row)
        except Refused as refused:
            reading.refuse(path.stem, files.shown(path), None, refused.reason, refused.detail)
