"""The files of tools.align: transcripts in, times out, and which goes with which."""

import json
import shutil
from pathlib import Path

import openpyxl
import pytest

from stages.common import params as parameters
from stages.common.errors import UserError
from stages.corpus.formats import registry
from stages.corpus.rows.utterance import SplitContents
from tests.support.corpora import PARAMS, options, write, write_audio
from tools.align import pairs, transcript, writers
from tools.align.alignment import Alignment, Placed
from tools.align.transcript import Line
from tools.align.writers import Aligned, notes, tiers


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def lines(name: str, content: str | bytes, recording: str = "a.wav") -> list[Line]:
    return transcript.read(write(Path(name), content), Path(recording), parameters.load(PARAMS))


def rows(name: str, content: str | bytes, recording: str = "a.wav") -> list[tuple[int, str, str]]:
    return [(line.number, line.speaker, line.text) for line in lines(name, content, recording)]


def test_text_with_speakers():
    content = "Anna: one two\n\nBen: three\nfour: five\r\nAnna: six\n"
    assert rows("a.txt", content) == [
        (1, "Anna", "one two"),
        (3, "Ben", "three"),
        (4, "Ben", "four: five"),
        (5, "Anna", "six"),
    ]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("0056: one\n0057: two\n0056: three\n", [("0056", "one"), ("0057", "two"), ("0056", "three")]),
        ("0056: one\n", [("0056", "one")]),
        ("007-b: one\n12: two\n", [("007-b", "one"), ("12", "two")]),
        (
            "Mum: one\n0056: two\nMum: three\nMum: six\n0056: so\n",
            [("Mum", "one"), ("0056", "two"), ("Mum", "three"), ("Mum", "six"), ("0056", "so")],
        ),
        ("1: one\n2: two\n3: three\n", [("", "1: one"), ("", "2: two"), ("", "3: three")]),
        ("Anna: one\n10: is a lot\nBen: three\n", [("Anna", "one"), ("Anna", "10: is a lot"), ("Ben", "three")]),
        ("10:30 is late\n10:40 too\n", [("", "10:30 is late"), ("", "10:40 too")]),
        (
            "0056: one\ntwo\nsix\n0057: so\nten\n0056: a\nb\n0058: c\n",
            [
                *(("0056", "one"), ("0056", "two"), ("0056", "six"), ("0057", "so"), ("0057", "ten")),
                *(("0056", "a"), ("0056", "b"), ("0058", "c")),
            ],
        ),
    ],
)
def test_ids_of_digits_are_speakers(content, expected):
    """Left in the text, an id would be learnt as a word."""
    assert [(speaker, text) for _, speaker, text in rows("a.txt", content)] == expected


NOT_SPEAKERS = [
    ["1: one", "2: two", "3: three", "1: four", "2: five", "3: six"],  # exercises
    ["1: one", "2: two", "4: three"],
    ["0: one", "1: two", "2: three"],
    ["01: one", "02: two", "03: three"],
    ["1a: one", "1b: two", "2a: three"],
    ["3: three", "2: two", "1: one"],
    ["2024: we moved", "2025: we stayed"],
    ["1st: wash", "2nd: dry"],
    ["10am: wake up", "7pm: go home"],
    ["3: 2", "3: 3", "3: 4", "4: 4"],  # scores
    ["10: is a lot", "ten", "10: is more", "so", "it is"],
    ["\u0661: one", "\u0662: two", "\u0663: three"],  # Arabic digits
    ["12: one"],
]


@pytest.mark.parametrize("shown", NOT_SPEAKERS)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_numbers_that_are_no_speakers(shown, end, capsys):
    """Read as speakers, they would be missing in the text, and each be a child of its own."""
    assert [row[1:] for row in rows("a.txt", end.join(shown) + end)] == [("", text) for text in shown]
    assert "numbers before a colon, read as words; if they are speakers, write names" in capsys.readouterr().err


@pytest.mark.parametrize("names", ["1 2 1 2", "1 1 2 3", "1 2 1 3 1 4", "1 2 3 2 1", "12 7 12", "3f 5m 3f"])
def test_numbers_that_are_speakers(names, capsys):
    names = names.split()
    content = "".join(f"{name}: one\n" for name in names)
    assert [row[1:] for row in rows("a.txt", content)] == [(name, "one") for name in names]
    assert "numbers before a colon, read as speakers; if they are none, delete them" in capsys.readouterr().err


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
def test_text_without_speakers(encoding):
    content = "un caf\xe9\n\n  Look: a bird  \ntrois\n"
    assert rows("a.txt", content.encode(encoding)) == [(1, "", "un caf\xe9"), (3, "", "Look: a bird"), (4, "", "trois")]


def test_oddities_of_a_file_are_reported(capsys):
    rows("a.txt", "caf\xe9\n".encode("cp1252"))
    rows("a.csv", "file;text\na.wav;one\n")
    rows("a.cha", CHAT)
    rows("b.cha", CHAT.replace("\x15", ""))
    assert capsys.readouterr().err.splitlines() == [
        "warning: a.txt: text that is not UTF-8, read as Windows-1252",
        "warning: a.csv: cells separated by semicolons, unlike the file's extension says",
    ]


def test_marks_are_not_spoken():
    read = lines("a.txt", "one xxx two\nxxx\n&=laughs three\n")
    assert [(line.text, line.spoken) for line in read] == [
        ("one xxx two", "one two"),
        ("xxx", ""),
        ("&=laughs three", "three"),
    ]


CHAT = """@UTF8
@Begin
@Participants:\tCHI Target_Child, MOT Mother
@ID:\teng|x|CHI|5;|||||Target_Child|||
@ID:\teng|x|MOT||||||Mother|||
*CHI:\tI want the
\t(t)ruck . \x15100_200\x15
%wor:\tI \x15100_120\x15 want \x15120_200\x15 .
%mor:\tpro|I v|want .
*MOT:\txxx .
*CHI:\tthe caf\xe9 &=laughs
\there \x15300_400\x15
\tnow . \x15400_500\x15
%snd:\t"a.aiff"_300_500
@End
"""


def test_chat():
    read = lines("a.cha", CHAT)
    assert [(line.number, line.speaker) for line in read] == [(6, "CHI"), (10, "MOT"), (11, "CHI")]
    assert read[0].text == "I want the (t)ruck ."
    assert [line.spoken.rstrip(".") for line in read] == ["I want the ruck", "", "the caf\xe9 here now"]


def test_chat_without_any_time():
    content = CHAT.replace('%snd:\t"a.aiff"_300_500\n', "")
    for time in ("100_200", "100_120", "120_200", "300_400", "400_500"):
        content = content.replace(f"\x15{time}\x15", "")
    assert [number for number, _, _ in rows("a.cha", content)] == [6, 10, 11]


def test_chat_line_without_a_colon_is_refused():
    with pytest.raises(UserError, match=r"a\.cha: line 15: there is no colon"):
        rows("a.cha", CHAT.replace("@End", "*CHI hello\n@End"))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", "file,text,speaker\nsub/a.wav,one,anna\nb.wav,other,ben\nsub/a.wav,two,ben\n"),
        ("a.tsv", "file\ttext\tspeaker\nsub\\a.mp3\tone\tanna\nb.wav\tother\tben\nsub\\a.mp3\ttwo\tben\n"),
    ],
)
def test_table_of_several_recordings(name, content):
    assert rows(name, content) == [(2, "anna", "one"), (4, "ben", "two")]


def test_workbook():
    book = openpyxl.Workbook()
    for cells in (("text", "speaker"), ("one", "anna"), ("two", "ben")):
        book.active.append(cells)
    book.save("a.xlsx")
    read = transcript.read(Path("a.xlsx"), Path("a.wav"), parameters.load(PARAMS))
    assert [(line.number, line.speaker, line.text) for line in read] == [(2, "anna", "one"), (3, "ben", "two")]


def test_json_lines():
    content = [{"file_name": "a.wav", "text": "one"}, {"file_name": "b.wav", "text": "x"}, {"text": "two\nwords"}]
    table = "".join(json.dumps(row) + "\n" for row in content[:2])
    assert rows("a.jsonl", table) == [(1, "", "one")]
    assert rows("b.jsonl", json.dumps(content[2])) == [(1, "", "two\nwords")]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", "", r"a\.txt holds no lines of a\.wav"),
        ("a.txt", "\n \n", r"a\.txt holds no lines of a\.wav"),
        ("a.txt", bytes(range(256)), r"a\.txt: it holds binary data"),
        ("a.csv", "", r"a\.csv holds no lines of a\.wav"),
        ("a.csv", "file,text\nb.wav,one\n", r"a\.csv holds no lines of a\.wav"),
        ("a.csv", "x,y\n1,2\n", r"a\.csv: no column holds the text; its columns are x, y"),
        (
            "a.csv",
            "file,text\nx/a.wav,one\ny/a.wav,two\n",
            r"rows for a\.wav are of several recordings: x/a\.wav, y/a\.wav; make a table for each",
        ),
        ("a.jsonl", '{"text": "one"}\n{"text":\n', r"a\.jsonl, line 2: not JSON"),
        ("a.xlsx", b"nothing", r"a\.xlsx: it is no \.xlsx workbook"),
        ("a.cha", "hello\n", r"a\.cha: 0 utterances"),
        ("a.txt", "version https://git-lfs.github.com/spec/v1\noid sha256:aa\n", r"data/\.\./a\.txt is only a Git LFS"),
    ],
)
def test_transcripts_that_cannot_be_read(name, content, message):
    with pytest.raises(UserError, match=message):
        rows(name, content)


def test_recording_and_transcript_of_the_same_name():
    recording = write_audio(Path("a.wav"))
    text = write(Path("a.txt"), "one\n")
    assert pairs.pairs(recording, None) == [(recording, text)]
    other = write(Path("b.cha"), CHAT)
    assert pairs.pairs(recording, other) == [(recording, other)]


def test_folder_of_recordings(capsys):
    for name in ("x/a.wav", "x/sub/b.flac", "x/c.wav"):
        write_audio(Path(name))
    for name in ("x/a.txt", "x/sub/b.cha", "x/d.txt"):
        write(Path(name), "one\n")
    assert pairs.pairs(Path("x"), None) == [
        (Path("x/a.wav"), Path("x/a.txt")),
        (Path("x/sub/b.flac"), Path("x/sub/b.cha")),
    ]
    (told,) = capsys.readouterr().out.splitlines()
    assert told.startswith("x/c.wav: no transcript beside it")


@pytest.mark.parametrize(
    ("recording", "text"), [("a.wav", "a.TXT"), ("a.WAV", "a.Cha"), ("caf\u00e9.wav", "cafe\u0301.txt")]
)
def test_transcript_is_found_however_its_name_is_written(recording, text):
    write_audio(Path("x") / recording)
    write(Path("x") / text, "one\n")
    expected = [(Path("x") / recording, Path("x") / text)]
    assert pairs.pairs(Path("x"), None) == pairs.pairs(Path("x") / recording, None) == expected


@pytest.mark.parametrize("recording", ["x", "x/a.wav"])
@pytest.mark.parametrize("names", [("a.cha", "a.txt"), ("a.csv", "a.json")])
def test_one_of_several_transcripts_is_not_guessed(recording, names):
    """Beside the transcript there may be notes, or what a program has recognised."""
    write_audio(Path("x/a.wav"))
    for name in names:
        write(Path("x") / name, "one\n")
    message = rf"x/a\.wav has several transcripts beside it: {', '.join(names)}; name the recording and one of"
    with pytest.raises(UserError, match=message):
        pairs.pairs(Path(recording), None)
    assert pairs.pairs(Path("x/a.wav"), Path("x", names[0])) == [(Path("x/a.wav"), Path("x", names[0]))]


@pytest.mark.parametrize("name", ["a.txt", "a.cha"])
def test_table_beside_a_transcript_describes_the_recording(name):
    write_audio(Path("x/a.wav"))
    for beside in (name, "a.json", "a.csv"):
        write(Path("x") / beside, "one\n")
    assert pairs.pairs(Path("x"), None) == [(Path("x/a.wav"), Path("x") / name)]


@pytest.mark.parametrize(
    ("recording", "text", "message"),
    [
        ("none.wav", None, r"none\.wav is not a file"),
        ("a.wav", None, r"a\.wav has no transcript beside it \(one of a\.txt, a\.cha,"),
        ("a.wav", "none.txt", r"none\.txt is not a file"),
        ("a.wav", "a.docx", r"a\.docx: transcripts are read from \.txt, \.cha,"),
        ("x", None, "x holds no recording with a transcript of the same name beside it"),
        ("x", "b.txt", r"x is a folder; leave out b\.txt: transcripts are read beside its recordings"),
    ],
)
def test_pairs_that_are_not_there(recording, text, message):
    write_audio(Path("a.wav"))
    write_audio(Path("x/c.wav"))
    write(Path("a.docx"), "one\n")
    write(Path("b.txt"), "one\n")
    with pytest.raises(UserError, match=message):
        pairs.pairs(Path(recording), Path(text) if text else None)


def test_files_to_write():
    files = [(Path("x/a.wav"), Path("x/a.cha")), (Path("x/b.mp3"), Path("x/b.cha"))]
    assert pairs.targets(files, "textgrid", None) == [Path("x/a.TextGrid"), Path("x/b.TextGrid")]
    assert pairs.targets(files, "elan", Path("out")) == [Path("out/a.eaf"), Path("out/b.eaf")]
    assert pairs.targets(files, "chat", None) == [Path("x/a.timed.cha"), Path("x/b.timed.cha")]
    assert pairs.targets(files, "json", None) == [Path("x/a.align.json"), Path("x/b.align.json")]


@pytest.mark.parametrize(
    ("recordings", "form", "output", "message"),
    [
        ("x/a.wav x/b.wav", "textgrid", None, r"x/b\.TextGrid is there already; move it away"),
        ("x/a.wav y/a.wav", "textgrid", "out", r"two recordings would be written to out/a\.TextGrid"),
        ("x/a.wav x/a.mp3", "elan", None, r"two recordings would be written to x/a\.eaf"),
        ("x/a.wav", "textgrid", "file", "file is a file; name a folder"),
        ("x/a.wav", "chat", None, r"x/a\.txt: only a \.cha transcript can be written as CHAT"),
    ],
)
def test_files_that_cannot_be_written(recordings, form, output, message):
    write(Path("x/b.TextGrid"), "corrected by hand")
    write(Path("file"), "")
    files = [(Path(name), Path(name).with_suffix(".txt")) for name in recordings.split()]
    with pytest.raises(UserError, match=message):
        pairs.targets(files, form, Path(output) if output else None)


def placed(number: int, speaker: str, text: str, start: float | None, end: float | None, confidence: float = 0.5):
    return Placed(Line(number, speaker, text, text), start, end, None if start is None else confidence)


ALIGNMENT = Alignment(
    [
        placed(1, "Anna", "one two", 0.53, 1.25),
        placed(2, "Ben Ali", 'a "big"\nbear', 1.25, 2.0, confidence=0.1),
        placed(3, "Anna", "not there", None, None),
        placed(5, "Anna", "d\xe9j\xe0 <vu> & x", 3.125, 9.8),
        placed(6, "Ben Ali", "nor there", None, None),
    ],
    [(2.2, 2.9)],
)


def written(form: str, alignment: Alignment, text: str | bytes = "", **changes) -> SplitContents:
    """What preprocess reads from a file that was written beside its recording."""
    suffix, write_file = writers.FORMATS[form]
    recording = write_audio(Path("data/train/a.wav"), 10.0)
    source = write(Path("a.cha" if form == "chat" else "a.txt"), text)
    write_file(Path(f"data/train/a.{suffix.rpartition('.')[2]}"), Aligned(alignment, recording, 10.0, source))
    return registry.read_split(Path("data"), "train", options(**changes))


def utterances(reading: SplitContents) -> list[tuple]:
    return sorted((row.start, row.end, row.speaker, row.text_raw) for row in reading.utterances)


@pytest.mark.parametrize("form", ["textgrid", "elan"])
def test_written_lines_are_read_back(form):
    reading = written(form, ALIGNMENT)
    assert utterances(reading) == [
        (0.53, 1.25, "Anna", "one two"),
        (1.25, 2.0, "Ben Ali", 'a "big" bear'),
        (3.125, 9.8, "Anna", "d\xe9j\xe0 <vu> & x"),
    ]
    assert not reading.refusals
    assert all(row.speaker_known for row in reading.utterances)
    assert set(reading.left_out) == {"no speech: confidence", "no speech: notes"}


@pytest.mark.parametrize("form", ["textgrid", "elan"])
@pytest.mark.parametrize(
    "name",
    ["notes", "Confidence", "Task", "Words", 'Anna "Bo"', "Anna\nBo", " Anna", "\xc9lo\xefse", "O'Neill <x> & y"],
)
def test_speakers_of_any_name_are_kept(form, name):
    reading = written(form, Alignment([placed(1, name, "one", 1.0, 2.0), placed(2, "Cy", "two", 3.0, 4.0)], []))
    read = [(row.start, row.end, row.text_raw) for row in reading.utterances]
    assert sorted(read) == [(1.0, 2.0, "one"), (3.0, 4.0, "two")]
    (first, _) = sorted(reading.utterances, key=lambda row: row.start)
    assert first.speaker_known
    assert first.speaker.removesuffix(" (speaker)") == " ".join(name.split()).replace('"', "'")


@pytest.mark.parametrize("form", ["textgrid", "elan"])
def test_control_characters_are_left_out(form):
    reading = written(form, Alignment([placed(1, "Anna", "o\x02ne\x01 \x15two\tthree", 1.0, 2.0)], []))
    assert [row.text_raw for row in reading.utterances] == ["o ne two three"]


@pytest.mark.parametrize("form", ["textgrid", "elan"])
def test_transcript_without_speakers(form):
    reading = written(form, Alignment([placed(1, "", "one", 1.0, 2.0)], []))
    assert [(row.speaker, row.speaker_known, row.text_raw) for row in reading.utterances] == [("a", False, "one")]


def test_notes():
    assert notes(ALIGNMENT, 10.0) == [
        (1.25, 2.0, "doubtful (0.1): line 2"),
        (2.0, 3.125, "not found: line 3 not there; speech without text"),
        (9.8, 10.0, "not found: line 6 nor there"),
    ]


def test_confidence_of_each_line_that_was_found():
    rows = tiers(ALIGNMENT, 10.0)
    assert list(rows) == ["Anna", "Ben Ali", "confidence", "notes"]
    lines = sorted((start, end) for name in ("Anna", "Ben Ali") for start, end, _ in rows[name])
    assert [(start, end) for start, end, _ in rows["confidence"]] == lines
    assert rows["confidence"][1] == (1.25, 2.0, "0.1")


def test_notes_at_the_end_and_between_neighbours_have_a_length():
    lines = [placed(1, "", "one", 0.0, 5.0), placed(2, "", "two", None, None), placed(3, "", "three", 5.0, 10.0)]
    alignment = Alignment([*lines, placed(4, "", "four", None, None)], [])
    rows = notes(alignment, 10.0)
    assert [text for _, _, text in rows] == ["not found: line 2 two", "not found: line 4 four"]
    assert all(0 <= start < end <= 10.0 for start, end, _ in rows)
    for form in ("textgrid", "elan"):
        assert [row[:2] for row in utterances(written(form, alignment))] == [(0.0, 5.0), (5.0, 10.0)]
        shutil.rmtree("data")


CHAT_ALIGNMENT = Alignment(
    [
        placed(6, "CHI", "I want the (t)ruck .", 1.5, 2.25),
        placed(10, "MOT", "xxx .", None, None),
        placed(11, "CHI", "the caf\xe9 here now .", 3.0004, 4.0),
    ],
    [],
)


def test_chat_is_written_with_new_times_only():
    reading = written("chat", CHAT_ALIGNMENT, CHAT, everyone_in=["train"])
    assert [(row.line, row.start, row.end, row.text_raw, row.words) for row in reading.utterances] == [
        (6, 1.5, 2.25, "I want the (t)ruck .", ()),
        (10, 3.0, 4.0, "the caf\xe9 &=laughs here now .", ()),
    ]
    assert [(row.line, row.reason) for row in reading.refusals] == [(9, "untimed")]
    text = Path("data/train/a.cha").read_text()
    assert "*CHI:\tI want the\n\t(t)ruck . \x151500_2250\x15\n%mor:\tpro|I v|want .\n*MOT:\txxx .\n" in text
    assert "\there\n\tnow . \x153000_4000\x15\n@End\n" in text


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "cp1252"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_chat_keeps_its_encoding_and_line_ends(encoding, line_end):
    """Nothing changes but the times."""
    untimed = CHAT.replace(" \x15100_200\x15", "").replace(" \x15300_400\x15", "").replace(" \x15400_500\x15", "")
    for tier in ("%wor:\tI \x15100_120\x15 want \x15120_200\x15 .\n", '%snd:\t"a.aiff"_300_500\n'):
        untimed = untimed.replace(tier, "")
    lines = [placed(6, "CHI", "", 1.5, 2.25), placed(9, "MOT", "", None, None), placed(10, "CHI", "", 3.0, 4.0)]
    source = untimed.replace("\n", line_end).encode(encoding)
    written("chat", Alignment(lines, []), source)
    result = Path("data/train/a.cha").read_bytes()
    for name in NAMES[encoding]:
        for time in ("1500_2250", "3000_4000"):
            result = result.replace(f" \x15{time}\x15".encode(name), b"")
    assert len(source) < len(Path("data/train/a.cha").read_bytes())
    assert result == source


# Without a byte-order mark: that of the file is at its start.
NAMES = {
    "utf-8": ["utf-8"],
    "utf-8-sig": ["utf-8"],
    "utf-16": ["utf-16-le", "utf-16-be"],
    "utf-16-be": ["utf-16-be"],
    "cp1252": ["cp1252"],
}


def test_bytes_that_windows_1252_does_not_have_are_kept():
    source = CHAT.encode("cp1252").replace(b"here", b"here\x81\x85")
    written("chat", CHAT_ALIGNMENT, source)
    assert b"\there\x81\x85\n" in Path("data/train/a.cha").read_bytes()


def test_json():
    _, write_file = writers.FORMATS["json"]
    write_file(Path("a.json"), Aligned(ALIGNMENT, Path("x/a.wav"), 10.0, Path("x/a.txt")))
    content = json.loads(Path("a.json").read_text())
    assert (content["recording"], content["transcript"]) == ("a.wav", "a.txt")
    assert content["speech_without_text"] == [[2.2, 2.9]]
    assert content["lines"][0] == {
        "line": 1,
        "speaker": "Anna",
        "text": "one two",
        "start": 0.53,
        "end": 1.25,
        "confidence": 0.5,
    }
    assert content["lines"][2]["start"] is None
