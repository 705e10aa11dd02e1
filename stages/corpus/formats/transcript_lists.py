"""Lists of transcripts in .txt files: each line has the name of a recording, spaces, and its text.

    u1.wav we call it bear                          84-121123-0000 GO DO YOU HEAR

LibriSpeech has such a list in each folder: 84/121123/84-121123.trans.txt, with 84-121123-0000.flac beside it. There the
speaker is the first part of the id; in other corpora it is the folder of the recording. Genders are read from
LibriSpeech's SPEAKERS.TXT and MLS's metainfo.txt. Lists with tabs, commas or pipes, such as MLS's transcripts.txt, are
read by table.py.
"""

from dataclasses import replace
from pathlib import Path, PurePosixPath

from stages.corpus.formats.text_files import whole_recording
from stages.corpus.rows.encodings import read_text
from stages.corpus.rows.files import Files, nfc
from stages.corpus.rows.list_lines import is_list, is_text_of, lines_of, listed_recording, may_be_list
from stages.corpus.rows.listed_speakers import PARTS, speaker_of_recording
from stages.corpus.rows.speakers import gender_of
from stages.corpus.rows.uncertain_times import uncertain_times
from stages.corpus.rows.utterance import Refused, SplitContents, Utterance

LIBRISPEECH = ".trans.txt"
GENDER_LISTS = ("speakers.txt", "metainfo.txt")  # id | F or M | ...
BOOKS = ("chapters.txt", "books.txt")  # of LibriSpeech


def claims(files: Files) -> list[Path]:
    texts = files.with_suffix(".txt")
    of_librispeech = any(_is_of_librispeech(path) for path in texts)
    paths = []
    for path in texts:
        name = path.name.lower()
        is_about_corpus = name in GENDER_LISTS or (of_librispeech and name in BOOKS)
        is_list_by_name = is_about_corpus or _is_of_librispeech(path)
        if (is_list_by_name and may_be_list(path, files)) or is_list(path, files):
            paths.append(path)
    return paths


def read(paths: list[Path], files: Files, reading: SplitContents) -> None:
    genders: dict[str, str | None] = {}
    for path in paths:
        name = path.name.lower()
        if name in BOOKS:
            reading.warn("a list of chapters or books, passed over", files.shown(path))
        elif name in GENDER_LISTS:
            _read_genders(path, files, reading, genders)
        else:
            _read_list(path, files, reading)
    utterances = []
    for row in reading.utterances:
        if row.gender is None and row.speaker in genders:
            row = replace(row, gender=genders[row.speaker])
        utterances.append(row)
    reading.utterances = utterances


def _is_of_librispeech(path: Path) -> bool:
    return path.name.lower().endswith(LIBRISPEECH)


def _read_genders(path: Path, files: Files, reading: SplitContents, genders: dict[str, str | None]) -> None:
    """Add the genders in a list of speakers to `genders`."""
    before = len(genders)
    for line in read_text(path, files.shown(path), reading).split("\n"):
        cells = [cell.strip() for cell in line.split("|")]
        if not line.startswith(";") and len(cells) > 1 and cells[1].lower() in ("f", "m"):
            genders[cells[0]] = gender_of(cells[1])
    if len(genders) == before:
        reading.warn("a list of speakers without lines such as: 84 | F; passed over", files.shown(path))


def _read_list(path: Path, files: Files, reading: SplitContents) -> None:
    """Add the utterances of a list; lines that cannot be read are refused."""
    place = files.shown(path)
    rows: list[Utterance] = []
    for line, name, text in lines_of(read_text(path, place, reading)):
        try:
            audio = listed_recording(name, path, files)
        except Refused as refused:
            reading.refuse(name, place, line, refused.reason, refused.detail)
            continue
        if audio in reading.annotated:  # by another file: the rows of this list are added after the loop
            reading.warn("a second transcript of a recording, passed over", f"{place}:{line}")
        elif is_text_of(audio, f"{place}:{line}", files, reading):
            rows.append(_utterance(name, text, line, audio, path, files, reading))
    uncertain = uncertain_times(rows, set())
    for row in rows:
        if row in uncertain:
            reading.refuse(row.id, place, row.line, "unclear-times", uncertain[row])
        else:
            reading.add(row)


def _utterance(
    name: str, text: str, line: int, audio: Path, path: Path, files: Files, reading: SplitContents
) -> Utterance:
    place = f"{files.shown(path)}:{line}"
    speaker, is_known = speaker_of_recording(audio, files)
    parts = PARTS.fullmatch(nfc(audio.stem))
    chapter = nfc(path.name)[: -len(LIBRISPEECH)]
    if parts and _is_of_librispeech(path) and chapter == f"{parts[1]}{parts[2]}{parts[3]}":
        if speaker != parts[1]:
            reading.warn("the speaker is the first part of the id, which the folders do not repeat", place)
        speaker, is_known = parts[1], True
    if not is_known:
        reading.warn_unknown_speaker(place)
    id = PurePosixPath(name).stem if _is_of_librispeech(path) else ""
    return whole_recording(
        audio, path, text, speaker, files, reading, format="list", id=id, line=line, speaker_known=is_known
    )
