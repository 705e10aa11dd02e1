"""Scores of a corpus that does not name its speakers: every interval and every count of speakers says so.

One that names them has not a word about it.
"""

import json
import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from stages import evaluate, report
from stages.cutting import accounts
from stages.records import light_normaliser, paths, speaker_counts
from stages.records.error_unit import WORDS as WORDS_COUNTED
from stages.records.shards import UNKNOWN_SPEAKER, Clip, read_manifest, write_manifest
from stages.results import figures, findings, page, summary
from stages.scores import score_tables, scoreboard, slicing, unknown_speakers
from tests.support.corpora import reading
from tests.support.report_inputs import write_report_inputs
from tests.support.scores import RULES, answer, clip
from tools import score

WORDS = ("unknown", "recording")  # which no output has where all speakers are known
ALL_TEST = (
    "The speakers of all 4 utterances are unknown: each recording counts as a speaker. Intervals and p are over "
    "recordings, not children, and too narrow if a child has several recordings. That these children are not in the "
    "training data was not checked."
)
SOME_ADULT = (
    "The speakers of 1 of 4 utterances are unknown: each of their recordings counts as a speaker. Intervals and p are "
    "too narrow if such a child has several recordings. That these children are not in the training data was not "
    "checked."
)
TRAINING = (
    "The speakers of 7 utterances of the training data are unknown: that none of them speaks in this "
    "set was not checked."
)


def clips_of(unknown: int) -> list[Clip]:
    """Four clips of three speakers, the first of which have no known speaker."""
    clips = [clip(str(number), speaker) for number, speaker in enumerate(("s0", "s1", "s2", "s2"))]
    return [replace(row, flags=[UNKNOWN_SPEAKER] if number < unknown else []) for number, row in enumerate(clips)]


def results(**unknown: int) -> scoreboard.Results:
    """All models' results; `unknown`: how many of the four utterances of each set have an unknown speaker."""
    clips = {name: clips_of(count) for name, count in unknown.items()}
    board = {}
    for model, wrong in (("base", "a x x"), ("lora", "a b x"), ("selective", "a b c")):
        rows = []
        for name in clips:
            rows += [answer(name, str(number), "a b c", wrong if number % 2 else "a b c") for number in range(4)]
        board[model] = scoreboard.results_by_set(rows, clips, light_normaliser.light)
    return board


def outputs(board: scoreboard.Results, in_training: int = 0) -> dict[str, str]:
    """What every place shows of these results, as text."""
    content, slices = scoreboard.figures(board, RULES, unknown_in_training=in_training), slicing.slices(board)
    answers = []
    for found in findings.findings(content, slices, {}, with_examples=False):
        answers += found.answers
    curve = [{"step": 5.0, "dev_wer": 0.5, "dev_loss": 2.0, "train_loss": 2.0}]
    drawn = figures.draw_all(content, slices, {"lora": curve}, board)
    return {
        "wer.json": json.dumps(scoreboard.headline(content)),
        "scores.json": json.dumps(content),
        "slices.json": json.dumps(slices),
        "scores": score_tables.score_table(content),
        "comparisons": score_tables.paired_table(content),
        "ages": score_tables.age_table(slices),
        "summary": summary.markdown(content, slices),
        "findings": "\n".join(answers),
        "wer figure": figures.svg(drawn["wer"]),
        "age figure": figures.svg(drawn["wer_by_age"]),
    }


def test_known_speakers_are_said_to_be_unknown_nowhere():
    for name, text in outputs(results(test=0, adult=0)).items():
        assert not [word for word in WORDS if word in text.lower()], name


def test_unknown_speakers_are_said_to_be_unknown_everywhere():
    for name, text in outputs(results(test=4, adult=0)).items():
        assert [word for word in WORDS if word in text.lower()], name


def test_figures_count_the_utterances_of_unknown_speakers():
    board = results(test=4, adult=1)
    content, slices = scoreboard.figures(board, RULES), slicing.slices(board)
    key = unknown_speakers.UNKNOWN
    for model in ("base", "lora", "selective"):
        assert (content[model]["test"][key], content[model]["adult"][key]) == (4, 1)
        assert slices[model]["test"]["age"]["6"][key] == 4
        assert {name: block[key] for name, block in slices[model]["test"]["speaker"].items()} == {
            "s0": 1,
            "s1": 1,
            "s2": 2,
        }
        by_speaker = slices[model]["adult"]["speaker"]
        assert (by_speaker["s0"][key], key in by_speaker["s1"], key in by_speaker["s2"]) == (1, False, False)
    assert content["paired"]["test"]["lora_minus_base"][key] == 4
    assert content["paired"]["adult"]["lora_minus_base"][key] == 1
    headline = scoreboard.headline(content)
    assert (headline["lora"][key], headline["lora"]["adult"][key]) == (4, 1)


def test_each_set_says_what_its_intervals_are_over():
    shown = outputs(results(test=4, adult=1, other=0))
    scores = {line.split("  ")[0]: line for line in shown["scores"].splitlines() if " to " in line}
    assert " over recordings " in scores["test"]
    assert " over speakers and recordings " in scores["adult"]
    assert " over " not in scores["other"]
    comparisons = {line.split("  ")[0]: line for line in shown["comparisons"].splitlines() if " to " in line}
    assert " over recordings " in comparisons["test"]
    assert " over speakers and recordings " in comparisons["adult"]
    assert " over " not in comparisons["other"]


def test_each_set_says_what_was_not_checked():
    shown = outputs(results(test=4, adult=1, other=0))
    few = "(too few speakers: with fewer than 10, the 95 % intervals are too narrow)"
    assert shown["scores"].splitlines()[-5:] == [
        f"test: 4 utterances, 3 recordings of unknown speakers {few}",
        f"adult: 4 utterances, 3 speakers and recordings of unknown speakers {few}",
        f"other: 4 utterances, 3 speakers {few}",
        f"test: {ALL_TEST}",
        f"adult: {SOME_ADULT}",
    ]
    test = "test: 4 utterances, 3 recordings of unknown speakers\n"
    adult = "adult: 4 utterances, 3 speakers and recordings of unknown speakers\n"
    for heading, sentence in ((test, ALL_TEST), (adult, SOME_ADULT)):
        section = shown["summary"].partition(f"## {heading}")[2].partition("\n## ")[0]
        assert f"**{sentence}**" in section
    other = shown["summary"].partition("## other: 4 utterances, 3 speakers\n")[2].partition("\n## ")[0]
    assert other
    assert not [word for word in WORDS if word in other]
    assert ALL_TEST in shown["findings"]
    assert f"adult: {SOME_ADULT}" in shown["findings"]
    assert "other: The" not in shown["findings"]
    assert "Intervals: 95 %, bootstrap over speakers, over recordings where speakers are unknown." in shown["summary"]
    assert "speakers unknown in test, adult: intervals over recordings, maybe too narrow" in shown["wer figure"]
    assert "speakers unknown in test: intervals over recordings" in shown["age figure"]
    assert shown["ages"].splitlines()[1].split()[-2:] == ["3", "recordings"]


def test_known_test_speakers_and_unknown_training_speakers():
    shown = outputs(results(test=0, adult=4), in_training=7)
    assert f"test: {TRAINING}" in shown["scores"]
    assert f"adult: {ALL_TEST}\nadult: {TRAINING}" in shown["scores"]
    test = shown["summary"].partition("## test: 4 utterances, 3 speakers\n")[2].partition("\n## ")[0]
    assert f"**{TRAINING}**" in test
    assert " over recordings" not in test
    assert TRAINING in shown["findings"]
    assert "speakers unknown in adult: intervals" in shown["wer figure"]
    assert "speakers unknown" not in shown["age figure"]


def test_card_of_the_corpus():
    clipped = {"flag": "clipped", "clips": 1}
    known = {"clips": 5, "hours": 0.1, "speakers": 2, "refused": 0, "left_out": 0, "flagged": [clipped]}
    unknown = {**known, "flagged": [clipped, {"flag": UNKNOWN_SPEAKER, "clips": 5}]}
    some = {**known, "flagged": [{"flag": UNKNOWN_SPEAKER, "clips": 2}]}
    assert unknown_speakers.splits_sentence({"train": known, "test": known}) is None
    sentence = unknown_speakers.splits_sentence({"train": unknown, "dev": known, "test": some})
    assert sentence.startswith("Speakers are unknown in train (5 of 5 utterances), test (2 of 5 utterances). Each")
    assert "That no child is both in the training data and in an evaluation set was not checked" in sentence
    assert [page.corpus_row("x", card)[3] for card in (known, unknown, some)] == [
        "2",
        "2 recordings",
        "2 with recordings",
    ]


def test_speakers_are_counted_in_words():
    counts = [(4, 0, 9), (1, 0, 9), (4, 9, 9), (1, 9, 9), (4, 1, 9)]
    assert [speaker_counts.text(*count) for count in counts] == [
        "4 speakers",
        "1 speaker",
        "4 recordings of unknown speakers",
        "1 recording of unknown speakers",
        "4 speakers and recordings of unknown speakers",
    ]
    assert [speaker_counts.cell(*count) for count in counts] == [
        "4",
        "1",
        "4 recordings",
        "1 recording",
        "4 with recordings",
    ]


def test_table_of_preprocess_counts_recordings_where_speakers_are_unknown(tmp_path):
    readings = {name: reading(name) for name in ("train", "dev", "test")}
    clips = {"train": clips_of(4), "dev": clips_of(1), "test": clips_of(0)}
    lines = accounts.describe(readings, clips, tmp_path).splitlines()
    cells = [re.split("  +", line)[3] for line in lines[1:4]]
    assert cells == ["3 recordings", "3 with recordings", "3"]


def test_page_calls_no_recording_a_speaker():
    slices = slicing.slices(results(test=1))
    _, _, rows = page.slice_table(slices, "speaker", WORDS_COUNTED)
    assert [row[0] for row in rows] == ["s0 (recording)", "s1", "s2"]
    _, _, rows = page.slice_table(slices, "format", WORDS_COUNTED)
    assert [row[0] for row in rows] == ["table"]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory) -> Path:
    return write_report_inputs(tmp_path_factory.mktemp("report"))


@pytest.fixture
def forget_speakers(prepared, monkeypatch):
    """A function that makes the speakers of these splits unknown, and those of all others known."""
    monkeypatch.chdir(prepared)

    def forget(*splits: str) -> None:
        card = {}
        for split in ("train", "dev", "test", "adult"):
            folder, flags = paths.split_folder(split), [UNKNOWN_SPEAKER] if split in splits else []
            clips = [replace(row, flags=flags) for row in read_manifest(folder)]
            write_manifest(folder, clips)
            flagged = [{"flag": UNKNOWN_SPEAKER, "clips": len(clips)}] if flags else []
            card[split] = {"clips": len(clips), "hours": 0.1, "speakers": 2, "refused": 0, "left_out": 0}
            card[split]["flagged"] = flagged
        paths.CORPUS_FILE.write_text(json.dumps(card))

    return forget


def written(monkeypatch, capsys) -> dict[str, str]:
    """What evaluate prints, and what it and report write."""
    monkeypatch.setattr(sys, "argv", ["stage"])
    capsys.readouterr()
    evaluate.main()
    shown = {"printed": capsys.readouterr().out}
    report.main()
    for path in (paths.WER_FILE, paths.SCORES_FILE, paths.SLICES_FILE, paths.SUMMARY_FILE, paths.REPORT_FILE):
        shown[path.name] = path.read_text()
    return shown


@pytest.mark.slow
def test_files_and_page(forget_speakers, monkeypatch, capsys):
    forget_speakers()
    for name, text in written(monkeypatch, capsys).items():
        for phrase in ("speakers unknown", "speakers are unknown", "speaker unknown", "of unknown", "over recordings"):
            assert phrase not in text.lower().replace("_", " "), name
    forget_speakers("test")
    shown = written(monkeypatch, capsys)
    sentence = "The speakers of all 6 utterances are unknown: each recording counts as a speaker."
    assert f"test: {sentence}" in shown["printed"]
    assert "adult: The speakers" not in shown["printed"]
    assert sentence in shown["summary.md"]
    assert json.loads(shown["wer.json"])["lora"][unknown_speakers.UNKNOWN] == 6
    text = shown["report.html"]
    assert text.count(f"<b>Speakers unknown.</b> test: {sentence}") == 3  # at the top, under the scores, by age
    assert text.count("bootstrap over speakers, over recordings where speakers are unknown") == 2
    assert text.count("intervals, over recordings where speakers are unknown") == 2  # of two figures, with their labels
    assert text.count("speakers unknown in test: intervals over recordings, maybe too narrow") == 2
    assert "Speakers are unknown in test (6 of 6 utterances). Each" in text
    assert "· speaker unknown ·" in text
    forget_speakers("train", "dev")
    shown = written(monkeypatch, capsys)
    sentence = "The speakers of 3 utterances of the training data are unknown"
    assert f"test: {sentence}" in shown["printed"]
    assert sentence in shown["report.html"]
    assert "over recordings where" not in shown["report.html"].partition("</style>")[2].partition("<h2>Scores")[0]


@pytest.mark.slow
def test_score_of_any_checkpoint(forget_speakers, monkeypatch, capsys):
    def decode(checkpoint, settings, base):
        rows = []
        for name, clips in scoreboard.read_clips().items():
            rows += [answer(name, row.id, row.text, row.text) for row in clips]
        return rows

    def printed() -> str:
        capsys.readouterr()
        score.main()
        return capsys.readouterr().out

    monkeypatch.setattr(score, "decode", decode)
    monkeypatch.setattr(sys, "argv", ["score", "some/checkpoint"])
    forget_speakers()
    assert not [word for word in WORDS if word in printed()]
    forget_speakers("adult")
    assert "adult: The speakers of all 2 utterances are unknown: each recording" in printed()
    assert "test: The speakers" not in printed()
    forget_speakers("train")
    assert "test: The speakers of 2 utterances of the training data are unknown" in printed()
