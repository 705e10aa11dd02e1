"""Pseudo-labels: who is never labelled, where recordings are cut, and which hypotheses become labels."""

import json
from pathlib import Path

import numpy as np
import pytest

from stages.common import params
from stages.common.errors import UserError
from stages.common.params import Params
from stages.corpus.rows.utterance import Refused
from stages.decoding import voice
from stages.labelling import candidates, filters, outputs, speech, teacher
from stages.labelling.candidates import Rejection
from stages.records import paths, shards
from stages.records.light_normaliser import light
from stages.records.transcripts import Transcript
from stages.records.units import SAMPLE_RATE
from stages.results import page
from stages.training import extra_clips
from tests.support.corpora import CLIP, noise, write, write_clip

PARAMS = Path(__file__).parent.parent / "params.yaml"
LOWER = filters.Style(capitals="none", punctuation=False, digits=False)
WRITTEN = filters.Style(capitals="some", punctuation=True, digits=True)


def settings(preprocess: dict | None = None, **pseudo_labels) -> Params:
    values = params.load(PARAMS).model_dump()
    values["pseudo_labels"] |= {"share": 0.3} | pseudo_labels
    values["preprocess"] |= preprocess or {}
    return Params.model_validate(values)


# --- who is labelled


def write_set(folder: Path, *speakers: str, flags: tuple[str, ...] = ()) -> None:
    with shards.ShardWriter(folder, 1) as writer:
        clips = []
        for number, speaker in enumerate(speakers):
            row = {"id": str(number), "text": "yes", "speaker": speaker, "flags": list(flags)}
            clips.append(write_clip(writer, noise(0.5), **row))
    shards.write_manifest(folder, clips)


@pytest.fixture
def corpus(tmp_path, monkeypatch) -> Path:
    """A dev set of ben, and evaluation sets of dora and of eva-SIB."""
    monkeypatch.chdir(tmp_path)
    write_set(paths.split_folder("dev"), "ben")
    write_set(paths.split_folder("test"), "dora", "Dora")
    write_set(paths.split_folder("adult"), "eva-SIB")
    return tmp_path


def row(source: str, speaker: str, known: bool = True, **changes) -> dict:
    content = {"source": source, "speaker": speaker, "speaker_known": known, "reason": None, "detail": None}
    return content | {"age": None, "age_months": None, "gender": None} | changes


def chosen(rows: list[dict], **changes) -> tuple[list[str], dict[str, str]]:
    """The recordings that are labelled, and the reasons of the others."""
    accepted, rejections = candidates.choose(rows, settings(changes))
    return [recording.source for recording in accepted], {row.source: row.reason for row in rejections}


def test_speakers_of_other_sets_are_never_labelled(corpus):
    rows = [row("a", "anna"), row("b", " BEN "), row("c", "dora"), row("d", "eva"), row("e", "eva-sib")]
    labelled, reasons = chosen(rows, allow_shared_speakers=True, allow_shared_audio=True)
    assert labelled == ["a"]
    assert reasons == dict.fromkeys("bcde", "speaker-of-other-split")


def test_folders_of_speakers_of_other_sets_are_never_labelled(corpus):
    rows = [row("train/anna/1/a.wav", "anna-1"), row("train/Dora/1/b.wav", "x", known=False)]
    labelled, reasons = chosen(rows, unknown_speakers="per_recording")
    assert (labelled, reasons) == (["train/anna/1/a.wav"], {"train/Dora/1/b.wav": "speaker-of-other-split"})


def test_unknown_speakers_are_labelled_only_if_the_user_says_so(corpus):
    rows = [row("a", "anna"), row("b", "b", known=False)]
    assert chosen(rows) == (["a"], {"b": "unknown-speaker"})
    assert chosen(rows, unknown_speakers="per_recording") == (["a", "b"], {})


def test_no_speaker_known_is_an_error(corpus):
    with pytest.raises(UserError, match=r"none of the 1 recordings .*unknown-speaker 1.*unknown_speakers: per_record"):
        chosen([row("b", "b", known=False)])


def test_reasons_of_preprocess_stay(corpus):
    rows = [row("a", "anna"), row("b", "mother", reason="other-speaker", detail="mother is no child")]
    assert chosen(rows) == (["a"], {"b": "other-speaker"})


def test_nothing_to_label_is_an_error(corpus):
    with pytest.raises(UserError, match="every recording of data/train has a transcript"):
        chosen([])


def test_unknown_speakers_of_the_test_set_are_a_warning(corpus, capsys):
    write_set(paths.split_folder("other"), "x", flags=(shards.UNKNOWN_SPEAKER,))
    assert chosen([row("a", "x")]) == (["a"], {})
    assert "warning: other: speakers are unknown" in capsys.readouterr().out


@pytest.mark.parametrize("content", [None, "{", "[]\n", '{"source": "a"}\n'])
def test_damaged_list_of_recordings(corpus, content):
    if content is not None:
        write(paths.UNTRANSCRIBED_FILE, content)
    with pytest.raises(UserError, match=r"untranscribed.jsonl.*dvc repro"):
        candidates.read_rows()


def test_sound_of_a_test_set_counts_before_that_of_train(corpus):
    rows = [{"split": "test", "sound": "x"}, {"split": "train", "sound": "x"}, {"split": "train", "sound": "y"}]
    shards.write_lines(paths.SOUNDS_FILE, rows)
    assert candidates.read_sounds() == {"x": "test", "y": "train"}


# --- where recordings are cut


def cut(monkeypatch, spans: list, seconds: float, longest: float = 10.0) -> list[tuple[float, float]]:
    monkeypatch.setattr(voice, "speech", lambda samples, longest: list(spans))
    samples = np.full(round(seconds * SAMPLE_RATE), 3000, np.int16)
    edges = speech.stretches(samples, longest)
    return [(round(start / SAMPLE_RATE, 3), round(end / SAMPLE_RATE, 3)) for start, end in edges]


def test_pauses_end_a_stretch(monkeypatch):
    spans = [(1.0, 2.0), (2.5, 3.0), (4.0, 5.0)]
    assert cut(monkeypatch, spans, 9.0) == [(0.8, 3.2), (3.8, 5.2)]


def test_neighbours_speech_is_in_no_margin(monkeypatch):
    """Without a pause between them, as where a long stretch was divided."""
    assert cut(monkeypatch, [(1.0, 10.0), (10.1, 15.0)], 16.0) == [(0.8, 10.05), (10.05, 15.2)]


def test_margins_end_with_the_recording(monkeypatch):
    assert cut(monkeypatch, [(0.1, 2.9)], 3.0) == [(0.0, 3.0)]


def test_no_stretch_is_longer_than_a_clip(monkeypatch):
    edges = cut(monkeypatch, [(1.0, 40.0)], 41.0)
    assert max(end - start for start, end in edges) <= 10.0
    assert (edges[0][0], edges[-1][1]) == (0.8, 40.2)


def test_silence(monkeypatch):
    assert cut(monkeypatch, [], 3.0) == []


def test_long_recordings_are_searched_in_blocks(monkeypatch):
    """Speech at the end of a block is found once and whole. A word of 2 s begins at every 7 s."""
    seconds = 3600
    samples = np.zeros(seconds * SAMPLE_RATE, np.int16)
    for start in range(3, seconds - 3, 7):
        samples[start * SAMPLE_RATE : (start + 2) * SAMPLE_RATE] = 3000
    longest_search = []

    def loud(block: np.ndarray, longest: float) -> list[tuple[float, float]]:
        longest_search.append(len(block) / SAMPLE_RATE)
        edges = np.flatnonzero(np.diff(np.concatenate([[0.0], block, [0.0]]) != 0)) / SAMPLE_RATE
        return list(zip(edges[::2], edges[1::2], strict=True))

    monkeypatch.setattr(voice, "speech", loud)
    expected = [(start, start + 2) for start in range(3, seconds - 3, 7)]
    assert np.allclose(speech.speech(samples, 10.0), expected)
    assert max(longest_search) <= speech.BLOCK


# --- what becomes a label


def hypothesis(text: str, log_probability: float | None = -0.1, ratio: float = 1.0, is_cut: bool = False) -> Transcript:
    return Transcript("first", "x", "", text, log_probability, ratio, is_cut)


def labelled(
    first: Transcript, second: str | None = None, style: filters.Style = LOWER, seconds: float = 2.0, **changes
) -> filters.Label:
    other = None if second is None else hypothesis(second)
    return filters.label_of(first, other, seconds, style, settings(**changes), light)


@pytest.mark.parametrize(
    ("text", "style", "label"),
    [
        ("We call it bear.", LOWER, "we call it bear"),
        ("We call it bear.", WRITTEN, "We call it bear."),
        ("Well, don't! A well-known", LOWER, "well don't a well-known"),
        ("'cause it's \u201cfun\u201d", LOWER, "cause it's fun"),
        ("we call it", filters.Style("all", False, False), "WE CALL IT"),
        ("yes (laughs) no", LOWER, "yes no"),
        ("yes,no", LOWER, "yes no"),
    ],
)
def test_labels_are_written_like_the_transcripts(text, style, label):
    assert labelled(hypothesis(text), style=style).text == label


def test_fillers_go_where_transcripts_have_none():
    text = hypothesis("um we call it bear")
    assert labelled(text).text == "um we call it bear"
    assert labelled(text, preprocess={"style": "fluent"}).text == "we call it bear"


@pytest.mark.parametrize(
    ("texts", "style"),
    [
        (["we call it bear"] * 200, LOWER),
        (["we call it bear"] * 199 + ["Mr. 5"], LOWER),
        (["we don't", "it is well-known"], LOWER),
        (["'cause th- the dogs' ball"], LOWER),
        (["We call it bear.", "He is 5!"], WRITTEN),
        (["WE CALL IT BEAR"], filters.Style("all", False, False)),
        (["i am 5"], filters.Style("none", False, True)),
    ],
)
def test_style_of_transcripts(texts, style):
    assert filters.style_of(texts) == style


@pytest.mark.parametrize("number", ["3.5", "1,000", "10:30"])
def test_numbers_stay_whole(number):
    style = filters.Style("none", False, True)
    assert filters.in_style(f"At {number}, he said.", style, "en") == f"at {number} he said"


@pytest.mark.parametrize(
    ("first", "second", "changes", "reason"),
    [
        (hypothesis("", None), None, {}, "inaudible"),
        (hypothesis("we call it", is_cut=True), None, {}, "cut-off"),
        (hypothesis(""), None, {}, "empty-text"),
        (hypothesis(" ... "), None, {}, "empty-text"),
        (hypothesis("[laughter]"), None, {}, "empty-text"),
        (hypothesis("yes [gargamel] no"), None, {}, "unclear-markup"),
        (hypothesis("we call it 5"), None, {}, "other-style"),
        (hypothesis("yes"), None, {"preprocess": {"min_words": 2}}, "too-few-words"),
        (hypothesis("we call it bear"), None, {"preprocess": {"max_characters_per_second": 7.0}}, "speech-rate"),
        (hypothesis("we call it", -0.51), None, {"min_log_probability": -0.5}, "improbable"),
        (hypothesis("no no no", ratio=2.5), None, {}, "repetition"),
        (hypothesis("we call it bear"), "we call it pear", {"max_disagreement": 0.2}, "disagreement"),
        (hypothesis("we call it bear"), "we call it bear and more", {"max_disagreement": 0.49}, "disagreement"),
        (hypothesis("we call it bear"), "", {"max_disagreement": 0.99}, "disagreement"),
    ],
)
def test_hypotheses_that_are_left_out(first, second, changes, reason):
    with pytest.raises(Refused) as refused:
        labelled(first, second, **changes)
    assert refused.value.reason == reason


@pytest.mark.parametrize(
    ("second", "disagreement"),
    [("We call it bear!", 0.0), ("we call it pear", 0.25), ("we call it bear and more", 0.5), ("bear", 0.75)],
)
def test_disagreement_is_the_word_error_rate(second, disagreement):
    label = labelled(hypothesis("we call it bear", -0.5), second, max_disagreement=0.75, min_log_probability=-0.5)
    assert (label.disagreement, label.log_probability) == (disagreement, -0.5)


def test_one_decoding_has_no_disagreement():
    assert labelled(hypothesis("yes")).disagreement is None


# --- the teacher


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("teachers/none", "is no folder here"),
        ("openai/whisper-small@main", "full commit"),
        ("openai/whisper-small", "full commit"),
        ("models/lora", "trained on the labels: copy the model"),
        ("models/../models/selective/", "trained on the labels: copy the model"),
        ("teachers/unwatched", "not watched by DVC; add the line '- teachers/unwatched' to the deps of label"),
    ],
)
def test_teachers_that_cannot_be(tmp_path, monkeypatch, source, message):
    monkeypatch.chdir(tmp_path)
    for folder in ("models/lora", "models/selective", "teachers/unwatched", "teachers/watched"):
        Path(folder).mkdir(parents=True)
    write(Path("dvc.yaml"), "stages:\n  label:\n    deps: [teachers/watched]\n")
    with pytest.raises(UserError, match=f"pseudo_labels.teacher.*{message}"):
        teacher.find(source)
    assert teacher.find("teachers/watched") == Path("teachers/watched")
    assert teacher.find("base") == paths.BASE_FOLDER


# --- what is written


def test_figures_and_reasons(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rejections = [Rejection("b", None, None, "silence", "x"), Rejection("a", 1.0, 2.0, "improbable", "y")]
    account = outputs.Account(recordings=3, heard=7200.0, speech=3600.0, stretches=9, rejections=rejections)
    outputs.write(account)
    figures = json.loads(paths.LABELS_FILE.read_text())
    assert figures == {
        **{"recordings": 3, "heard_hours": 2.0, "speech_hours": 1.0, "stretches": 9},
        **{"kept_stretches": 0, "kept_hours": 0.0, "kept_share": 0.0, "rejected": {"improbable": 1, "silence": 1}},
    }
    rows = [json.loads(line) for line in outputs.REJECTED_FILE.read_text().splitlines()]
    assert [row["source"] for row in rows] == ["a", "b"]
    assert shards.read_manifest(paths.LABELLED) == []


def test_the_page_says_what_was_learnt_from_labels():
    assert page.pseudo_labels_sentence(outputs.Account(recordings=3).figures()) == ""
    clip = {**CLIP, "id": "a", "text": "yes", "duration": 900.0, "shard": "s", "offset": 0, "size": 1}
    account = outputs.Account(recordings=3, heard=7200.0, speech=3600.0, stretches=9, clips=[shards.Clip(**clip)])
    assert page.pseudo_labels_sentence(account.figures()) == (
        "Besides, 1 stretches (0.25 h) of recordings without a transcript were labelled by a model: 25% of the speech "
        "in 2.00 h. The tuned models learnt from them, too."
    )


def test_labels_are_a_source_of_extra_clips_with_their_share():
    wanted = settings(share=0.3)
    folders = {source.folder: source.share for source in extra_clips.used_sources(wanted)}
    assert folders == {paths.LABELLED: 0.3}
    assert extra_clips.used_sources(settings(share=0.0)) == []
