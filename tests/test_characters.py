"""Languages without spaces between words: characters are counted, and every figure says so."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from transformers import EvalPrediction

from experiments import plot
from experiments.shown import DONE, Experiment
from stages import evaluate, report
from stages.common.errors import UserError
from stages.records import error_unit, paths, shards
from stages.records.error_unit import CHARACTERS, WORDS
from stages.records.seen_texts import of_clips
from stages.records.transcripts import write_transcripts
from stages.runtime import training_log
from stages.scores import score_files, score_tables, scoreboard
from stages.training import loop
from stages.wer import alignment, error_counts, normalisers
from stages.whisper.model import load_processor
from tests.support.report_inputs import write_report_inputs
from tests.support.scores import answer, clip

SAMPLE = Path(__file__).parent.parent / "sample" / "whisper-mini"

# Language, text, and its units.
UNITS = [
    ("zh", "\u4f60\u597d\uff0c\u4e16\u754c\u3002", "\u4f60 \u597d \u4e16 \u754c"),  # with full-width punctuation
    ("zh", "\u4f60 \u597d\u4e16  \u754c", "\u4f60 \u597d \u4e16 \u754c"),  # spaces mean nothing
    ("yue", "\u4f62\u54cb\U00020bb7", "\u4f62 \u54cb \U00020bb7"),  # a character outside the basic plane
    ("zh", "\u6211\u770b iPhone 15 \u7684TV\u8282\u76ee", "\u6211 \u770b iphone 15 \u7684 tv \u8282 \u76ee"),
    ("zh", "\u67092020\u5e74\uff12\uff10", "\u6709 2020 \u5e74 20"),  # full-width digits
    ("ja", "\u30b9\u30fc\u30d1\u30fc\u3078\u884c\u304f", "\u30b9 \u30fc \u30d1 \u30fc \u3078 \u884c \u304f"),
    ("ja", "\u4eba\u3005\u306f\uff76\uff9e", "\u4eba \u3005 \u306f \u30ac"),  # half-width ka with a voicing mark is ga
    ("ja", "\u304b\u3099\u3063\u3053\u3046", "\u304c \u3063 \u3053 \u3046"),  # decomposed ga
    ("th", "\u0e17\u0e35\u0e48\u0e1a\u0e49\u0e32\u0e19", "\u0e17\u0e35\u0e48 \u0e1a\u0e49 \u0e32 \u0e19"),  # at home
    ("th", "\u0e40\u0e14\u0e47\u0e01\u200b\u0e14\u0e35", "\u0e40 \u0e14\u0e47 \u0e01 \u0e14\u0e35"),  # zero-width space
    (
        "th",
        "\u0e2d\u0e32\u0e22\u0e38 \u0e51\u0e52 \u0e1b\u0e35",
        "\u0e2d \u0e32 \u0e22\u0e38 \u0e51\u0e52 \u0e1b\u0e35",
    ),
    ("lo", "\u0e9e\u0eb2\u0eaa\u0eb2\u0ea5\u0eb2\u0ea7", "\u0e9e \u0eb2 \u0eaa \u0eb2 \u0ea5 \u0eb2 \u0ea7"),
    ("km", "\u1781\u17d2\u1798\u17c2\u179a", "\u1781\u17d2 \u1798\u17c2 \u179a"),  # Khmer, with a subscript letter
    ("my", "\u1019\u103c\u1014\u103a\u1019\u102c", "\u1019\u103c \u1014\u103a \u1019\u102c"),  # Myanmar
    (
        "bo",
        "\u0f56\u0f7c\u0f51\u0f0b\u0f61\u0f72\u0f42",
        "\u0f56\u0f7c \u0f51 \u0f61\u0f72 \u0f42",
    ),  # tsheg is not counted
    ("zh", "don't", "don't"),
    ("zh", "...\u3002\uff01", ""),
]


@pytest.mark.parametrize(("language", "text", "expected"), UNITS)
def test_units(language, text, expected):
    assert normalisers.load(SAMPLE, language)["light"](text) == expected
    assert error_unit.count(text, language) == len(expected.split())


@pytest.mark.parametrize(("language", "text", "expected"), [row for row in UNITS if row[1] != "don't"])
def test_units_under_whisper_normaliser(language, text, expected):
    rule = normalisers.load(SAMPLE, language)["whisper"]
    assert rule(text) == expected
    assert error_counts.count_errors([f"{text} \u4e00"], [f"{text} \u4e00"], rule).words == len(expected.split()) + 1


# Language, reference, hypothesis, reference units, substitutions, deletions, insertions.
ERRORS = [
    ("zh", "\u6211\u6bcf\u5929\u559d\u725b\u5976", "\u6211\u6bcf\u5929\u55dd\u725b", 6, 1, 1, 0),
    ("ja", "\u4eca\u65e5\u306f\u6674\u308c", "\u4eca\u65e5\u306f\u6674\u308c\u3060\u306d", 5, 0, 0, 2),
    (
        "th",
        "\u0e17\u0e35\u0e48\u0e1a\u0e49\u0e32\u0e19",
        "\u0e17\u0e35\u0e1a\u0e49\u0e32\u0e19",
        4,
        1,
        0,
        0,
    ),  # no tone mark
    ("zh", "\u6211\u6709 iPhone 15", "\u6211\u6709 iPad 15", 4, 1, 0, 0),
    ("zh", "\u4f60\u597d", "\u4f60 \u597d\u3002", 2, 0, 0, 0),
    ("yue", "\u4f60\u597d", "", 2, 0, 2, 0),
]


@pytest.mark.parametrize(
    ("language", "reference", "hypothesis", "units", "substitutions", "deletions", "insertions"), ERRORS
)
def test_errors(language, reference, hypothesis, units, substitutions, deletions, insertions):
    for name, rule in normalisers.load(SAMPLE, language).items():
        counts = error_counts.count_errors([reference], [hypothesis], rule)
        assert (counts.words, counts.substitutions, counts.deletions, counts.insertions) == (
            units,
            substitutions,
            deletions,
            insertions,
        ), name


def test_example_shows_the_characters_that_differ():
    rule = normalisers.load(SAMPLE, "zh")["whisper"]
    pairs = alignment.align_words("\u4f60\u597d\u5417", "\u4f60\u4e0d\u5417", rule)
    assert pairs == [("\u4f60", "\u4f60"), ("\u597d", "\u4e0d"), ("\u5417", "\u5417")]


@pytest.mark.parametrize("language", ["en", "ko", "hi", "vi", "tr", "no"])
def test_languages_with_spaces_are_of_words(language):
    assert error_unit.of_language(language) is WORDS
    assert error_unit.count("two words.", language) == 2
    assert normalisers.load(SAMPLE, language)["light"]("\uc548\ub155 \uc138\uacc4") == "\uc548\ub155 \uc138\uacc4"


@pytest.mark.parametrize("language", ["zh", "yue", "ja", "th", "lo", "km", "my", "bo"])
def test_languages_without_spaces_are_of_characters(language):
    assert error_unit.of_language(language) is CHARACTERS


def test_seen_texts_do_not_depend_on_spaces():
    trained = of_clips([clip("1", text="\u4f60\u597d\uff0c\u4e16\u754c")], "zh")
    assert trained.hold(clip("2", text="\u4f60\u597d \u4e16\u754c\u3002"))
    assert not trained.hold(clip("3", text="\u4f60\u597d"))


def results(language: str, *rows: tuple[str, str, str]) -> dict:
    """Figures of base and lora on a test set, each row a reference and what the two models answered."""
    rules = normalisers.load(SAMPLE, language)
    clips = [clip(str(number), f"s{number}") for number in range(len(rows))]
    board = {}
    for place, model in ((1, "base"), (2, "lora")):
        answers = [answer("test", str(number), row[0], row[place]) for number, row in enumerate(rows)]
        board[model] = scoreboard.results_by_set(answers, {"test": clips}, rules["whisper"])
    return scoreboard.figures(board, rules, error_unit.of_language(language))


def test_headline_file_has_no_word_error_rate():
    content = results(
        "zh", ("\u4f60\u597d\u5417", "\u4f60\u4e0d\u5417", "\u4f60\u597d\u5417"), ("\u597d", "\u597d", "\u597d")
    )
    written = score_files.named(scoreboard.headline(content, CHARACTERS), CHARACTERS)
    assert written["base"] == {"cer": 0.25, "cer_low": 0.0, "cer_high": 0.333333}
    assert written["lora"] == {"cer": 0.0, "cer_low": 0.0, "cer_high": 0.0}


def test_files_of_characters_are_read_back(tmp_path):
    content = results("ja", ("\u4f60\u597d\u5417", "\u4f60", "\u4f60\u597d\u5417"))
    content["base"]["words"] = {"wer": 1.0}  # a set of that name keeps it
    path = tmp_path / "scores.json"
    path.write_text(json.dumps(score_files.named(content, CHARACTERS)))
    values = json.loads(path.read_text())
    assert values["base"]["test"]["characters"] == 3
    assert "wer" not in values["base"]["test"]
    assert "wer" not in values["base"]["test"]["light"]
    assert values["base"]["words"] == {"cer": 1.0}
    assert score_files.read(path) == (content, CHARACTERS)
    path.write_text(json.dumps(results("en", ("a b", "a", "a b"))))
    assert score_files.read(path)[1] is WORDS


def test_literature_filter_is_of_characters():
    content = results("zh", ("\u4f60\u597d\u5417", "\u4f60\u597d\u5417", ""), ("\u597d", "\u597d", ""))
    line = score_tables.literature_line(content, CHARACTERS)
    assert "1 of 2 test utterances: 3 characters or more" in line
    assert "CER %: base 0.00, lora 100.00" in line


@pytest.mark.parametrize("name", ["cer", "cer_high"])
def test_set_called_as_a_figure_is_refused(name):
    content = results("zh", ("\u597d", "\u597d", "\u597d"))
    for sets in (content["base"], content["lora"]):
        sets[name] = sets["test"]
    with pytest.raises(UserError, match=f"cannot be called '{name}'"):
        scoreboard.headline(content, CHARACTERS)


@pytest.mark.parametrize(("language", "name"), [("zh", "CER"), ("en", "WER")])
def test_training_prints_and_chooses_by_the_rate(language, name, monkeypatch):
    monkeypatch.setattr(loop.paths, "BASE_FOLDER", SAMPLE)
    processor = load_processor(SAMPLE)
    texts = [("\u4f60\u597d", "\u4f60\u597d"), ("\u4e16\u754c", "\u4e16")]
    labels, predictions = [], []
    for reference, hypothesis in texts:
        labels.append(processor.tokenizer(reference, add_special_tokens=False).input_ids)
        predictions.append(processor.tokenizer(hypothesis, add_special_tokens=False).input_ids)
    metrics = loop.word_error_rate(processor, language)(EvalPrediction(padded(predictions), padded(labels)))
    key = error_unit.of_language(language).key
    assert metrics == {key: pytest.approx(0.25 if language == "zh" else 0.5)}
    assert f"dev {name} %" in training_log.heading(100, error_unit.of_language(language))


def padded(rows: list[list[int]]) -> np.ndarray:
    longest = max(map(len, rows))
    return np.array([row + [-100] * (longest - len(row)) for row in rows])


def test_learning_curve_has_the_rate_of_characters(tmp_path):
    history = [{"step": 1, "epoch": 1.0, "loss": 2.0}, {"step": 1, "epoch": 1.0, "eval_loss": 1.5, "eval_cer": 0.25}]
    loop.write_curve(tmp_path / "curve.csv", history)
    assert (tmp_path / "curve.csv").read_text().splitlines() == [
        "step,epoch,train_loss,dev_loss,dev_wer",
        "1,1.0,2.0,1.5,0.25",
    ]


def test_plot_of_experiments_names_the_rate():
    scores = {"cer": 0.2, "cer_low": 0.1, "cer_high": 0.3}
    row = Experiment("x-1", DONE, None, {"seed": 1}, {"base": scores, "lora": scores})
    point = plot.read(row, "lora", ["seed"])
    assert (point.rate, point.low, point.high) == pytest.approx((20, 10, 30))
    figure = plot.draw([point], ["seed"], plot.base_rate([row]), False, plot.counted([row]))
    assert figure.axes[0].get_ylabel() == "character error rate, %"
    of_words = Experiment("x-2", DONE, None, {"seed": 1}, {"base": {"wer": 0.2}})
    with pytest.raises(UserError, match="x-2 has a word error rate and x-1 a character error rate"):
        plot.counted([row, of_words])


TEXTS = {
    "zh": (
        "\u6211\u6bcf\u5929\u559d\u725b\u5976",
        "\u6211\u6bcf\u5929\u559d\u725b",
        "\u6211\u6bcf\u5929\u559d\u725b\u5976",
    ),
    "en": ("i drink milk", "i drink", "i drink milk"),
}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory) -> Path:
    return write_report_inputs(tmp_path_factory.mktemp("report"))


def write_texts(language: str) -> None:
    """Replace the texts of the evaluation sets and all transcripts, and set the language."""
    Path("params.yaml").write_text(
        re.sub("(?m)^language: [a-z]+", f"language: {language}", Path("params.yaml").read_text())
    )
    reference, *hypotheses = TEXTS[language]
    rows = {model: [] for model in paths.MODELS}
    for folder in shards.evaluation_sets():
        clips = [replace(row, text=f"{reference} {number}") for number, row in enumerate(shards.read_manifest(folder))]
        shards.write_manifest(folder, clips)
        for model, hypothesis in zip(paths.MODELS, [*hypotheses, hypotheses[0]], strict=True):
            rows[model] += [answer(folder.name, row.id, row.text, hypothesis) for row in clips]
    for model, answers in rows.items():
        write_transcripts(Path(f"metrics/transcripts/{model}.jsonl"), answers)


def without_names(page: str) -> str:
    """The report without the style sheet, the parameters, the sounds, and the sentence on privacy."""
    page = re.sub('(?s)<style>.*?</style>|<pre.*?</pre>|src="data:[^"]*"', "", page)
    return page.replace("words of the speakers in the corpus", "")


@pytest.mark.slow
@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_figure_says_what_was_counted(prepared, language, monkeypatch, capsys):
    monkeypatch.chdir(prepared)
    monkeypatch.setattr("sys.argv", ["stage"])
    write_texts(language)
    evaluate.main()
    terminal = capsys.readouterr().out
    report.main()
    page, summary = without_names(paths.REPORT_FILE.read_text()), paths.SUMMARY_FILE.read_text()
    unit, other = (CHARACTERS, WORDS) if language == "zh" else (WORDS, CHARACTERS)
    headline = json.loads(paths.WER_FILE.read_text())["base"]
    # "number" is deleted in all, and the base deletes one more: 2 of 7 characters, 2 of 4 words.
    assert headline[unit.key] == pytest.approx({"zh": 2 / 7, "en": 2 / 4}[language], abs=1e-6)
    for text in (terminal, page, summary):
        assert f"{unit.rate} %" in text
        assert f"With LoRA, {unit.rate} is" in text or text is terminal
        assert other.rate_in_full not in text.lower()
    assert page.count(f"{unit.rate_in_full}, %") == 3  # axes of figures, learning curve included
    assert f"errors per 100 {unit.plural}" in page
    assert f"\u00b7 {7 if language == 'zh' else 4} {unit.plural}" in page  # of an example
    if language == "zh":
        for text in (terminal, page, summary, json.dumps(headline), paths.SCORES_FILE.read_text()):
            assert not re.search(r"\bWER\b|\bwords?\b", text)
        for path in (paths.WER_FILE, paths.SCORES_FILE, paths.SLICES_FILE):
            assert '"wer' not in path.read_text()
    else:
        assert headline.keys() >= {"wer", "cer"}
