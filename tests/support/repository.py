"""A repository of its own for the real pipeline, with a few clips of the sample."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import soundfile

from tests.support import warm_python

ROOT = Path(__file__).parent.parent.parent
CODE = (
    "stages",
    "tools",
    "experiments",
    "sample",
    "requirements.txt",
    "dvc.yaml",
    "params.yaml",
    ".dvcignore",
    ".gitignore",
    ".dvc/config",
    ".dvc/.gitignore",
)
TRAIN_SPEAKERS, CLIPS_EACH, TEST_CLIPS, ADULT_CLIPS = 4, 5, 8, 4


def call(folder: Path, *command: str, expect: int = 0, is_python_warm: bool = True) -> str:
    """Run a command there and return what it printed; its failure is the test's failure.

    Parameters
    ----------
    is_python_warm : start stages and tools with warm_python.py, else each with a Python of its own
    """
    programs = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    if is_python_warm:
        programs = f"{warm_python.folder()}:{programs}"
    environment = os.environ | {"PATH": programs, "PYTHONPATH": ""}
    git = {"GIT_AUTHOR_NAME": "t", "GIT_AUTHOR_EMAIL": "t@t", "GIT_COMMITTER_NAME": "t", "GIT_COMMITTER_EMAIL": "t@t"}
    done = subprocess.run(command, cwd=folder, env=environment | git, capture_output=True, text=True, timeout=900)
    assert done.returncode == expect, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


def small_corpus(target: Path) -> None:
    """A few clips a speaker out of the sample, in five formats: a table, Kaldi, CHAT, single texts and a TextGrid."""
    for split, speakers, clips in (
        ("train", TRAIN_SPEAKERS, CLIPS_EACH),
        ("test", 2, TEST_CLIPS // 2),
        ("adult", 2, 2),
    ):
        source = ROOT / "data" / split
        rows = [json.loads(line) for line in (source / "metadata.jsonl").read_text().splitlines()]
        chosen = sorted({row["speaker"] for row in rows})[:speakers]
        all_rows, rows = rows, []
        for speaker in chosen:
            rows += [row for row in all_rows if row["speaker"] == speaker][:clips]
        (target / split / "clips").mkdir(parents=True)
        for row in rows:
            shutil.copyfile(source / row["file_name"], target / split / row["file_name"])
        if split == "train":
            for speaker, write_in_format in zip(chosen, (write_kaldi, write_chat, write_texts), strict=False):
                write_in_format(target / split, speaker, [row for row in rows if row["speaker"] == speaker])
            rows = [row for row in rows if row["speaker"] not in chosen[:3]]
        (target / split / "metadata.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    session = sorted((ROOT / "data" / "train" / "sessions").glob("*.TextGrid"))[-1]
    (target / "train" / "sessions").mkdir()
    for path in (session, session.with_suffix(".ogg")):
        shutil.copyfile(path, target / "train" / "sessions" / path.name)
    shutil.copyfile(ROOT / "data" / "train" / "speakers.csv", target / "train" / "speakers.csv")


def write_kaldi(folder: Path, speaker: str, rows: list[dict]) -> None:
    tables = {"text": "", "wav.scp": "", "utt2spk": ""}
    for row in rows:
        name = Path(row["file_name"]).stem
        tables["text"] += f"{name} {row['text'].upper()}\n"
        tables["wav.scp"] += f"{name} /another/machine/{row['file_name']}\n"
        tables["utt2spk"] += f"{name} {speaker}\n"
    for table, text in tables.items():
        (folder / table).write_text(text)


def write_chat(folder: Path, speaker: str, rows: list[dict]) -> None:
    """The clips one after the other as one recording, with the child's and a mother's lines."""
    (folder / speaker).mkdir()
    lines = ["@UTF8", "@Begin", "@Participants:\tCHI Target_Child, MOT Mother"]
    lines += [f"@ID:\teng|x|{code}|||||{role}|||" for code, role in (("CHI", "Target_Child"), ("MOT", "Mother"))]
    samples, end = [], 0
    for index, row in enumerate(rows):
        start = end
        samples.append(soundfile.read(folder / row["file_name"])[0])
        end = start + round(1000 * len(samples[-1]) / soundfile.info(folder / row["file_name"]).samplerate)
        code = "MOT" if index == 0 else "CHI"
        lines.append(f"*{code}:\t&=laughs {row['text']} . \x15{start}_{end}\x15")
        (folder / row["file_name"]).unlink()
    rate = soundfile.info(ROOT / "data" / "train" / rows[0]["file_name"]).samplerate
    soundfile.write(folder / speaker / "s.wav", np.concatenate(samples), rate)
    (folder / speaker / "s.cha").write_text("\n".join([*lines, "@End", ""]))


def write_texts(folder: Path, speaker: str, rows: list[dict]) -> None:
    (folder / speaker).mkdir()
    for row in rows:
        audio = folder / row["file_name"]
        shutil.move(audio, folder / speaker / audio.name)
        (folder / speaker / audio.name).with_suffix(".txt").write_text(row["text"])


def make_repository(folder: Path) -> Path:
    for name in CODE:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copyfile
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        copy(ROOT / name, folder / name)
    small_corpus(folder / "data")
    parameters = (folder / "params.yaml").read_text()
    # Several workers are started anew each time; tests/test_profile.py and tests/test_preprocess.py have them.
    for old, new in (("epochs: 8", "epochs: 1"), ("preprocess_workers: 0", "preprocess_workers: 1")):
        assert parameters.count(old) == 1
        parameters = parameters.replace(old, new)
    (folder / "params.yaml").write_text(parameters)
    call(folder, "git", "init", "-q")
    call(folder, "git", "add", "-A")
    call(folder, "git", "commit", "-qm", "start")
    return folder
