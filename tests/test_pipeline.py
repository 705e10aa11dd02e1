"""The real pipeline, end to end, through dvc: on a few clips of the sample, in a repository of its own."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

ROOT = Path(__file__).parent.parent
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


def call(folder: Path, *command: str, expect: int = 0) -> str:
    """Run a command there and return what it printed; its failure is the test's failure."""
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "PYTHONPATH": ""}
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
        rows = [row for speaker in chosen for row in [r for r in rows if r["speaker"] == speaker][:clips]]
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
    (folder / "params.yaml").write_text(parameters.replace("epochs: 8", "epochs: 1"))
    call(folder, "git", "init", "-q")
    call(folder, "git", "add", "-A")
    call(folder, "git", "commit", "-qm", "start")
    return folder


@pytest.fixture(scope="module")
def repository(tmp_path_factory) -> Path:
    folder = make_repository(tmp_path_factory.mktemp("pipeline") / "repository")
    call(folder, "dvc", "repro")
    call(folder, "git", "add", "-A")
    call(folder, "git", "commit", "-qm", "first results")
    return folder


def figures(folder: Path) -> dict:
    return json.loads((folder / "metrics" / "scores.json").read_text())


def test_every_clip_is_scored_with_every_model(repository):
    scores = figures(repository)
    paired = scores.pop("paired")
    assert scores.keys() == {"base", "lora", "selective"}
    change = scores["lora"]["adult"]["wer"] - scores["base"]["adult"]["wer"]
    assert paired["adult"]["lora_minus_base"]["wer"] == pytest.approx(change, abs=2e-6)
    for model in scores.values():
        assert model["utterances"] == TEST_CLIPS
        assert model["adult"]["utterances"] == ADULT_CLIPS
        errors = model["substitutions"] + model["deletions"] + model["insertions"]
        assert model["wer"] == pytest.approx(errors / model["words"], abs=1e-6)
    assert len({model["words"] for model in scores.values()}) == 1


def test_five_formats_became_one_corpus(repository):
    card = json.loads((repository / "metrics" / "corpus.json").read_text())
    clips = {format: 0 for split in ("train", "dev") for format in card[split]["source"]}
    for split in ("train", "dev"):
        for format, amount in card[split]["source"].items():
            clips[format] += amount["clips"]
    session = clips.pop("textgrid")
    assert session > 5
    assert clips == {"kaldi": CLIPS_EACH, "chat": CLIPS_EACH - 1, "text": CLIPS_EACH, "table": CLIPS_EACH}
    assert card["train"]["left_out"] == 1  # the mother


def test_dvc_shows_the_headline_on_one_screen(repository):
    headline = json.loads((repository / "metrics" / "wer.json").read_text())
    scores = figures(repository)
    assert headline.keys() == {"base", "lora", "selective"}
    for model, block in headline.items():
        assert {key for key, value in block.items() if type(value) is float} == {"wer", "wer_low", "wer_high", "cer"}
        assert block["adult"]["wer"] == scores[model]["adult"]["wer"]
    lines = call(repository, "dvc", "metrics", "diff", "--all", "HEAD~1", "--targets", "metrics/wer.json").splitlines()
    assert len(lines) < 30
    assert all(len(line) <= 120 for line in lines)
    assert any("lora.wer" in line for line in lines)


def test_second_run_does_nothing(repository):
    assert "up to date" in call(repository, "dvc", "repro")
    assert call(repository, "git", "status", "--porcelain") == ""


TRAINING = {"train_lora", "train_selective"}
DECODING = {"transcribe@base", "transcribe@lora", "transcribe@selective"}


def changed_stages(folder: Path) -> set[str]:
    """The stages that `dvc repro` would run, those apart that only depend on their results."""
    return set(json.loads(call(folder, "dvc", "status", "--json")))


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("stages/common/errors.py", set()),
        ("stages/runtime/cost.py", set()),
        ("stages/results/page.html.j2", {"report"}),
        ("stages/scores/score_tables.py", {"evaluate", "report"}),
        ("stages/decoding/pauses.py", DECODING),
        ("stages/training/loss.py", TRAINING),
        ("stages/whisper/features.py", {"fetch_base", *TRAINING, *DECODING}),
        ("stages/wer/alignment.py", {"evaluate", "report", *TRAINING}),  # training counts errors on dev
        ("stages/corpus/formats/elan.py", {"preprocess"}),
        ("tools/doctor/git.py", set()),
    ],
)
def test_edit_reruns_what_it_can_affect(repository, file, expected):
    path = repository / file
    before = path.read_text()
    path.write_text(before + "\n")
    assert changed_stages(repository) == expected
    path.write_text(before)


def preprocessed_again(folder: Path) -> set[str]:
    """The stages that changed data changes once it is cut into clips."""
    call(folder, "dvc", "repro", "check_params", "preprocess")
    stages = changed_stages(folder)
    call(folder, "git", "reset", "-q", "--hard")  # dvc.lock is staged by dvc
    call(folder, "dvc", "checkout", "-q", "--force")
    return stages


def test_changed_test_set_trains_nothing_again(repository):
    rows = (repository / "data" / "test" / "metadata.jsonl").read_text().splitlines(keepends=True)
    (repository / "data" / "test" / "metadata.jsonl").write_text("".join(rows[1:]))
    assert preprocessed_again(repository) == {*DECODING, "evaluate", "report"}


def test_changed_training_filter_decodes_nothing_again(repository):
    parameters = (repository / "params.yaml").read_text()
    assert "min_words: 1 " in parameters
    (repository / "params.yaml").write_text(parameters.replace("min_words: 1 ", "min_words: 7 "))
    stages = preprocessed_again(repository)
    assert stages >= TRAINING
    assert not stages & DECODING


def test_models_load_with_no_code_of_this_project(repository):
    script = (
        "from peft import PeftModel; from transformers import WhisperForConditionalGeneration as W, pipeline;"
        "PeftModel.from_pretrained(W.from_pretrained('models/base'), 'models/lora');"
        "pipeline('automatic-speech-recognition', model='models/selective')"
    )
    call(repository, sys.executable, "-I", "-c", script)


def test_checkpoint_is_scored_outside_the_pipeline(repository):
    before = (repository / "metrics" / "wer.json").read_bytes()
    table = call(repository, sys.executable, "-m", "tools.score", "models/lora")
    row = next(line.split() for line in table.splitlines() if line.startswith("test "))
    assert row[1] == "models/lora"
    assert float(row[2]) == pytest.approx(100 * figures(repository)["lora"]["wer"], abs=0.01)
    assert (repository / "metrics" / "wer.json").read_bytes() == before


def test_report_is_kept_by_dvc_and_not_by_git(repository):
    assert "report.html" in (repository / "metrics" / ".gitignore").read_text()
    page = (repository / "metrics" / "report.html").read_text()
    assert "Which strategy is better?" in page
    assert page.count("<audio") > 0
    assert call(repository, "git", "ls-files", "metrics/report.html", "metrics/figures") == ""
    assert "metrics/figures/wer.png" in call(repository, "dvc", "plots", "show", "--json", "metrics/figures")


def test_recording_is_transcribed_by_a_tuned_model(repository):
    session = next((repository / "data" / "train" / "sessions").glob("*.ogg"))
    command = (sys.executable, "-m", "tools.transcribe", str(session), "--checkpoint", "models/lora")
    call(repository, *command, "--format", "srt", "--output", "subtitles")
    subtitles = (repository / "subtitles" / f"{session.stem}.srt").read_text()
    assert subtitles.count(" --> ") > 5
    shutil.rmtree(repository / "subtitles")


def test_report_parameters_score_nothing_again(repository):
    told = call(repository, "dvc", "exp", "run", "-S", "report.examples=1")
    assert [line for line in told.splitlines() if line.startswith("Running stage")] == [
        "Running stage 'check_params':",
        "Running stage 'report':",
    ]
    call(repository, "git", "checkout", "-q", ".")
    call(repository, "dvc", "checkout", "-q")


def test_override_reruns_only_what_depends_on_it(repository):
    told = call(repository, "dvc", "exp", "run", "-S", "train_lora.rank=8")
    for stage in ("fetch_base", "preprocess", "train_selective", "transcribe@base", "transcribe@selective"):
        assert f"Stage '{stage}' didn't change, skipping" in told, stage
    for stage in ("train_lora", "transcribe@lora", "evaluate", "report"):
        assert f"Running stage '{stage}'" in told, stage
    adapter = json.loads((repository / "models" / "lora" / "adapter_config.json").read_text())
    assert adapter["r"] == 8


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("metrics/wer.json", '"wer"', '"wer" ', "metrics/wer.json (evaluate)"),
        ("params.yaml", "weight_decay: ", "weight_decay: 1", "params.yaml: train (train_lora)"),
        ("models/lora/more", None, "x", "models/lora (train_lora)"),
    ],
)
def test_model_and_scores_of_two_runs_are_not_exported(repository, file, old, new, message):
    path = repository / file
    before = path.read_text() if path.exists() else None
    path.write_text(before.replace(old, new, 1) if before else new)
    told = call(repository, sys.executable, "-m", "tools.export", "lora", expect=1)
    assert f"error: the model and its scores are not of one run: {message}" in told
    path.unlink() if before is None else path.write_text(before)


def test_going_back_trains_nothing_again(repository):
    call(repository, "dvc", "exp", "run", "-S", "train_lora.rank=8")
    call(repository, "git", "checkout", "-q", "params.yaml")
    told = call(repository, "dvc", "repro")
    assert "Stage 'train_lora' is cached - skipping run" in told
    running = {line for line in told.splitlines() if line.startswith("Running stage")}
    # DVC has no run of `evaluate` to take back, since git keeps scores.json; it takes seconds.
    assert running <= {f"Running stage '{stage}':" for stage in ("report", "check_params", "evaluate")}
    call(repository, "git", "checkout", "-q", ".")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("train_lora.rank=0", "train_lora.rank: expected greater than or equal to 1"),
        ("train_lora.rank=eight", "train_lora.rank: expected a valid integer, got 'eight'"),
        ("train_lora.rnak=8", "Could not override 'train_lora.rnak'"),
        ("+train_lora.rnak=8", "train_lora.rnak: unknown key"),
        ("+sed=2", "sed: unknown key"),  # no stage depends on that, or on this
        ("runtime.device=tpu", "runtime.device: expected 'auto', 'cpu', 'cuda' or 'mps', got 'tpu'"),
    ],
)
def test_mistyped_override_is_exit_on_user_error(repository, override, message):
    told = call(repository, "dvc", "exp", "run", "-S", override, expect=255)
    assert message in told
    assert "Traceback" not in told
    assert told.count("Running stage") <= 1  # the one that refuses
    if "Could not" in message:  # dvc's own refusal
        assert call(repository, "git", "status", "--porcelain", "params.yaml") == ""
    else:
        assert "git checkout params.yaml" in told
    call(repository, "git", "checkout", "-q", "params.yaml", "dvc.lock")


def test_recipe_is_queued_shown_and_drawn_and_not_done_twice(repository):
    """Of what is quickest done: a parameter of the report."""
    plotted = repository / "experiments" / "plots" / "pages.png"
    (repository / "experiments" / "pages.sh").write_text(
        """set -euo pipefail
        for count in 2 8; do echo "pages-$count report.examples=$count"; done | python -m experiments.run
        dvc exp show --md --hide-workspace --drop '.*' --keep 'Experiment|report.examples|lora.wer$'
        python -m experiments.plot pages --vary report.examples
        """
    )
    told = call(repository, "bash", "experiments/pages.sh")
    assert "0 of them done" in told
    assert "pages-2" in told.split("report.examples")[-1]  # the table
    drawn = plotted.read_bytes()
    told = call(repository, "bash", "experiments/pages.sh")
    assert "2 experiments, 2 of them done" in told
    assert plotted.read_bytes() == drawn
    assert "pages" not in call(repository, "git", "status", "--porcelain", "--untracked-files=no")
