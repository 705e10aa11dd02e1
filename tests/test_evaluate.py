"""Scores and their table, and the README's copy of it."""

import json
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest

from stages import evaluate
from stages.common import params
from stages.common.errors import UserError
from stages.decoding import splits
from stages.records import light_normaliser, speaker_share
from stages.records.error_unit import CHARACTERS
from stages.records.seen_texts import TrainedTexts
from stages.records.transcripts import Journal, Transcript, read_transcripts, write_transcripts
from stages.results import findings, summary
from stages.scores import cost_tables, score_tables, scoreboard, slicing
from stages.wer.alignment import UtteranceErrors
from tests.support.checkpoints import tiny_checkpoint
from tests.support.hub_server import COMMIT, serving
from tests.support.scores import RULES, answer, board, clip, trained
from tests.support.training import write_split
from tools import score

ROOT = Path(__file__).parent.parent


def transcripts(split: str = "adult") -> list[Transcript]:
    return [answer("test", "1", "a b c d", "a b x d"), answer(split, "2", "a b", "a, b")]


def two_sets(name: str = "adult") -> scoreboard.Results:
    clips = {"test": [clip("1")], name: [clip("2")]}
    return {"base": scoreboard.results_by_set(transcripts(name), clips, light_normaliser.light)}


@pytest.mark.parametrize("name", ["adult", "words", "light", "paired", "base"])
def test_figures_are_under_model_and_set_whatever_the_set_is_called(name):
    scores = scoreboard.figures(two_sets(name), RULES)
    figures = scores["base"]["test"]
    assert (figures["wer"], figures["substitutions"], figures["words"]) == (0.25, 1, 4)
    assert (scores["base"][name]["wer"], scores["base"][name]["light"]["wer"]) == (0.0, 0.5)
    assert list(scores["base"]) == ["test", name]
    assert next(iter(figures)) == "wer"


def test_headline_has_the_test_set_at_the_top_and_other_sets_under_their_names():
    rows = [answer("adult", "3", "a b", "a x"), *transcripts()]
    clips = {"test": [clip("1")], "adult": [clip("2"), clip("3", "s2")]}
    results = {"base": scoreboard.results_by_set(rows, clips, light_normaliser.light)}
    scores = scoreboard.figures(results, RULES)
    assert scoreboard.headline(scores) == {  # one speaker in test: no interval
        "base": {"wer": 0.25, "cer": 0.142857, "adult": {"wer": 0.25, "wer_low": 0.0, "wer_high": 0.5, "cer": 0.166667}}
    }


@pytest.mark.parametrize("name", ["wer", "wer_low", "wer_high", "cer"])
def test_set_named_like_a_headline_figure(name):
    with pytest.raises(UserError, match=f"data/{name}: an evaluation set cannot be called '{name}'"):
        scoreboard.headline(scoreboard.figures(two_sets(name), RULES))
    with pytest.raises(UserError, match=f"data/{name}: an evaluation set cannot be called '{name}'"):
        scoreboard.headline(scoreboard.figures(two_sets(name), RULES, CHARACTERS), CHARACTERS)


def test_transcripts_of_other_clips():
    with pytest.raises(UserError, match="not those of processed_data"):
        scoreboard.results_by_set(transcripts(), {"test": [clip("1")], "adult": [clip("3")]}, light_normaliser.light)


def test_empty_and_runaway_answers_are_counted():
    results = board(("a b", ""), ("a", "a a a"), ("", "..."), ("x " * 60, "so " * 60))
    block = scoreboard.figures(results, RULES)["base"]["test"]
    assert (block["empty"], block["runaway"]) == (1, 2)


def test_literature_filter_leaves_out_short_and_hard_for_every_model():
    rows = [("a b c d", "a b x x", "a b c x"), ("a b c", "x y c", "a b c"), ("a b", "a b", "x x")]
    content = scoreboard.figures(board(*rows), RULES)
    assert [content[name]["test"]["literature"]["wer"] for name in ("base", "lora")] == [0.5, 0.25]
    assert content["lora"]["test"]["literature"]["utterances"] == 1
    assert content["lora"]["test"]["utterances"] == 3
    assert "1 of 3 test utterances" in score_tables.literature_line(content)


def test_every_model_is_compared_with_every_earlier_one():
    rows = [("a b c d", "a b x x", "a b c x", "a b c d")] * 12
    content = scoreboard.figures(board(*rows), RULES)
    assert {name: found["wer"] for name, found in content["paired"]["test"].items()} == {
        "lora_minus_base": -0.25,
        "selective_minus_base": -0.5,
        "selective_minus_lora": -0.25,
    }
    lines = score_tables.paired_table(content).splitlines()
    assert lines[1].split() == "test lora - base -25.00 -25.00 to -25.00 0.0005 <0.0001".split()


def test_summary_says_what_is_shown_and_what_is_not():
    rows = [("a b c d", "a b x x", "a b c x", "a b c x")] * 6 + [("a b c d", "a b x x", "a b c d", "a b x d")] * 6
    models = board(*rows)
    text = summary.markdown(scoreboard.figures(models, RULES), slicing.slices(models))
    assert "| base | **50.00** | 50.00 to 50.00 | 50.00 |" in text
    assert "With LoRA, WER is 37.50 points lower than with the base" in text
    assert text.count(": a difference is shown") == 3
    assert "| 6 years | 50.00 | 12.50 | 25.00 | 12 |" in text
    assert "Too few speakers" not in text
    same = board(*[("a b", "a x", "a x", "a x")] * 2)
    text = summary.markdown(scoreboard.figures(same, RULES), slicing.slices(same))
    assert "With LoRA, WER is the same as with the base (+0.00 to +0.00; p = 1.0000): no difference is shown." in text
    assert "Too few speakers" in text


def test_one_speaker_has_no_interval_and_shows_no_difference():
    """All resamples of one speaker are the same: the interval would be a point, and p as small as can be."""
    texts = [("a b c d", "a b x x", "a b c x", "a b c d")] * 12
    models = board(*texts, clips=[clip(str(number)) for number in range(12)])
    content, slices = scoreboard.figures(models, RULES), slicing.slices(models)
    assert content["paired"]["test"]["lora_minus_base"] == {"wer": -0.25, "matched_pairs_p": 0.0}
    assert score_tables.paired_table(content).splitlines()[1].split() == "test lora - base -25.00 - - <0.0001".split()
    assert "with one, there are no intervals" in score_tables.score_table(content)
    text = summary.markdown(content, slices)
    answers = []
    for finding in findings.findings(content, slices, {}, with_examples=False):
        answers += finding.answers
    for shown in (text, "\n".join(answers)):
        assert "With LoRA, WER is 25.00 points lower than with the base: one speaker cannot show a difference." in shown
        assert "difference is shown" not in shown
        assert "too narrow" not in shown
    assert "neither is shown to be better" in "\n".join(answers)


def test_findings_of_every_set_say_that_its_speakers_are_too_few():
    clips = {"test": [clip(str(number), f"s{number}") for number in range(10)], "adult": [clip("a"), clip("b", "s2")]}
    models = {}
    for model, last in (("base", "x"), ("lora", "c"), ("selective", "c")):
        rows = []
        for name, clips_of_set in clips.items():
            rows += [answer(name, row.id, "a b c", f"a b {last}") for row in clips_of_set]
        models[model] = scoreboard.results_by_set(rows, clips, light_normaliser.light)
    content, slices = scoreboard.figures(models, RULES), slicing.slices(models)
    answers = {row.question: row.answers for row in findings.findings(content, slices, {}, with_examples=False)}
    few = "With only 2 speakers, these intervals are too narrow: read them as hints."
    assert f"adult: {few}" in answers["What was forgotten?"]
    assert few not in answers["Is the difference real?"]


def test_slices():
    clips = [clip("1", "s1", 75, 0.5), clip("2", "s1", 75, 1.0), clip("3", "s2", 130, 31.0), clip("4", "s3", None)]
    rows = [("a b", "a b"), ("a b", "a x"), ("a b c d", "x x x d"), ("a", "")]
    cut = slicing.slices(board(*rows, clips=[*clips[:3], clip("4", "a", 300)]))["base"]["test"]
    assert list(cut["age"]) == ["6", "10", "18+"]
    cut = slicing.slices(board(*rows, clips=clips))["base"]["test"]
    assert {group: block["wer"] for group, block in cut["age"].items()} == {"6": 0.25, "10": 0.75, "unknown": 1.0}
    assert cut["age_macro_wer"] == 0.5
    assert {group: block["utterances"] for group, block in cut["duration"].items()} == {"<1": 1, "1-5": 2, "30+": 1}
    assert cut["speaker"]["s1"] == {"wer": 0.25, "speakers": 1, "utterances": 2, "words": 4}
    assert cut["format"]["table"]["words"] == 9


def test_time_for_many_speakers_is_not_speakers_times_utterances():
    clips = [clip(str(number), f"s{number % 5000}") for number in range(20_000)]
    counts = np.ones(20_000, np.int64)
    found = scoreboard.SetResults(clips, [], UtteranceErrors(counts, counts, counts, counts, counts, np.array([])))
    before = time.process_time()
    assert len(slicing.figures_by_group(found, lambda clip: clip.speaker)) == 5000
    assert time.process_time() - before < 2  # a pass over all utterances for each: 6 s


def test_slice_without_a_reference_word_has_no_rate():
    cut = slicing.slices(board(("a", "a"), ("...", "b"), clips=[clip("1"), clip("2", months=100)]))["base"]["test"]
    assert cut["age"]["8"] == {"speakers": 1, "utterances": 1, "words": 0}
    assert score_tables.age_table({"base": {"test": cut}}).splitlines()[2].split() == ["8", "-", "1", "1"]


READ = [("The dog ran.", "the dog x", "the dog ran", "the dog ran"), ("a b c", "a x x", "a b x", "a x x")]


def test_slices_by_text():
    rows = [*READ, ("THE DOG RAN", "the dog ran"), ("...", "oh")]
    cut = slicing.slices(board(*[row[:2] for row in rows]), trained("the dog ran"))["base"]["test"]["text"]
    assert list(cut) == ["seen", "unseen"]
    seen, unseen = cut["seen"], cut["unseen"]
    assert (seen["wer"], seen["utterances"], seen["words"], seen["speakers"]) == (0.166667, 2, 6, 2)
    assert (unseen["wer"], unseen["utterances"], unseen["words"]) == (1.0, 2, 3)  # "oh" is inserted there
    assert seen["wer_low"] == 0.0
    assert seen["wer_high"] == 0.333333


def test_nothing_is_cut_by_text_where_it_is_not_known_what_was_trained_on():
    slices = slicing.slices(board(*READ))
    assert "text" not in slices["base"]["test"]
    assert score_tables.seen_texts_lines(slices) == []


def test_seen_texts_in_the_terminal_and_the_summary():
    models = board(*READ)
    content = scoreboard.figures(models, RULES)

    def described(known: TrainedTexts | None) -> tuple[list[str], str]:
        slices = slicing.slices(models, known)
        return score_tables.seen_texts_lines(slices), summary.markdown(content, slices)

    half = "1 of 2 utterances (50.0 %) have a text that was trained on"
    rates = "base 66.67, lora 33.33, selective 66.67"
    lines, text = described(trained("the dog ran"))
    assert lines == [f"test: {half}; WER on unseen texts %: {rates}"]
    assert f"\n\n{half}; WER on unseen texts %: {rates}.\n\n" in text
    lines, text = described(trained("the dog ran", "a b c"))
    assert lines == [
        "test: 2 of 2 utterances (100.0 %) have a text that was trained on; no unseen text is left to score"
    ]
    assert "no unseen text is left to score." in text
    for texts in (trained(), None):
        lines, text = described(texts)
        assert lines == []
        assert "trained on" not in text


def test_unseen_texts_without_a_word_are_not_scored():
    slices = slicing.slices(board(("a b", "a b"), ("...", "oh")), trained("a b"))
    assert "wer" not in slices["base"]["test"]["text"]["unseen"]
    (line,) = score_tables.seen_texts_lines(slices)
    assert line.startswith("test: 1 of 2 utterances (50.0 %)")
    assert line.endswith("no unseen text is left to score")


@pytest.mark.parametrize("share", [0.01, 0.5, 1.0])
def test_trained_texts_are_those_of_the_speakers_that_are_trained_on(share):
    names = [f"s{number}" for number in range(6)]
    rows = []
    for name in names:
        rows.append(clip(f"{name}-1", name, text=f"One, of {name}"))
        rows.append(clip(f"{name}-2", name, text=f"two of {name}"))
    settings = params.load(ROOT / "params.yaml")
    settings = settings.model_copy(update={"train": settings.train.model_copy(update={"data_share": share})})
    chosen = speaker_share.choose(names, share, settings.seed)
    assert len(chosen) == max(1, round(6 * share))
    expected = {f"one of {name}" for name in chosen} | {f"two of {name}" for name in chosen}
    assert evaluate.trained_texts(rows, [], settings).texts == expected
    replayed = [clip("a-1", "a", text="Replayed.")]
    assert evaluate.trained_texts(rows, replayed, settings).texts == expected | {"replayed"}


def test_table():
    lines = score_tables.score_table(scoreboard.figures(two_sets(), RULES)).splitlines()
    assert lines[1].split() == "test base 25.00 - 25.00 14.29 1 0 0 0 0 4".split()
    assert lines[2].split() == "adult base 0.00 - 50.00 0.00 0 0 0 0 0 2".split()
    assert lines[4].startswith("test: 1 utterances, 1 speaker (too few speakers")


def recorded(name: str) -> dict:
    """A metrics file as README shows it; a pipeline that ran here since has written its own machine's figures."""
    git = subprocess.run(["git", "diff", "--name-only", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False)
    changed = git.stdout.split()
    if f"metrics/{name}" in changed and "README.md" not in changed:
        pytest.skip(f"metrics/{name} was measured anew on this machine and not committed")
    return json.loads((ROOT / "metrics" / name).read_text())


@pytest.mark.slow
def test_readme_shows_the_committed_figures():
    rows = score_tables.score_table(recorded("scores.json")).partition("\n\n")[0]  # without the sizes of the sets
    assert f"```\n{rows}\n```" in (ROOT / "README.md").read_text()


def test_cost_stands_beside_the_error_rate():
    costs = {
        "train_lora": {"machine": "H200", "trained_share": 0.0081, "training_seconds": 61.4, "clips_per_second": 99.0},
        "transcribe_lora": {"machine": "x86_64", "seconds": 5.2, "peak_memory_mb": 700},
        "transcribe_base": {"machine": "x86_64", "precision": "bf16", "seconds": 13.5, "peak_memory_mb": 900},
    }
    scores = {name: {"test": {"wer": 0.25}} for name in ("base", "lora", "selective")}
    rows = [line.split() for line in cost_tables.cost_table(scores, costs).splitlines()]
    assert rows[1] == ["base", "x86_64", "bf16", "25.00", "-", "-", "-", "-", "14", "900"]
    assert rows[2] == ["lora", "H200", "-", "25.00", "0.81", "61", "99.0", "-", "5", "700"]
    assert rows[3] == ["selective", "-", "-", "25.00", *["-"] * 6]


@pytest.mark.parametrize(
    ("training", "decoding", "shown"),
    [
        ({"precision": "bf16"}, {"precision": "bf16"}, "bf16"),
        ({"precision": "fp32"}, {"precision": "fp16"}, "fp32/fp16"),  # a T4
        ({"seconds": 9.0}, {"precision": "fp16"}, "-/fp16"),  # trained before it was recorded
        ({}, {"seconds": 9.0}, "-"),
    ],
)
def test_precision_of_training_and_decoding(training, decoding, shown):
    ((_, _, precision, *_),) = cost_tables.cost_rows(
        {"lora": {"test": {"wer": 0.25}}}, {"train_lora": training, "transcribe_lora": decoding}
    )
    assert precision == shown


def test_transcripts_round_trip(tmp_path):
    rows = [answer("test", "1", "a\u2028b", 'quote " and \\ \u00e9'), Transcript("test", "2", "", "", None, 0.0)]
    write_transcripts(tmp_path / "base.jsonl", rows)
    assert read_transcripts(tmp_path / "base.jsonl") == rows


def test_journal_cut_off_anywhere_goes_on_after_its_last_whole_row(tmp_path):
    path, rows = tmp_path / "journal.jsonl", [*transcripts(), answer("test", "3", "x\r", "\u2028y\n")]
    with Journal(path) as journal:
        journal.append(rows)
    content = path.read_bytes()
    ends = [place for place, byte in enumerate(content, start=1) if byte == ord("\n")]
    for size in range(len(content) + 1):
        path.write_bytes(content[:size])
        whole = sum(end <= size for end in ends)
        with Journal(path) as journal:
            assert journal.rows == rows[:whole]
            journal.append(rows[whole:])
        assert path.read_bytes() == content


@pytest.mark.parametrize("damage", [b"\0" * 60, b"\0\0\n", b'{"id": "1"}\n', b"[]\n", b'{"id": "\xff"}\n', b"\n"])
@pytest.mark.parametrize("after", [0, 1])
def test_journal_with_a_damaged_row_goes_on_before_it(tmp_path, capsys, damage, after):
    """A machine without power may leave zeros in place of the last rows."""
    path, rows = tmp_path / "journal.jsonl", transcripts()
    with Journal(path) as journal:
        journal.append(rows)
    whole, lines = path.read_bytes(), path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[: len(lines) - after], damage, *lines[len(lines) - after :]]))
    with Journal(path) as journal:
        assert journal.rows == rows[: len(rows) - after]
        journal.append(rows[len(rows) - after :])
    assert path.read_bytes() == whole
    is_row = damage.endswith(b"\n") or after
    assert (f"damaged from line {len(rows) - after + 1} on" in capsys.readouterr().out) == bool(is_row)


@pytest.mark.parametrize("line", ["{", '{"id": "1"}', "[]"])
def test_broken_transcript_is_named(tmp_path, line):
    path = tmp_path / "base.jsonl"
    write_transcripts(path, transcripts())
    path.write_text(path.read_text() + line + "\n")
    with pytest.raises(UserError, match=r"base\.jsonl, line 3: not a transcript"):
        read_transcripts(path)


def test_missing_transcripts_tell_what_to_run(tmp_path):
    with pytest.raises(UserError, match="dvc repro transcribe@lora"):
        read_transcripts(tmp_path / "lora.jsonl")


@pytest.mark.parametrize("checkpoint", ["kids/tiny", f"kids/tiny@{COMMIT}", "local"])
def test_any_checkpoint_is_decoded_from_the_hub_or_a_folder(checkpoint, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    tiny_checkpoint(Path("local"))
    write_split(Path("processed_data/evaluation/test"), 2, seed=1)
    with serving(Path("local"), "kids/tiny"):
        rows = score.decode(checkpoint, params.load(ROOT / "params.yaml"))
    assert {(row.split, row.id) for row in rows} == {("test", "clip0"), ("test", "clip1")}
    assert (COMMIT in capsys.readouterr().err) == (checkpoint != "local")


def test_score_without_enough_memory_says_what_to_lower(tmp_path, monkeypatch):
    def fail(*arguments):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    monkeypatch.chdir(tmp_path)
    tiny_checkpoint(Path("local"))
    write_split(Path("processed_data/evaluation/test"), 2, seed=1)
    monkeypatch.setattr(splits, "transcribe_batches", fail)
    with pytest.raises(UserError, match=r"^out of memory \(.*\)\. Lower transcribe\.batch_seconds, now 120"):
        score.decode("local", params.load(ROOT / "params.yaml"))
