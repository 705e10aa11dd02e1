"""data/replay: a training split in which everybody counts, apart from all others, and trained on as a share."""

import json
import shutil
from pathlib import Path

import pytest

from stages import preprocess
from stages.common.errors import UserError
from stages.corpus.formats import registry
from stages.records import paths, shards
from stages.runtime import cost
from stages.training import training_data
from tests.support.corpora import options, textgrid, write, write_audio, write_corpus, write_table
from tests.support.training import checkpoint_names, enter_copy, failing, run, settings, write_split

pytestmark = pytest.mark.slow

PARAMS = Path(__file__).parent.parent / "params.yaml"
CHILDREN = {"train": ["anna", "ben", "carl"], "test": ["dora"]}
REPLAY = paths.split_folder(paths.REPLAY)


@pytest.fixture
def project(tmp_path, monkeypatch) -> Path:
    """A corpus of children, with the default parameters, as the current folder."""
    shutil.copy(PARAMS, tmp_path / "params.yaml")
    monkeypatch.chdir(tmp_path)
    write_corpus(tmp_path / "data", CHILDREN)
    return tmp_path


def write_adults(folder: Path, names: tuple[str, str] = ("eve", "Mother"), seed: int = 100) -> None:
    """Two speakers, the first an adult by age, who say two utterances each."""
    rows = []
    for number in range(4):
        speaker = names[number % 2]
        write_audio(folder / f"{number}.wav", seed=seed + number)
        row = {"file_name": f"{number}.wav", "text": f"some words {number}", "speaker": speaker}
        rows.append(row | ({"age": 35} if speaker == names[0] else {}))
    write_table(folder, rows)


def speakers(split: str) -> set[str]:
    return {clip.speaker for clip in shards.read_manifest(paths.split_folder(split))}


def stopped() -> str:
    with pytest.raises(SystemExit) as raised:
        preprocess.main()
    return str(raised.value)


def test_adults_of_replay_stay_and_are_no_evaluation_set(project, capsys):
    write_adults(project / "data/replay")
    preprocess.main()
    assert len(shards.read_manifest(REPLAY)) == 4
    assert speakers("replay") == {"eve", "Mother"}
    assert [folder.name for folder in shards.evaluation_sets()] == ["test"]
    assert speakers("train") | speakers("dev") == {"anna", "ben", "carl"}
    card = json.loads(paths.CORPUS_FILE.read_text())
    assert card.keys() == {"train", "dev", "replay", "test"}
    assert (card["replay"]["clips"], card["replay"]["speakers"], card["replay"]["left_out"]) == (4, 2, 0)
    assert "seen_texts" not in card["replay"]
    assert "\nreplay " in capsys.readouterr().out


@pytest.mark.parametrize("split", ["train", "replay"])
def test_tiers_of_adults_count_in_replay_alone(tmp_path, split):
    folder = tmp_path / "data" / split
    write_audio(folder / "a.wav", seconds=10)
    write(folder / "a.TextGrid", textgrid({"CHI": [(0, 1, "a")], "MOT": [(2, 3, "b")], "FA1": [(4, 5, "c")]}))
    texts = [row.text_raw for row in registry.read_split(tmp_path / "data", split, options()).utterances]
    assert texts == {"train": ["a"], "replay": ["a", "b", "c"]}[split]


def test_dev_is_never_drawn_from_replay(project):
    write_adults(project / "data/replay")
    path = project / "params.yaml"
    path.write_text(path.read_text().replace("dev_fraction: 0.1", "dev_fraction: 0.9"))
    preprocess.main()
    assert len(speakers("dev")) == 2
    assert speakers("dev") < {"anna", "ben", "carl"}
    assert speakers("replay") == {"eve", "Mother"}


def test_split_is_written_empty_without_data_replay(project):
    preprocess.main()
    assert shards.read_manifest(REPLAY) == []
    assert json.loads(paths.CORPUS_FILE.read_text()).keys() == {"train", "dev", "test"}


def test_replay_without_transcripts_is_an_error(project):
    write_audio(project / "data/replay/0.wav")
    assert "data/replay holds no transcripts (1 recordings without any)" in stopped()


@pytest.mark.parametrize("other", ["train", "test", "dev", "adult"])
def test_speakers_of_replay_are_in_no_other_split(project, other):
    """Also not in train: dev may be drawn from it."""
    shared = {"train": "anna", "test": "dora"}.get(other, "fay")
    if shared == "fay":
        write_corpus(project / "data", {other: ["fay"]})
    write_adults(project / "data/replay", ("eve", shared))
    first, second = ("replay", other) if other in ("test", "adult") else (other, "replay")
    assert f"data/{first} and data/{second} share 1 speaker(s): {shared}" in stopped()


@pytest.mark.parametrize("other", ["train", "test"])
def test_sound_of_replay_is_in_no_other_split(project, other):
    write_adults(project / "data/replay")
    recording = next((project / "data" / other).rglob("*.wav"))
    shutil.copy(recording, project / "data/replay/0.wav")
    message = stopped()
    assert "share the audio of 1 clip(s)" in message
    assert "replay/0.wav" in message


def test_filters_of_training_data_hold_for_replay(project):
    write_adults(project / "data/replay")
    write_audio(project / "data/replay/4.wav", seconds=11)
    path = project / "data/replay/metadata.jsonl"
    row = {"file_name": "4.wav", "text": "longer than the window", "speaker": "gus"}
    path.write_text(path.read_text() + json.dumps(row) + "\n")
    preprocess.main()
    assert speakers("replay") == {"eve", "Mother"}
    rejected = [json.loads(line) for line in Path("processed_data/rejected.jsonl").read_text().splitlines()]
    assert [(row["split"], row["reason"], row["id"]) for row in rejected] == [("replay", "too-long", "4")]


@pytest.fixture
def workspace(training_inputs, tmp_path, monkeypatch) -> Path:
    """What training reads: 16 training clips, and 12 clips to replay."""
    root = enter_copy(training_inputs, tmp_path, monkeypatch)
    write_split(REPLAY, 12, seed=8)
    return root


def test_replay_is_not_read_at_share_0(workspace, capsys):
    with_clips = run("train_lora", settings())
    assert (
        "the 12 clips of processed_data/replay are not used, because train.replay_share is 0" in capsys.readouterr().out
    )
    assert "replay_clips_per_epoch" not in cost.known()["train_lora"]
    shutil.rmtree(REPLAY)
    assert run("train_lora", settings()) == with_clips
    assert "replay" not in capsys.readouterr().out


def test_resumed_run_replays_the_same_clips(workspace, monkeypatch, capsys):
    chosen = settings(replay_share=0.3, epochs=3)
    expected = run("train_lora", chosen)
    printed = capsys.readouterr().out
    assert "train_lora: 16 clips of 2 speakers, " in printed
    assert " of the 12 clips of processed_data/replay (2 speakers) are mixed into every epoch, " in printed
    figures = cost.known()["train_lora"]
    assert 0.15 < figures["replay_speech_share"] <= 0.3
    assert 0 < figures["replay_clips_per_epoch"] < 12
    steps = int(expected["metrics/train_lora.csv"].splitlines()[-1].split(b",")[0])
    for step in (steps // 3 + 1, steps - 1):  # in the second epoch, which has other clips than the first, and the third
        with monkeypatch.context() as patch:
            failing(patch, step, RuntimeError("stopped"))
            with pytest.raises(RuntimeError, match="stopped"):
                run("train_lora", chosen)
    assert checkpoint_names() != []
    assert run("train_lora", chosen) == expected
    assert expected != run("train_lora", settings(epochs=3))


def test_checkpoints_depend_on_replay_only_if_it_is_used():
    train, dev = paths.split_folder("train"), paths.split_folder("dev")
    assert training_data.folders(settings()) == [train, dev]
    assert training_data.folders(settings(replay_share=0.1)) == [train, dev, REPLAY]


def test_training_without_clips_to_replay_is_an_error(workspace):
    shutil.rmtree(REPLAY)
    REPLAY.mkdir()
    shards.write_manifest(REPLAY, [])
    with pytest.raises(UserError, match="processed_data/replay has no clip to train on"):
        run("train_lora", settings(replay_share=0.1))
