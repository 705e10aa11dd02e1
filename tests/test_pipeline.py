"""The real pipeline, end to end, through dvc: on a few clips of the sample, in a repository of its own."""

import json
import shutil
from collections import Counter
from pathlib import Path

import pytest

from stages.records import paths
from stages.records.strategies import STRATEGIES
from tests.support.repository import ADULT_CLIPS, CLIPS_EACH, TEST_CLIPS, call, make_repository

pytestmark = pytest.mark.slow


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
    assert scores.keys() == paths.MODELS.keys()
    change = scores["lora"]["adult"]["wer"] - scores["base"]["adult"]["wer"]
    assert paired["adult"]["lora_minus_base"]["wer"] == pytest.approx(change, abs=2e-6)
    for sets in scores.values():
        test = sets["test"]
        assert test["utterances"] == TEST_CLIPS
        assert sets["adult"]["utterances"] == ADULT_CLIPS
        errors = test["substitutions"] + test["deletions"] + test["insertions"]
        assert test["wer"] == pytest.approx(errors / test["words"], abs=1e-6)
    assert len({sets["test"]["words"] for sets in scores.values()}) == 1


def test_five_formats_became_one_corpus(repository):
    card = json.loads((repository / "metrics" / "corpus.json").read_text())
    clips = Counter()
    for split in ("train", "dev"):
        for row in card[split]["by_source"]:
            clips[row["source"]] += row["clips"]
    session = clips.pop("textgrid")
    assert session > 5
    assert clips == {"kaldi": CLIPS_EACH, "chat": CLIPS_EACH - 1, "text": CLIPS_EACH, "table": CLIPS_EACH}
    assert card["train"]["left_out"] == 1  # the mother


def test_dvc_shows_the_headline_on_one_screen(repository):
    headline = json.loads((repository / "metrics" / "wer.json").read_text())
    scores = figures(repository)
    assert headline.keys() == paths.MODELS.keys()
    for model, block in headline.items():
        assert {key for key, value in block.items() if type(value) is float} == {"wer", "wer_low", "wer_high", "cer"}
        assert block["adult"]["wer"] == scores[model]["adult"]["wer"]
    lines = call(repository, "dvc", "metrics", "diff", "--all", "HEAD~1").splitlines()
    assert all(len(line) <= 120 for line in lines)
    assert any("lora.wer" in line for line in lines)
    rows = Counter(line.split()[0] for line in lines if line.startswith("metrics/"))
    assert rows.keys() == {"metrics/corpus.json", "metrics/labels.json", "metrics/wer.json"}
    assert rows["metrics/wer.json"] <= 24
    splits = ("train", "dev", "test", "adult")
    assert rows["metrics/corpus.json"] <= 7 * len(splits)  # also where all of the corpus changed
    assert rows["metrics/labels.json"] <= 8


def test_second_run_does_nothing(repository):
    assert "up to date" in call(repository, "dvc", "repro")
    assert call(repository, "git", "status", "--porcelain") == ""


TRAINING = {strategy.stage for strategy in STRATEGIES.values()}
DECODING = {f"transcribe@{name}" for name in paths.MODELS}


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
        ("stages/decoding/pauses.py", {"label", *DECODING}),
        ("stages/training/loss.py", TRAINING),
        ("stages/whisper/features.py", {"fetch_base", "label", *TRAINING, *DECODING}),
        ("stages/wer/alignment.py", {"label", "evaluate", "report", *TRAINING}),  # training counts errors on dev
        ("stages/corpus/formats/elan.py", {"preprocess", "label"}),
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
    assert preprocessed_again(repository) == {"label", *DECODING, "evaluate", "report"}


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
    call(repository, "python", "-I", "-c", script)


def test_checkpoint_is_scored_outside_the_pipeline(repository):
    before = (repository / "metrics" / "wer.json").read_bytes()
    table = call(repository, "python", "-m", "tools.score", "models/lora")
    row = next(line.split() for line in table.splitlines() if line.startswith("test "))
    assert row[1] == "models/lora"
    assert float(row[2]) == pytest.approx(100 * figures(repository)["lora"]["test"]["wer"], abs=0.01)
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
    command = ("python", "-m", "tools.transcribe", str(session), "--checkpoint", "models/lora")
    call(repository, *command, "--format", "srt", "--output", "subtitles")
    subtitles = (repository / "subtitles" / f"{session.stem}.srt").read_text()
    assert subtitles.count(" --> ") > 5
    shutil.rmtree(repository / "subtitles")


def test_report_parameters_score_nothing_again(repository):
    output = call(repository, "dvc", "exp", "run", "-S", "report.examples=1")
    assert [line for line in output.splitlines() if line.startswith("Running stage")] == [
        "Running stage 'check_params':",
        "Running stage 'report':",
    ]
    call(repository, "git", "checkout", "-q", ".")
    call(repository, "dvc", "checkout", "-q")


def test_override_reruns_only_what_depends_on_it(repository):
    output = call(repository, "dvc", "exp", "run", "-S", "train_lora.rank=8")
    for stage in ("fetch_base", "preprocess", "train_selective", "transcribe@base", "transcribe@selective"):
        assert f"Stage '{stage}' didn't change, skipping" in output, stage
    for stage in ("train_lora", "transcribe@lora", "evaluate", "report"):
        assert f"Running stage '{stage}'" in output, stage
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
    output = call(repository, "python", "-m", "tools.export", "lora", expect=1)
    assert f"error: the model and its scores are not of one run: {message}" in output
    path.unlink() if before is None else path.write_text(before)


def test_going_back_trains_nothing_again(repository):
    call(repository, "dvc", "exp", "run", "-S", "train_lora.rank=8")
    call(repository, "git", "checkout", "-q", "params.yaml")
    output = call(repository, "dvc", "repro")
    assert "Stage 'train_lora' is cached - skipping run" in output
    running = {line for line in output.splitlines() if line.startswith("Running stage")}
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
def test_mistyped_override_ends_in_one_line(repository, override, message):
    output = call(repository, "dvc", "exp", "run", "-S", override, expect=255)
    assert message in output
    assert "Traceback" not in output
    assert output.count("Running stage") <= 1  # the one that refuses
    if "Could not" in message:  # dvc's own refusal
        assert call(repository, "git", "status", "--porcelain", "params.yaml") == ""
    else:
        assert "git checkout params.yaml" in output
    call(repository, "git", "checkout", "-q", "params.yaml", "dvc.lock")


def test_recipe_is_queued_shown_and_drawn_and_not_done_twice(repository):
    """Of what is quickest done: a parameter of the report."""
    plotted = repository / "experiments" / "plots" / "pages.png"
    (repository / "experiments" / "pages.sh").write_text(
        """set -euo pipefail
        run='from experiments import run; run.POLL_SECONDS = 3; run.main()'
        for count in 2 8; do echo "pages-$count report.examples=$count"; done | python -c "$run"
        dvc exp show --md --hide-workspace --drop '.*' --keep 'Experiment|report.examples|lora.wer$'
        python -m experiments.plot pages --vary report.examples
        """
    )
    output = call(repository, "bash", "experiments/pages.sh")
    assert "0 of them done" in output
    assert "pages-2" in output.split("report.examples")[-1]  # the table
    drawn = plotted.read_bytes()
    output = call(repository, "bash", "experiments/pages.sh")
    assert "2 experiments, 2 of them done" in output
    assert plotted.read_bytes() == drawn
    assert "pages" not in call(repository, "git", "status", "--porcelain", "--untracked-files=no")
