"""The stage as a whole: what it writes, what it refuses, and that it writes the same again."""

import errno
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from stages import preprocess
from stages.cutting import audio, video
from stages.records import paths, shards
from stages.records.shards import Clip, read_audio, read_manifest
from tests.support.containers import encoded, write_parquet, write_tar
from tests.support.corpora import noise, textgrid, write, write_audio, write_corpus, write_table

pytestmark = pytest.mark.slow

PARAMS = Path(__file__).parent.parent / "params.yaml"
SPEAKERS = {"train": ["anna", "ben", "carl"], "test": ["dora"]}


@pytest.fixture
def project(tmp_path, monkeypatch) -> Path:
    """An empty project with the default parameters, as the current folder."""
    shutil.copy(PARAMS, tmp_path / "params.yaml")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def set_params(project: Path, old: str, new: str) -> None:
    path = project / "params.yaml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def clips(split: str) -> dict[str, Clip]:
    return {clip.id: clip for clip in read_manifest(paths.split_folder(split))}


def speakers(split: str) -> set[str]:
    return {clip.speaker for clip in clips(split).values()}


def audio_of(split: str, clip: Clip) -> np.ndarray:
    return read_audio(paths.split_folder(split), clip)


def rejected() -> list[dict]:
    return [json.loads(line) for line in Path("processed_data/rejected.jsonl").read_text().splitlines()]


def tree() -> dict[str, bytes]:
    root = Path("processed_data")
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def stopped() -> str:
    with pytest.raises(SystemExit) as raised:
        preprocess.main()
    return str(raised.value)


def test_corpus_without_speakers(project, capsys):
    for number, split in enumerate(["train", "train", "test"]):
        write_audio(project / f"data/{split}/{number}.wav", seed=number)
        write(project / f"data/{split}/{number}.txt", f"words {number}")
    assert "data/train names no speaker of its 2 recordings. Folders are speakers" in stopped()
    set_params(project, "unknown_speakers: refuse", "unknown_speakers: per_recording")
    preprocess.main()
    assert "intervals assume that each recording is of another speaker" in capsys.readouterr().out
    card = json.loads(paths.CORPUS_FILE.read_text())
    for split in ("train", "dev", "test"):
        assert [clip.flags for clip in clips(split).values()] == [["unknown-speaker"]]
        assert card[split]["flagged"] == [{"flag": "unknown-speaker", "clips": 1}]


def test_corpus_with_some_speakers(project):
    write_corpus(project / "data", SPEAKERS)
    for number in range(2):
        write_audio(project / f"data/test/{number}.wav", seed=100 + number)
        write(project / f"data/test/{number}.txt", f"words {number}")
    preprocess.main()
    assert {name: clip.speaker_known for name, clip in clips("test").items()} == {
        "0": False,
        "1": False,
        **{name: True for name in clips("test") if name.startswith("dora")},
    }
    card = json.loads(paths.CORPUS_FILE.read_text())
    assert {split: amounts["flagged"] for split, amounts in card.items()} == {
        "train": [],
        "dev": [],
        "test": [{"flag": "unknown-speaker", "clips": 2}],
    }


def test_small_corpus(project, capsys):
    write_corpus(project / "data", {**SPEAKERS, "adults": ["anna's father"]})
    write(project / "data/README.md", "hi")
    preprocess.main()
    files = ("manifest.jsonl", "shard-00000.tar")
    folders = ("dev", "evaluation/adults", "evaluation/test", "train")
    expected = {f"{folder}/{file}" for folder, file in itertools.product(folders, files)}
    assert tree().keys() == expected | {
        "rejected.jsonl",
        "replay/manifest.jsonl",
        "sounds.jsonl",
        "untranscribed.jsonl",
    }
    assert speakers("train") | speakers("dev") == {"anna", "ben", "carl"}
    assert (len(speakers("train")), len(speakers("dev"))) == (2, 1)
    clip = clips("test")["dora-0"]
    assert (clip.text, clip.age_months, clip.source, clip.duration) == ("words 0 of dora", 84, "test/dora/0.wav", 1.0)
    np.testing.assert_allclose(audio_of("test", clip), noise(1, seed=7), atol=1e-4)
    assert rejected() == []
    assert "adults" in capsys.readouterr().out


def test_same_bytes_again(project):
    write_corpus(project / "data", SPEAKERS)
    write_audio(project / "data/train/session.wav", seconds=5, rate=44_100)
    write(
        project / "data/train/session.TextGrid", textgrid({"eve": [(0, 1, "a"), (2, 3, "b")], "fay": [(1.5, 4, "c")]})
    )
    preprocess.main()
    first = tree()
    preprocess.main()
    assert tree() == first
    # The same files, created in the opposite order.
    files = [path for path in sorted((project / "data").rglob("*")) if path.is_file()]
    for path in reversed(files):
        write(project / "copy" / path.relative_to(project / "data"), path.read_bytes())
    shutil.rmtree(project / "data")
    (project / "copy").rename(project / "data")
    preprocess.main()
    assert tree() == first
    assert not any(str(project).encode() in content for content in first.values())


def test_session_is_cut(project):
    write_corpus(project / "data", SPEAKERS)
    session = noise(10, seed=99)
    session[6 * 16_000 : 8 * 16_000] = 0
    soundfile.write(project / "data/train/s.wav", session, 16_000)
    child = [
        (1, 2, "one"),
        (2.04, 3, "two"),
        (5, 6, "quiet"),
        (6.2, 7, "nothing"),
        (9, 10.4, "last"),
        (9.5, 10.6, "x"),
    ]
    write(
        project / "data/train/s.TextGrid",
        textgrid({"eve": child, "mot": [(3.02, 3.5, "yes"), (4.95, 5.5, "hm"), (8.5, 8.95, " ")]}),
    )
    set_params(project, "max_refused: 0.2", "max_refused: 0.5")
    preprocess.main()
    learned = [*clips("train").values(), *clips("dev").values()]
    found = {clip.text: clip for clip in learned if clip.speaker == "eve"}
    assert {text: clip.duration for text, clip in found.items()} == {
        "one": 1.14,  # "two" begins 0.04 s after it
        "two": 1.02,  # and somebody else 0.02 s after that
        "quiet": 1.1,  # overlapped at its start
        "last": 1.1,  # trimmed to the recording, which ends with it
    }
    split = "train" if "eve" in {clip.speaker for clip in clips("train").values()} else "dev"
    np.testing.assert_allclose(
        audio_of(split, found["one"]), session[round(0.9 * 16_000) : round(2.04 * 16_000)], atol=1e-4
    )
    assert (found["last"].start, found["last"].end) == (9.0, 10.4)
    assert {row["reason"] for row in rejected()} == {"silence", "end-beyond-audio"}


def test_recording_is_decoded_once(project, monkeypatch):
    write_corpus(project / "data", SPEAKERS)
    write_audio(project / "data/test/s.wav", seconds=10)
    write(project / "data/test/s.TextGrid", textgrid({"x": [(i, i + 0.5, "hi") for i in range(9)]}))
    set_params(project, "preprocess_workers: 0", "preprocess_workers: 1")
    decoded = []
    decode = audio.decode
    monkeypatch.setattr(audio, "decode", lambda path, *rest: decoded.append(path.name) or decode(path, *rest))
    preprocess.main()
    assert decoded.count("s.wav") == 1
    assert len(clips("test")) == 9 + 2


def test_lengths(project):
    write_corpus(project / "data", SPEAKERS)
    for split in ("train", "test"):
        rows = []
        for name, seconds in (("short", 0.2), ("long", 10.7)):
            write_audio(project / f"data/{split}/{name}.wav", seconds)
            rows.append({"file_name": f"{name}.wav", "text": name, "speaker": SPEAKERS[split][0]})
        write(project / f"data/{split}/more/metadata.jsonl", "\n".join(map(json.dumps, rows)))
    set_params(project, "max_refused: 0.2", "max_refused: 0.5")
    preprocess.main()
    assert "more-long" not in clips("train")
    assert clips("test")["long"].duration == 10.7
    refused = [(row["reason"], row["file"], row["line"]) for row in rejected()]
    assert ("too-long", "train/more/metadata.jsonl", 2) in refused
    assert sorted(reason for reason, _, _ in refused) == ["too-long", "too-short", "too-short"]


def test_capitals_are_lowered(project):
    write_corpus(project / "data", SPEAKERS)
    write_audio(project / "data/test/a.wav")
    write_table(project / "data/test", [{"file_name": "a.wav", "text": "WE CALL IT\u00a0BEAR", "speaker": "x"}])
    preprocess.main()
    clip = clips("test")["a"]
    assert (clip.text, clip.text_raw) == ("we call it bear", "WE CALL IT\u00a0BEAR")


def test_capitals_are_lowered_beside_a_larger_corpus_in_lower_case(project):
    write_corpus(project / "data", SPEAKERS, utterances=5)
    write_audio(project / "data/train/emil/1.wav")
    write(project / "data/train/emil/1.txt", "MY NAME IS EMIL")  # one of 16 utterances, in a format of its own
    write_audio(project / "data/train/more/2.wav", seed=1000)
    write_table(project / "data/train/more", [{"file_name": "2.wav", "text": "Anna said NO", "speaker": "emil"}])
    preprocess.main()
    texts = {clip.source: clip.text for clip in [*clips("train").values(), *clips("dev").values()]}
    assert texts["train/emil/1.wav"] == "my name is emil"
    assert texts["train/more/2.wav"] == "Anna said NO"


def test_dev_folder_is_used(project):
    write_corpus(project / "data", {"train": ["anna"], "dev": ["ben"], "test": ["dora"]})
    preprocess.main()
    assert {clip.speaker for clip in clips("dev").values()} == {"ben"}


@pytest.mark.parametrize(
    ("speakers", "message"),
    [
        ({"train": ["anna", "ben"]}, "data/test is missing"),
        ({"test": ["anna"]}, "data/train is missing"),
        ({}, "data/train is missing"),
        ({"train": ["anna"], "test": ["dora"]}, "data/train has 1 speaker"),
        ({"train": ["anna", "ben"], "test": ["ben"]}, "data/train and data/test share 1 speaker(s): ben"),
    ],
)
def test_mistakes_are_reported(project, speakers, message):
    write_corpus(project / "data", speakers)
    assert message in stopped()
    assert not list(project.rglob("manifest.jsonl"))


def test_too_many_refused(project):
    write_corpus(project / "data", SPEAKERS)
    for number in range(2):
        write(project / f"data/train/anna/{number}.wav", b"<html>")
    message = stopped()
    assert "are refused (unreadable-audio 2)" in message
    assert "processed_data/rejected.jsonl" in message
    assert [row["reason"] for row in rejected()] == ["unreadable-audio"] * 2
    assert not list(project.rglob("manifest.jsonl"))
    set_params(project, "max_refused: 0.2", "max_refused: 0.9")
    write_audio(project / "data/train/anna/0.wav")
    preprocess.main()
    assert [(row["id"], row["detail"]) for row in rejected()] == [
        ("anna-1", "train/anna/1.wav: libsndfile: Format not recognised")
    ]


def test_nothing_left(project):
    write_corpus(project / "data", {**SPEAKERS, "adults": []})
    write(project / "data/adults/metadata.jsonl", '{"file_name": "gone.wav", "text": "hi"}')
    set_params(project, "max_refused: 0.2", "max_refused: 1.0")
    assert "1 of 1 utterances of the adults set are refused (missing-audio 1)" in stopped()


def test_unknown_marks_stop_the_run_and_are_named(project):
    write_corpus(project / "data", SPEAKERS)
    for split, speakers in SPEAKERS.items():
        for speaker in speakers:
            write_audio(project / f"data/{split}/{speaker}/marked.wav", seed=ord(speaker[0]) + 100)
            write(project / f"data/{split}/{speaker}/marked.txt", "the [whirr] cat <THUMP> sat")
    message = stopped()
    assert "are refused (unknown-markup 3)" in message
    assert "markup (say what it is in preprocess.markup): <thump> 3, [whirr] 3;" in message
    assert not list(project.rglob("manifest.jsonl"))
    set_params(project, "markup: {}", 'markup: {"<thump>": noise, "[whirr]": noise}')
    preprocess.main()
    marked = clips("test")["dora-marked"]
    assert (marked.text, marked.text_raw) == ("the cat sat", "the [whirr] cat <THUMP> sat")


def test_filters_spare_evaluation_sets(project):
    write_corpus(project / "data", SPEAKERS)  # of four words each, in a second
    for split, speaker in (("train", "anna"), ("test", "dora")):
        write_audio(project / f"data/{split}/{speaker}/short.wav", seed=len(split) + 200)
        write(project / f"data/{split}/{speaker}/short.txt", "yes")
    set_params(project, "min_words: 1", "min_words: 3")
    preprocess.main()
    assert [(row["file"], row["reason"]) for row in rejected()] == [("train/anna/short.txt", "too-few-words")]
    assert clips("test")["dora-short"].text == "yes"


def test_filter_counts_characters_where_words_have_no_spaces(project):
    write_corpus(project / "data", SPEAKERS)  # of four Latin words each, which are four units
    # "Good", and "I drink milk".
    for name, text in (("short", "\u597d \u3002"), ("long", "\u6211\u559d\u725b\u5976\u3002")):
        write_audio(project / f"data/train/anna/{name}.wav", seed=len(name) + 300)
        write(project / f"data/train/anna/{name}.txt", text)
    set_params(project, "language: en", "language: zh")
    set_params(project, "min_words: 1", "min_words: 3")
    preprocess.main()
    assert [(row["file"], row["detail"]) for row in rejected()] == [("train/anna/short.txt", "fewer than 3 characters")]


def test_characters_are_joined_without_spaces(project):
    write_corpus(project / "data", SPEAKERS)
    write_audio(project / "data/test/dora/drink.wav", 2, seed=300)
    tier = [(0, 0.5, "\u6211"), (0.6, 1, "\u559d"), (1.1, 2, "\u725b\u5976")]  # "I", "drink", "milk"
    write(project / "data/test/dora/drink.TextGrid", textgrid({"words": tier}, 2))
    set_params(project, "language: en", "language: zh")
    preprocess.main()
    assert clips("test")["dora-drink-0001"].text == "\u6211\u559d\u725b\u5976"


@pytest.mark.parametrize("text", ["", "   ", "<NOISE>"])
def test_nothing_said_is_refused_everywhere(project, text):
    write_corpus(project / "data", SPEAKERS)
    for split, speaker in (("train", "anna"), ("test", "dora")):
        write_audio(project / f"data/{split}/{speaker}/nothing.wav", seed=len(split) + 200)
        write(project / f"data/{split}/{speaker}/nothing.txt", text)
    preprocess.main()
    assert [(row["split"], row["reason"]) for row in rejected()] == [("test", "empty-text"), ("train", "empty-text")]


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("we don\ufffdt know", "a character was lost before"),
        ("we don\u00e2\u20ac\u2122t know", "is UTF-8 that was read as Windows-1252"),
        ("\u00e2\u20ac\u0153hello\u00e2\u20ac\x9d", "is UTF-8 that was read as Windows-1252"),
        ("caf\u00c3\u00a9 au lait", "is UTF-8 that was read as Windows-1252"),
        ("f\u00c3\u00bcnf", "is UTF-8 that was read as Windows-1252"),
    ],
)
def test_damaged_characters_are_refused_everywhere(project, text, detail):
    write_corpus(project / "data", SPEAKERS, utterances=5)
    for split in ("train", "test"):
        write_audio(project / f"data/{split}/more/odd.wav", seed=len(split))
        row = {"file_name": "odd.wav", "text": text, "speaker": "emil" if split == "train" else "dora"}
        write_table(project / f"data/{split}/more", [row])
    preprocess.main()
    refused = [row for row in rejected() if row["reason"] == "damaged-text"]
    assert [(row["file"], row["line"]) for row in refused] == [
        ("test/more/metadata.jsonl", 1),
        ("train/more/metadata.jsonl", 1),
    ]
    assert all(detail in row["detail"] for row in refused)


def test_unintelligible_speech_is_refused_and_stops_nothing(project):
    write_corpus(project / "data", SPEAKERS)
    for number in range(9):
        write_audio(project / f"data/train/anna/x{number}.wav", seed=300 + number)
        write(project / f"data/train/anna/x{number}.txt", "the (()) cat")
    preprocess.main()
    assert [row["reason"] for row in rejected()] == ["unintelligible"] * 9


def test_shared_audio_stops_the_run_unless_allowed(project, capsys):
    write_corpus(project / "data", SPEAKERS)
    samples, rate = soundfile.read(project / "data/train/anna/0.wav", dtype="int16")
    soundfile.write(project / "data/test/dora/again.flac", samples, rate)
    write(project / "data/test/dora/again.txt", "words 0 of anna")
    message = stopped()
    assert "test share the audio of 1 clip(s): train/anna/0.wav (anna-0) = test/dora/again.flac (dora-again)" in message
    assert not list(project.rglob("manifest.jsonl"))
    set_params(project, "allow_shared_audio: false", "allow_shared_audio: true")
    preprocess.main()
    assert "share the audio of 1 clip(s)" in capsys.readouterr().out
    assert "dora-again" in clips("test")


def test_shared_speaker_is_allowed(project, capsys):
    write_corpus(project / "data", {"train": ["anna", "ben"], "test": ["ben"]})
    set_params(project, "allow_shared_speakers: false", "allow_shared_speakers: true")
    preprocess.main()
    assert "share 1 speaker(s): ben" in capsys.readouterr().out
    assert len(clips("test")) == 2


def test_ages_of_the_speaker_list_leave_adults_out(project, capsys):
    write_corpus(project / "data", {**SPEAKERS, "adult": []})
    for speaker in ("gail", "hal"):
        for split in ("train", "adult"):
            write_audio(project / f"data/{split}/{speaker}/{split}.wav", seed=ord(speaker[0]) + 50 * (split == "train"))
            write(project / f"data/{split}/{speaker}/{split}.txt", "said so")
            write(project / f"data/{split}/speakers.csv", "speaker,age\ngail,41 years\nhal,6;06\n")
    set_params(project, "allow_shared_speakers: false", "allow_shared_speakers: true")
    preprocess.main()
    output = capsys.readouterr().out
    assert "train: left out: " in output
    assert "adult: left out: " not in output
    learned = [*clips("train").values(), *clips("dev").values()]
    children = [clip for clip in learned if clip.speaker in ("gail", "hal")]
    assert [(clip.speaker, clip.age, clip.age_months) for clip in children] == [("hal", "6;06", 78)]
    assert {clip.speaker for clip in clips("adult").values()} == {"gail", "hal"}


def test_video_without_its_package_is_reported_before_anything_is_written(project, monkeypatch):
    write_corpus(project / "data", SPEAKERS)
    write(project / "data/train/anna/film.M4A", b"anything")
    write(project / "data/train/anna/film.txt", "hello")
    monkeypatch.setattr(video, "installed", lambda: False)
    message = stopped()
    assert "data/train/anna/film.M4A" in message
    assert "pip install av" in message
    assert not Path("processed_data").exists()


def test_same_utterance_twice_is_kept_once(project):
    write_corpus(project / "data", SPEAKERS)
    table = project / "data/train/metadata.jsonl"
    write(table, table.read_bytes() + table.read_bytes().splitlines(keepends=True)[0])
    preprocess.main()
    (row,) = rejected()
    assert (row["id"], row["file"], row["reason"]) == ("anna-0", "train/metadata.jsonl", "duplicate")
    assert row["line"] in (1, 7)


def test_folder_of_shared_audio_is_no_evaluation_set(project, capsys):
    for split, speakers in SPEAKERS.items():
        rows = []
        for speaker in speakers:
            write_audio(project / f"data/WAVE/{speaker}.WAV", seed=ord(speaker[0]))
            rows.append({"file_name": f"../WAVE/{speaker}.WAV", "text": "hi", "speaker": speaker})
        write_table(project / "data" / split, rows)
    preprocess.main()
    assert "data/WAVE holds no transcripts, so it is no evaluation set (4 recordings)" in capsys.readouterr().out
    assert not Path("processed_data/WAVE").exists()


def test_full_disk_is_one_line(project, monkeypatch):
    write_corpus(project / "data", SPEAKERS)

    def no_space(*arguments, **row):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "processed_data/train/shard-00000.tar")

    monkeypatch.setattr(shards.ShardWriter, "write", no_space)
    with pytest.raises(SystemExit) as exit:
        preprocess.main()
    assert exit.value.code == (
        "error: the disk is full (writing processed_data/train/shard-00000.tar): No space left on device; make room, "
        "then run the same command again"
    )
    assert not Path("processed_data/train/manifest.jsonl").exists()


def test_killed_run_never_looks_complete(project):
    write_corpus(project / "data", {"train": [f"child{number}" for number in range(60)], "test": ["dora"]}, 5)
    environment = os.environ | {"PYTHONPATH": str(PARAMS.parent)}
    process = subprocess.Popen(
        [sys.executable, "-m", "stages.preprocess"], cwd=project, env=environment, start_new_session=True
    )
    try:
        while process.poll() is None and not list(project.glob("processed_data/train/*.tar")):
            time.sleep(0.01)
        process.kill()
        process.wait()
        assert not list(project.rglob("manifest.jsonl"))
        assert ended(process.pid), "workers outlive a killed stage"
    finally:
        if not ended(process.pid):
            os.killpg(process.pid, signal.SIGKILL)
    preprocess.main()
    assert sum(len(clips(split)) for split in ("train", "dev")) == 300


def ended(group: int) -> bool:
    """Whether all processes of a group end within ten seconds."""
    for _ in range(100):
        listed = subprocess.run(["ps", "-eo", "pgid=,stat="], capture_output=True, text=True, check=True).stdout
        rows = [line.split() for line in listed.splitlines()]
        if not any(pgid == str(group) and not stat.startswith("Z") for pgid, stat in rows):  # Z: only not yet buried
            return True
        time.sleep(0.1)
    return False


def test_without_torch():
    """Preprocessing runs where there is no torch, and starts in a moment."""
    code = "import sys, stages.preprocess; sys.exit('torch' in sys.modules or 'datasets' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=PARAMS.parent, check=False).returncode == 0


REAL_CHILDREN = PARAMS.parent.parent / "shared" / "corpora" / "so762-kids"


@pytest.mark.skipif(not REAL_CHILDREN.is_dir(), reason=f"needs the corpus {REAL_CHILDREN.name} beside the project")
def test_real_children(project):
    """A Kaldi corpus as it was handed over: 760 utterances of 38 children, in capitals, one longer than the window."""
    (project / "data").symlink_to(REAL_CHILDREN)
    preprocess.main()
    every = [*clips("train").values(), *clips("dev").values(), *clips("test").values()]
    assert len(every) == 759
    assert [row["reason"] for row in rejected()] == ["too-long"]
    assert len(speakers("train") | speakers("dev")) == 28
    assert len(speakers("test")) == 10
    assert not speakers("train") & speakers("dev")
    assert all(6 * 12 <= clip.age_months <= 12 * 12 for clip in every)
    assert all(clip.text == clip.text_raw.lower() != clip.text_raw for clip in every)


def write_containers(data: Path) -> None:
    """A corpus with no recording that is a file of its own: parquet in train, a tar in test."""
    columns = {"audio": [], "text": [], "speaker": []}
    for number in range(6):
        columns["audio"].append({"bytes": encoded(0.5 + number / 10, seed=number), "path": f"{number}.wav"})
        columns["text"].append(f"words {number}")
        columns["speaker"].append(SPEAKERS["train"][number % 3])
    write_parquet(data / "train/train-00000-of-00001.parquet", columns)
    members = {"dora/1.flac": encoded(0.9, seed=50, format="FLAC"), "dora/1.txt": "something else"}
    write_tar(data / "test/0.tar", members)


def test_recordings_inside_other_files(project):
    write_containers(project / "data")
    set_params(project, "preprocess_workers: 0", "preprocess_workers: 1")
    preprocess.main()
    train, dev, test = clips("train"), clips("dev"), clips("test")
    assert sorted(clip.duration for clip in (*train.values(), *dev.values())) == [0.5, 0.6, 0.7, 0.8, 0.9, 1.0]
    assert {clip.speaker for clip in train.values()}.isdisjoint(clip.speaker for clip in dev.values())
    (clip,) = test.values()
    assert (clip.source, clip.duration, clip.speaker) == ("test/0.tar::dora/1.flac", 0.9, "dora")
    first = tree()
    set_params(project, "preprocess_workers: 1", "preprocess_workers: 2")
    preprocess.main()
    assert tree() == first


def test_sound_that_is_read_twice_in_one_split_is_a_warning(project, capsys):
    """A tar beside what was unpacked from it into a folder of another name."""
    write_containers(project / "data")
    write(project / "data/test/unpacked/dora/1.flac", encoded(0.9, seed=50, format="FLAC"))
    write(project / "data/test/unpacked/dora/1.txt", "something else")
    preprocess.main()
    assert len(clips("test")) == 2
    assert (
        "test: warning: clips with the same sound, each counted: if they were read twice, remove one of the files"
        " (1, first: test/0.tar::dora/1.flac (0-dora-1) = test/unpacked/dora/1.flac (unpacked-dora-1))"
    ) in capsys.readouterr().out


def test_sound_of_a_parquet_file_that_is_in_another_split(project):
    write_containers(project / "data")
    write_tar(project / "data/test/1.tar", {"eve/1.wav": encoded(0.6, seed=1), "eve/1.txt": "words 1"})
    message = stopped()
    assert "train-00000-of-00001.parquet::000001/1.wav" in message
    assert "test/1.tar::eve/1.wav" in message
