"""The page: what it says follows from the figures, nothing in it is markup but ours, nothing comes from elsewhere."""

import base64
import io
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
import soundfile

from stages import evaluate, report
from stages.records import light_normaliser, paths
from stages.records.seen_texts import TrainedTexts
from stages.records.shards import Clip, read_manifest
from stages.results import examples, figures, findings, origin
from stages.scores import scoreboard, slicing
from stages.wer import alignment
from stages.wer.alignment import WordPair
from tests.support.report_inputs import EVIL, write_report_inputs
from tests.support.scores import RULES, board, clip, trained
from tests.support.training import write_split

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent


class Page(HTMLParser):
    """Tags with attributes, and the text between them."""

    def __init__(self, text: str):
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data


@pytest.fixture(scope="module")
def prepared(tmp_path_factory) -> Path:
    return write_report_inputs(tmp_path_factory.mktemp("report"))


@pytest.fixture
def workspace(prepared, monkeypatch) -> Path:
    monkeypatch.chdir(prepared)
    monkeypatch.setattr("sys.argv", ["stage"])
    return prepared


@pytest.fixture
def page(workspace) -> str:
    evaluate.main()
    report.main()
    return paths.REPORT_FILE.read_text()


def test_nothing_in_the_page_is_markup_but_ours(page):
    found = Page(page)
    assert not {"script", "iframe", "object", "link", "img", "form"} & {tag for tag, _ in found.tags}
    for _, attributes in found.tags:
        assert not [name for name in attributes if name.startswith("on")]
    assert EVIL in found.text  # as text, unchanged
    assert "{{ 7 * 7 }}" in found.text
    assert "<b>GPU</b>" in found.text


def test_nothing_comes_from_elsewhere(page):
    found = Page(page)
    addresses = []
    for _, attributes in found.tags:
        addresses += [attributes[key] for key in ("src", "href", "xlink:href") if key in attributes]
    assert addresses
    assert all(address.startswith(("data:audio/mpeg;base64,", "#")) for address in addresses)
    assert not re.search(r"url\((?!#)|@import", page)
    policy = next(
        attributes["content"] for _, attributes in found.tags if "content-security-policy" in str(attributes).lower()
    )
    assert policy.startswith("default-src 'none'")


def test_page_and_figures_are_the_same_every_time(page):
    before = {path: path.read_bytes() for path in [paths.REPORT_FILE, *sorted(figures.FOLDER.iterdir())]}
    report.main()
    assert {path: path.read_bytes() for path in before} == before
    assert {path.stem for path in before} == {"report", "wer", "wer_by_age", "learning", "loss", "errors", "insertions"}


def test_drawing_leaves_the_settings_of_matplotlib_as_they_were(page):
    assert {key: mpl.rcParams[key] for key in figures.STYLE} == {key: mpl.rcParamsDefault[key] for key in figures.STYLE}


def test_nothing_is_shown_only_on_hovering(page):
    assert not [tag for tag, attributes in Page(page).tags if "title" in attributes]
    assert ":hover" not in page
    assert "<title>" not in page.split("</head>")[1]  # of an <svg>, browsers show it as a tooltip
    assert page.count("<summary>As written, before normalisation</summary>") == 6


def test_every_table_scrolls_by_itself_and_with_the_keyboard(page):
    tags = Page(page).tags
    tables = [place for place, (tag, _) in enumerate(tags) if tag == "table"]
    assert tables
    for place in tables:
        tag, attributes = tags[place - 1]
        assert (tag, attributes["class"], attributes["tabindex"]) == ("div", "wide", "0")
        assert attributes["aria-label"]


PHONE = """<body><iframe src="{page}" style="width:360px;height:700px;border:0"></iframe><script>
onload = () => {{
  const page = document.querySelector("iframe").contentDocument
  page.querySelectorAll("details").forEach(element => element.open = true)
  document.body.textContent = "width " + page.documentElement.scrollWidth
}}
</script></body>"""


@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs Chromium: apt-get install chromium")
def test_the_page_does_not_scroll_sideways_on_a_phone(page, tmp_path):
    frame = tmp_path / "phone.html"
    frame.write_text(PHONE.format(page=paths.REPORT_FILE.resolve().as_uri()))
    # As root Chromium starts only without its sandbox.
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--allow-file-access-from-files"]
    command = ["chromium", *options, "--dump-dom", f"--user-data-dir={tmp_path / 'profile'}", frame.as_uri()]
    process = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert re.search(r"width (\d+)", process.stdout)[1] == "360"


def drawn(models: scoreboard.Results, curves: dict[str, list[dict]]) -> dict:
    content, slices = scoreboard.figures(models, RULES), slicing.slices(models)
    return figures.draw_all(content, slices, curves, models)


def assert_nothing_is_cut_off(figure) -> None:
    """Lines, bars and intervals end below the top of the axes; numbers and labels lie inside the figure."""
    figures.png(figure)  # which lays the figure out
    (axes,) = figure.axes
    assert axes.get_ylim()[0] == 0
    assert axes.get_ylim()[1] > 1.05 * axes.dataLim.y1
    assert axes.get_xlim()[0] < axes.dataLim.x0
    assert axes.get_xlim()[1] > axes.dataLim.x1
    whole = figure.bbox
    for text in axes.texts:
        box = text.get_window_extent()
        assert box.y1 <= axes.bbox.y1, text
    left, right = axes.get_xlim()
    shown = [text for text in axes.get_xticklabels() if left <= text.get_position()[0] <= right]
    for text in [*axes.texts, *shown, axes.xaxis.label, axes.yaxis.label]:
        box = text.get_window_extent()
        assert whole.x0 <= box.x0, text
        assert box.x1 <= whole.x1, text


EVALUATION = {"step": 5.0, "epoch": 1.0, "train_loss": 2.5, "dev_loss": 2.25, "dev_wer": 0.75}
FIGURE_ROWS = {
    "usual": [("a b c d", "a x x d", "a b c x", "a b c d e f"), ("e f g", "", "e f g", "e f")] * 3,
    "no error": [("a b", "a b", "a b", "a b")] * 2,
    "over 100 %": [("a", "a b c d e", "b c d", "x x x x")] * 2,
    "one utterance": [("a b", "a x", "a b", "x y")],
}


@pytest.mark.parametrize("rows", FIGURE_ROWS.values(), ids=FIGURE_ROWS)
@pytest.mark.parametrize("evaluations", [1, 3])
def test_axes_end_beyond_what_is_drawn(rows, evaluations):
    curve = [EVALUATION | {"step": 5.0 * number} for number in range(1, evaluations + 1)]
    for figure in drawn(board(*rows), {"lora": curve, "selective": curve}).values():
        assert_nothing_is_cut_off(figure)


def test_points_at_zero_are_drawn_whole():
    axes = drawn(board(*FIGURE_ROWS["no error"]), {"lora": [EVALUATION]})["wer_by_age"].axes[0]
    points = [line for line in axes.lines if line.get_marker() in figures.MARKERS]
    assert len(points) == 3
    assert not any(line.get_clip_on() for line in points)


def test_a_curve_of_one_evaluation_is_visible():
    pictures = drawn(board(*FIGURE_ROWS["usual"]), {"lora": [EVALUATION], "selective": [EVALUATION]})
    for name, count in (("learning", 2), ("loss", 4)):
        lines = pictures[name].axes[0].lines
        assert len(lines) == count
        assert all(line.get_marker() in figures.MARKERS for line in lines)


def test_models_differ_not_only_by_colour():
    pictures = drawn(board(*FIGURE_ROWS["usual"]), {"lora": [EVALUATION], "selective": [EVALUATION]})
    for name in ("learning", "wer_by_age"):
        markers = [line.get_marker() for line in pictures[name].axes[0].lines if line.get_marker() in figures.MARKERS]
        assert len(markers) == len(set(markers)) > 1
    dashes = [patch.get_linestyle() for patch in pictures["insertions"].axes[0].patches]
    assert len(dashes) == len(set(dashes)) == 3


def test_every_part_is_there(page):
    text = Page(page).text
    for heading in ("In short", "Scores", "Cost", "By age", "Corpus", "How it was made"):
        assert heading in text
    for slice_name in ("duration", "format", "text", "speaker"):
        assert f"By {slice_name}" in text
    assert "Were the test sentences trained on?" in text
    assert page.count("<svg") == 6
    assert page.count("<audio") == 6  # all test clips improved; LoRA made no error, so none is its worst
    assert "LoRA trains 1,000 parameters (1.00 %) in 2 min" in text
    assert "Nothing: LoRA made no error." in text
    assert "train_lora:" in text
    assert origin.commit() in text


def test_slices_of_earlier_versions_are_shown(page):
    before = Path("metrics/slices.json").read_text()
    slices = json.loads(before)
    assert slices["base"]["test"]["text"]["seen"]["utterances"] == 2
    assert list(slices["base"]["adult"]["text"]) == ["seen"]
    for sets in slices.values():
        for cut in sets.values():
            del cut["text"]
    try:
        Path("metrics/slices.json").write_text(json.dumps(slices))
        report.main()
        assert "By text" not in paths.REPORT_FILE.read_text()
        assert "trained on?" not in paths.REPORT_FILE.read_text()
    finally:
        Path("metrics/slices.json").write_text(before)


def test_evaluate_says_which_texts_were_trained_on(workspace, capsys):
    evaluate.main()
    printed = capsys.readouterr().out
    assert "\ntest: 2 of 6 utterances (33.3 %) have a text that was trained on; WER on unseen texts %: base" in printed
    assert "\nadult: 2 of 2 utterances (100.0 %) have a text that was trained on; no unseen text" in printed
    report.main()
    assert "2 of 6 utterances (33.3 %) have a text that was trained on" in paths.SUMMARY_FILE.read_text()


def test_sound_is_the_clip(page, workspace):
    source = next(attributes["src"] for tag, attributes in Page(page).tags if tag == "audio")
    samples, rate = soundfile.read(io.BytesIO(base64.b64decode(source.split(",")[1])))
    durations = [clip.duration for clip in read_manifest(Path("processed_data/evaluation/test"))]
    assert rate == 16_000
    assert min(abs(len(samples) / rate - duration) for duration in durations) < 0.2


@pytest.mark.parametrize(
    ("key", "sentence"),
    [
        ("speech_only", "Only what Silero VAD takes for speech was decoded"),
        ("retry_doubtful", "Texts that repeat themselves or are improbable were decoded again"),
    ],
)
def test_page_says_how_models_were_decoded(workspace, key, sentence):
    evaluate.main()
    text = Path("params.yaml").read_text()
    try:
        for value, is_said in (("false", False), ("true", True)):
            Path("params.yaml").write_text(text.replace(f"{key}: false", f"{key}: {value}"))
            report.main()
            assert (sentence in paths.REPORT_FILE.read_text()) == is_said
    finally:
        Path("params.yaml").write_text(text)


def test_no_examples_and_no_sound(workspace):
    evaluate.main()
    text = Path("params.yaml").read_text()
    try:
        Path("params.yaml").write_text(text.replace("  audio: true", "  audio: false"))
        report.main()
        assert "<audio" not in paths.REPORT_FILE.read_text()
        assert "holds words of the speakers" in paths.REPORT_FILE.read_text()
        Path("params.yaml").write_text(text.replace("  examples: 20", "  examples: 0"))
        report.main()
        silent = paths.REPORT_FILE.read_text()
        assert "example" not in silent.split("</style>")[1].replace("examples: 0", "")
        assert "Private" not in silent
    finally:
        Path("params.yaml").write_text(text)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("metrics/scores.json", None, "metrics/scores.json is missing; make it with dvc repro"),
        ("metrics/slices.json", "{", r"metrics/slices.json is not valid JSON"),
        ("metrics/train_lora.csv", None, "metrics/train_lora.csv is missing; make it with: dvc repro train_lora"),
        ("metrics/train_lora.csv", "step,dev_wer\n1,x\n", "metrics/train_lora.csv is no learning curve"),
    ],
)
def test_what_is_missing_or_damaged_is_named(page, name, content, message):
    before = Path(name).read_text()
    Path(name).unlink() if content is None else Path(name).write_text(content)
    try:
        with pytest.raises(SystemExit, match=message):
            report.main()
    finally:
        Path(name).write_text(before)


def test_worst_and_most_improved():
    assert examples.worst(np.array([1, 5, 0, 5, 2]), 3) == [1, 3, 4]
    assert examples.worst(np.array([0, 0]), 3) == []
    assert examples.most_improved(np.array([3, 9, 1]), np.array([4, 2, 0]), 5) == [1, 2]


def test_the_reference_of_an_example_is_the_text_that_was_scored():
    models = board(("The DOG, the dog.", "the dog the Cat!", "the dog the dog", "the dog"))
    (example,) = examples.examples(models, [0], light_normaliser.light, sound=False)
    assert example.reference == "the dog the dog"
    assert example.reference_words == 4
    assert example.reference_as_written == "The DOG, the dog."
    for output in example.outputs:
        assert " ".join(word.ref for word in output.words if word.ref) == example.reference
        assert sum(word.ref != word.hyp for word in output.words) == output.errors
    assert example.outputs[0].transcript == "the dog the Cat!"


def test_long_recordings_are_cut_in_the_page(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(examples, "LONGEST", 1.0)
    write_split(Path("processed_data/evaluation/test"), 1, seed=1, seconds=2.0)
    clips = read_manifest(Path("processed_data/evaluation/test"))
    found = board(("a b", "a x", "a b", "a b"), clips=clips)
    (example,) = examples.examples(found, [0], light_normaliser.light, sound=True)
    assert example.cut
    samples, _ = soundfile.read(io.BytesIO(base64.b64decode(example.sound.split(",")[1])))
    assert len(samples) < 1.3 * 16_000


def test_words_of_an_alignment_hold_the_errors_that_are_counted():
    rows = [("a b c", "a x c d"), ("", "so many"), ("a b", ""), ("the the dog", "the dog dog"), ("a", "a")]
    counted = alignment.align(*zip(*rows, strict=True), light_normaliser.light)
    for place, (reference, hypothesis) in enumerate(rows):
        words = alignment.align_words(reference, hypothesis, light_normaliser.light)
        assert sum(word.ref != word.hyp for word in words) == counted.errors[place]
        assert " ".join(word.ref for word in words if word.ref) == reference
        assert " ".join(word.hyp for word in words if word.hyp) == hypothesis
    assert alignment.align_words("a b", "a c", light_normaliser.light) == [WordPair("a", "a"), WordPair("b", "c")]


@pytest.mark.parametrize(
    ("reference", "hypothesis", "expected"),
    [
        ("a b c d", "a b c d thank you", [1.0, 1.0]),
        ("a b c d", "so a b c d", [0.0]),
        ("a b c d", "a b x c d", [0.5]),
        ("a b c d", "x y z a b c d", [0.0, 0.0, 0.0]),
        ("a b", "x y z w", [0.25, 0.75]),  # which two of the four replaced a and b cannot be known
        ("", "hello", [1.0]),
        ("a b", "a", []),
    ],
)
def test_where_words_were_inserted(reference, hypothesis, expected):
    assert alignment.align([reference], [hypothesis], light_normaliser.light).inserted_at.tolist() == expected


def answers_of(
    rows: list[tuple[str, ...]],
    known: TrainedTexts | None = None,
    clips: list[Clip] | None = None,
    examples: bool = True,
) -> dict[str, str]:
    """The answers of the findings, by question."""
    models = board(*rows, clips=clips)
    content, slices = scoreboard.figures(models, RULES), slicing.slices(models, known)
    return {found.question: " ".join(found.answers) for found in findings.findings(content, slices, {}, examples)}


def test_findings_when_one_strategy_is_better():
    found = answers_of([("a b c d", "x x x x", "a x x x", "a b c d")] * 12)
    assert "WER is lowest with selective tuning" in found["Which strategy is better?"]
    assert "neither" not in found["Which strategy is better?"]
    assert found["Is the difference real?"].count(": a difference is shown") == 3
    assert "hints" not in found["Is the difference real?"]
    assert "no error" in found["What went wrong?"]
    assert "no other evaluation set" in found["What was forgotten?"]
    assert "was not measured" in found["At what price?"]


def test_findings_when_nothing_is_shown():
    found = answers_of([("a b c d", "a b c d", "a b c x", "a b c x"), ("a b", "a b", "a b", "a b c")])
    assert "neither is shown to be better" in found["Which strategy is better?"]
    assert "With only 2 speakers" in found["Is the difference real?"]
    assert "At age 6 it does worse than the base." in found["For whom?"]
    assert "no strategy lowers WER: the base 0.00 %" in found["Which strategy is better?"]
    assert "lowest" not in found["Which strategy is better?"]
    assert "At no age does it do better than the base." in found["For whom?"]
    assert "gains" not in found["For whom?"]
    assert "(100 %)" in found["What went wrong?"]


def test_findings_when_the_base_is_best():
    found = answers_of([("a b c d", "a b c d", "a b c x", "a b x x")] * 12)["Which strategy is better?"]
    assert found.startswith("On test, no strategy lowers WER: the base 0.00 %")
    assert found.endswith("Of the strategies, LoRA has the lowest WER.")


def test_findings_when_both_strategies_are_alike():
    found = answers_of([("a b c d", "a b x x", "a b c x", "a b c x")] * 12)["Which strategy is better?"]
    assert found.startswith("On test, all strategies have the same WER: the base 50.00 %")


def test_findings_when_some_ages_gain_and_others_lose():
    clips = [clip("1", months=75), clip("2", months=100)]
    rows = [("a b c d", "x x x x", "a b c x", "x x x x"), ("a b", "a b", "a x", "x x")]
    found = answers_of(rows, clips=clips)["For whom?"]
    assert "It gains most over the base at age 6: 75.00 points." in found
    assert "At age 8 it does worse than the base." in found


@pytest.mark.parametrize("examples", [True, False])
def test_findings_point_at_examples_only_where_there_are_some(examples):
    found = answers_of([("a b", "a x", "a x", "a x")], examples=examples)["What went wrong?"]
    assert ("The utterances with the most errors are below." in found) == examples


TRAINED_ON = "Were the test sentences trained on?"
WARNING = "cite the WER on unseen texts"
LEARNT = ("a b", "a x", "a b", "a b")  # the tuned models know it by heart
OTHER = ("c d e f g h i j", "c x x x g h i j", "c d x x g h i j", "c d e x g h i j")


def test_findings_warn_of_learnt_sentences():
    found = answers_of([LEARNT] * 2 + [OTHER] * 2, trained("a b"))[TRAINED_ON]
    assert "2 of 4 test utterances (50.0 %), with 20.0 % of the reference words, have a text" in found
    assert "LoRA 25.00 % (25.00 to 25.00) against 0.00 % (0.00 to 0.00); selective tuning 12.50 %" in found
    assert WARNING in found


@pytest.mark.parametrize(("others", "warned"), [(4, True), (40, False)])
def test_few_seen_texts_matter_if_the_headline_is_lower_for_them(others, warned):
    found = answers_of([LEARNT] + [OTHER] * others, trained("a b"))[TRAINED_ON]
    assert (WARNING in found) == warned  # of the words, 5.9 and 0.6 %; points between headline and unseen: 1.5 and 0.2
    assert ("too few to change the headline" in found) != warned


def test_findings_when_no_text_was_trained_on():
    assert (
        answers_of([OTHER] * 2, trained("a b"))[TRAINED_ON] == "No: no test utterance has a text that was trained on."
    )
    assert answers_of([OTHER] * 2, trained())[TRAINED_ON] == "No: no test utterance has a text that was trained on."
    assert TRAINED_ON not in answers_of([OTHER] * 2)


@pytest.mark.parametrize("more", [[], [("...", "oh", "oh", "oh")]])
def test_findings_when_no_unseen_word_is_left(more):
    found = answers_of([LEARNT] * 2 + more, trained("a b"))[TRAINED_ON]
    assert f"2 of {2 + len(more)} test utterances" in found
    assert "with 100.0 % of the reference words" in found
    assert "No unseen text is left to score" in found
    assert WARNING not in found


def test_findings_when_whisper_counts_no_word_in_the_seen_texts():
    models = board(("um", "um", "", "um"), OTHER)
    content, slices = scoreboard.figures(models, RULES), slicing.slices(models, trained("um"))
    for sets in slices.values():  # as Whisper's normaliser leaves it, which deletes um
        sets["test"]["text"]["seen"] = {"speakers": 1, "utterances": 1, "words": 0}
    found = findings.findings(content, slices, {}, with_examples=True)[2]
    assert found.question == TRAINED_ON
    assert "; LoRA 25.00 % against no rate (no words);" in " ".join(found.answers)
