"""Texts that are cut at the limit of new tokens: named before decoding, and counted after it."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from stages.common import params
from stages.decoding import evaluation_sets, generation, token_limits, transcription
from stages.decoding.token_limits import Need
from stages.records import paths, shards
from stages.records.transcripts import Journal, read_transcripts, write_transcripts
from stages.whisper import model
from tests.support.checkpoints import tiny_checkpoint
from tests.support.scores import answer, clip
from tests.support.training import write_split

ROOT = Path(__file__).parent.parent
LAO = "\u0e82\u0ec9\u0ead\u0e8d\u0ea1\u0eb1\u0e81"  # "I like": 7 code points of 3 bytes each


def make_decoder(**changes) -> transcription.Decoder:
    """The sample's model, with 15 tokens a second unless `changes` say otherwise."""
    settings = params.load(ROOT / "params.yaml").model_dump()
    settings["runtime"]["device"] = "cpu"
    settings["transcribe"] |= {"precision": "fp32", "tokens_per_second": 15.0} | changes
    checkpoint = model.load_checkpoint(ROOT / "sample" / "whisper-mini")
    return transcription.prepare(checkpoint, params.Params.model_validate(settings))


@pytest.fixture(scope="module")
def decoder() -> transcription.Decoder:
    return make_decoder()


def noise(seconds: float) -> np.ndarray:
    return np.random.default_rng(1).normal(0, 0.1, round(16_000 * seconds)).astype(np.float32)


def test_token_counts_are_those_of_single_texts(decoder, monkeypatch):
    monkeypatch.setattr(token_limits, "BATCH", 2)
    tokenizer = decoder.checkpoint.processor.tokenizer
    texts = ["the dog", LAO, "", "a longer text about a dog", "<|endoftext|> no"]
    expected = [len(tokenizer(" " + text, add_special_tokens=False).input_ids) for text in texts]
    assert token_limits.token_counts(texts, tokenizer) == expected


@pytest.fixture
def printed(capsys):
    """Calls a function that prints warnings; returns them, one a line."""

    def call(function, *arguments) -> list[str]:
        capsys.readouterr()
        function(*arguments)
        return capsys.readouterr().out.splitlines()

    return call


def needs(decoder, *rows: tuple[str, float]) -> list[Need]:
    clips = [replace(clip(str(number), text=text), duration=seconds) for number, (text, seconds) in enumerate(rows)]
    return token_limits.needs_of("test", clips, decoder)


def test_references_that_fit_give_no_warning(decoder, printed):
    assert (
        printed(token_limits.warn_of_references, needs(decoder, ("the dog", 0.5), (LAO, 3.0), ("", 0.1)), decoder) == []
    )


def test_reference_of_many_tokens_is_named_with_the_value_that_would_do(decoder, printed):
    rows = needs(decoder, ("the dog", 0.5), (LAO, 1.0), (LAO * 3, 2.0))
    needed = [need.tokens for need in rows]
    assert needed[2] > 16 + 15 * 2
    (warning,) = printed(token_limits.warn_of_references, rows, decoder)
    assert warning.startswith("warning: 1 of 3 references have more tokens than transcribe.tokens_per_second lets")
    assert f"clip test/2 needs most: {needed[2]} tokens in 2.0 s" in warning
    value = int(warning.split("from 15 to ")[1].split(";")[0])
    for per_second, expected in ((value, 0), (value - 1, 1)):
        other = replace(decoder, settings=decoder.settings.model_copy(update={"tokens_per_second": float(per_second)}))
        again = needs(other, (LAO * 3, 2.0))
        assert len(printed(token_limits.warn_of_references, again, other)) == expected


def test_reference_that_no_limit_would_fit_is_named_too(decoder, printed):
    (warning,) = printed(token_limits.warn_of_references, needs(decoder, (LAO * 100, 9.0), ("yes", 1.0)), decoder)
    assert "1 of 2 references have more tokens than the decoder has positions for" in warning
    assert "clip test/0" in warning
    assert "tokens_per_second" not in warning


def test_recording_longer_than_the_window_has_a_limit_for_each_segment(decoder):
    (need,) = needs(decoder, ("the dog", 10 * decoder.window))
    assert need.segments == 20
    assert need.limit == 20 * transcription.token_limit(decoder.window / 2, decoder)


@pytest.mark.parametrize("beams", [1, 3])
def test_hypotheses_say_whether_they_were_cut(tmp_path, beams):
    ending = make_decoder(num_beams=beams)
    assert [row.is_cut for row in transcription.transcribe(ending, [noise(1.0), noise(2.0)])] == [False, False]
    endless = replace(ending, checkpoint=model.load_checkpoint(tiny_checkpoint(tmp_path / "random")))
    assert [row.is_cut for row in transcription.transcribe(endless, [noise(1.0), noise(2.0)])] == [True, True]


def test_hypothesis_that_ends_at_the_limit_of_a_short_clip_is_not_cut(decoder, monkeypatch):
    limits = [transcription.token_limit(seconds, decoder) for seconds in (0.5, 0.5, 2.0, 2.0)]
    lengths = [limits[0], limits[0] + 1, limits[2] - 1, limits[2]]
    rows = [[100] * length for length in lengths]
    monkeypatch.setattr(generation, "greedy", lambda *_: (rows, [-1.0] * 4))
    inputs = transcription.model_inputs(decoder, [noise(0.5), noise(0.5), noise(2.0), noise(2.0)])
    assert [row.is_cut for row in transcription.decode_batch(decoder, inputs)] == [False, True, False, True]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("no no no no no no", True),
        ("I saw the dog and the dog and the dog and the dog", True),
        ("\u5929\u5929\u5929\u5929", True),
        (LAO * 3 + "\ufffd", True),  # cut within a letter
        (LAO * 3 + LAO[:2], True),
        ("ha", False),
        ("", False),
        ("I saw a dog, a cat, a mouse and two birds", False),
        ("I went to the zoo and there I saw it. Wow!!!", False),
    ],
)
def test_repetition(text, expected):
    assert token_limits.repeats_itself(text) == expected


def test_only_cut_transcripts_that_may_be_speech_are_counted(decoder, printed):
    speech = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen"
    rows = needs(decoder, (speech, 1.0), (speech, 1.0), (speech, 1.0), ("no", 1.0), (speech, 30 * 60.0))
    assert rows[0].tokens > 31 / 2  # of a limit of 31
    whole = [answer("test", need.clip.id, need.clip.text, "six other words that nobody ever said") for need in rows]
    assert printed(token_limits.warn_of_cut_transcripts, rows, whole, decoder) == []
    transcripts = [replace(row, is_cut=True) for row in whole]
    transcripts[1] = replace(transcripts[1], hypothesis="one two no no no no no no no no no")
    transcripts[2] = replace(transcripts[2], is_cut=False)
    (warning,) = printed(token_limits.warn_of_cut_transcripts, rows[:4], transcripts[:4], decoder)
    assert warning == (
        "warning: 1 of 4 transcripts were cut off at the limit of new tokens and may be what was said (and 2 more that "
        "repeat themselves or run away), such as that of clip test/0. If they end too early, raise "
        "transcribe.tokens_per_second in params.yaml, now 15"
    )
    assert printed(token_limits.warn_of_cut_transcripts, rows[3:], transcripts[3:], decoder) == []  # both run away


def test_journal_keeps_what_was_cut_and_transcripts_do_not(tmp_path):
    rows = [replace(answer("test", "1", "a", "b"), is_cut=True), answer("test", "2", "a", "b")]
    with Journal(tmp_path / "journal.jsonl") as journal:
        journal.append(rows)
    with Journal(tmp_path / "journal.jsonl") as journal:
        assert journal.rows == rows
    write_transcripts(tmp_path / "base.jsonl", rows)
    assert [json.loads(line).keys() & {"is_cut"} for line in (tmp_path / "base.jsonl").open()] == [set(), set()]
    assert [row.is_cut for row in read_transcripts(tmp_path / "base.jsonl")] == [False, False]


@pytest.mark.slow
def test_stage_warns_before_and_after_decoding(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    tiny_checkpoint(tmp_path / "models" / "base")
    folder = tmp_path / "processed_data" / "evaluation" / "test"
    write_split(folder, 3, seed=1)
    clips = shards.read_manifest(folder)
    shards.write_manifest(folder, [replace(row, text=LAO * 4) for row in clips])
    settings = params.load(ROOT / "params.yaml").model_dump()
    settings["runtime"]["device"] = "cpu"
    settings["transcribe"] |= {"tokens_per_second": 1.0, "temperature": 1.0}  # at random, so that nothing is repeated
    Path("params.yaml").write_text(yaml.safe_dump(settings))
    decode = transcription.decode_batch
    monkeypatch.setattr(transcription, "decode_batch", lambda *inputs: print("decoding") or decode(*inputs))
    evaluation_sets.transcribe_evaluation_sets("base", params.load())
    before, _, after = capsys.readouterr().out.partition("decoding")
    assert "warning: 3 of 3 references have more tokens than transcribe.tokens_per_second lets" in before
    assert "warning: 3 of 3 transcripts were cut off at the limit of new tokens" in after
    assert len(read_transcripts(paths.TRANSCRIPTS / "base.jsonl")) == 3
