"""Decoding: batches by length, texts that do not depend on their batch, log-probabilities, long recordings."""

from pathlib import Path

import numpy as np
import pytest
import torch

from stages.common import params
from stages.decoding import batching, long_recordings, splits, spoken_segments, transcription, voice
from stages.records.shards import read_audio, read_manifest
from stages.records.units import SAMPLE_RATE
from stages.whisper import dtypes, features, model
from tests.support.checkpoints import tiny_checkpoint
from tests.support.training import write_split

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize(
    ("batch_seconds", "padded_to", "expected"),
    [
        (6.0, 0.0, [[2, 1], [0, 3]]),  # 3 and 2 s padded to 3 s; 1 and 0.5 s to 1 s
        (4.0, 0.0, [[2], [1, 0], [3]]),
        (20.0, 10.0, [[2, 1], [0, 3]]),
        (1.0, 10.0, [[2], [1], [0], [3]]),  # one clip always fits
    ],
)
def test_batches(batch_seconds, padded_to, expected):
    assert list(batching.batches([1.0, 2.0, 3.0, 0.5], batch_seconds, padded_to)) == expected


def make_decoder(folder, audio_context: str, **changes) -> transcription.Decoder:
    """A tiny random model."""
    if not folder.exists():
        tiny_checkpoint(folder)
    (folder / model.DECODING_FILE).write_text(f'{{"audio_context": "{audio_context}", "spare_seconds": 0.5}}')
    settings = params.load(ROOT / "params.yaml").model_dump()
    settings["runtime"]["device"] = "cpu"
    settings["transcribe"] |= {"precision": "fp32"} | changes
    return transcription.prepare(model.load_checkpoint(folder), params.Params.model_validate(settings))


@pytest.mark.parametrize(
    ("language", "multilingual", "warns"), [("en", False, False), ("en", True, False), ("es", False, True)]
)
def test_english_only_checkpoint_of_another_language(tmp_path, capsys, language, multilingual, warns):
    tiny_checkpoint(tmp_path / "tiny")
    settings = params.load(ROOT / "params.yaml").model_copy(update={"language": language})
    checkpoint = model.load_checkpoint(tmp_path / "tiny")
    checkpoint.model.generation_config.is_multilingual = multilingual
    transcription.prepare(checkpoint, settings, torch.device("cpu"), "fp32")
    assert ("warning: the checkpoint knows English only" in capsys.readouterr().err) == warns  # not in a text


@pytest.fixture(scope="module", params=["window", "utterance"])
def decoder(request, tmp_path_factory) -> transcription.Decoder:
    return make_decoder(tmp_path_factory.mktemp("model") / "tiny", request.param)


def noise(seconds: float) -> np.ndarray:
    return np.random.default_rng(round(100 * seconds)).normal(0, 0.1, round(16_000 * seconds)).astype(np.float32)


@pytest.mark.parametrize("decoder", ["window"], indirect=True)  # at its own length, a batch is as long as its longest
def test_text_does_not_depend_on_the_batch(decoder):
    clips = [noise(0.5), noise(2.0)]
    together = transcription.transcribe(decoder, clips)
    alone = [transcription.transcribe(decoder, [clip])[0] for clip in clips]
    assert [hypothesis.text for hypothesis in together] == [hypothesis.text for hypothesis in alone]
    expected = [hypothesis.log_probability for hypothesis in alone]
    assert [hypothesis.log_probability for hypothesis in together] == pytest.approx(expected, abs=1e-3)


def test_tokens_are_capped_by_each_clip(decoder):
    assert transcription.token_limit(0.5, decoder) == 24
    assert transcription.token_limit(100.0, decoder) == decoder.max_tokens == 444
    tokenizer = decoder.checkpoint.processor.tokenizer
    # A random model never stops by itself.
    for hypothesis in transcription.transcribe(decoder, [noise(0.5), noise(1.5)]):
        assert 0 < len(tokenizer(hypothesis.text, add_special_tokens=False).input_ids) <= 39


def test_recording_longer_than_the_window_is_cut_at_pauses_and_decoded_whole(decoder, monkeypatch):
    decoded = []
    monkeypatch.setattr(
        transcription, "transcribe", lambda _, clips: decoded.extend(clips) or list(map(hypothesis_of, clips))
    )
    samples = noise(25.0)
    segments = long_recordings.transcribe_recording(decoder, samples)
    assert [segment.start for segment in segments[1:]] == [segment.end for segment in segments[:-1]]
    assert (segments[0].start, segments[-1].end) == (0.0, 25.0)
    assert all(segment.end - segment.start <= 5.0 for segment in segments)
    assert sorted(map(len, decoded)) == sorted(round(16_000 * (segment.end - segment.start)) for segment in segments)
    assert [segment.hypothesis for segment in segments] == [
        hypothesis_of(samples[round(16_000 * segment.start) : round(16_000 * segment.end)]) for segment in segments
    ]


def hypothesis_of(clip: np.ndarray) -> transcription.Hypothesis:
    return transcription.Hypothesis(f"{len(clip)} {np.abs(clip).sum():.3f}", -1.0)


def test_silence_is_not_decoded(decoder):
    samples = np.concatenate([noise(4.0), np.zeros(24 * 16_000, np.float32)])
    known = [segment.hypothesis.log_probability for segment in long_recordings.transcribe_recording(decoder, samples)]
    assert known[0] is not None
    assert known[2:] == [None] * len(known[2:])
    (segment,) = long_recordings.transcribe_recording(decoder, np.zeros(16_000, np.float32))
    assert segment.hypothesis == transcription.Hypothesis("", None)


def teacher_forced(decoder: transcription.Decoder, clip: np.ndarray, text: str, ended: bool) -> float:
    """The mean log-probability of a text's tokens from one forward pass, under generate's own suppression."""
    network, config = decoder.checkpoint.model, decoder.checkpoint.model.generation_config
    tokens = decoder.checkpoint.processor.tokenizer(" " + text, add_special_tokens=False).input_ids
    tokens += [config.eos_token_id] * ended
    prompt = model.prompt_tokens(network, "en")
    inputs = transcription.model_inputs(decoder, [clip]).features
    with torch.inference_mode():
        found = network(input_features=inputs, decoder_input_ids=torch.tensor([[*prompt, *tokens[:-1]]]))
    logits = found.logits[0, len(prompt) - 1 :].clone()
    logits[:, config.suppress_tokens] = -torch.inf
    logits[0, config.begin_suppress_tokens] = -torch.inf
    return logits.log_softmax(-1)[torch.arange(len(tokens)), tokens].mean().item()


@pytest.mark.parametrize("changes", [{}, {"num_beams": 3}, {"temperature": 0.7}])
def test_log_probability_is_that_of_the_tokens(tmp_path, changes):
    """On the sample's model, which ends its texts."""
    settings = params.load(ROOT / "params.yaml").model_dump()
    settings["transcribe"] |= {"precision": "fp32"} | changes
    checkpoint = model.load_checkpoint(ROOT / "sample" / "whisper-mini")
    decoder = transcription.prepare(checkpoint, params.Params.model_validate(settings))
    clips = [noise(1.0), noise(2.0)]
    for clip, hypothesis in zip(clips, transcription.transcribe(decoder, clips), strict=True):
        expected = teacher_forced(decoder, clip, hypothesis.text, ended=True)
        assert hypothesis.log_probability == pytest.approx(expected, abs=1e-2)


def test_log_probability_of_a_text_that_was_cut_off(tmp_path):
    decoder = make_decoder(tmp_path / "tiny", "window", tokens_per_second=0.001)
    long, short = noise(1.5), noise(0.5)
    for clip, hypothesis in zip([long, short], transcription.transcribe(decoder, [long, short]), strict=True):
        assert hypothesis.log_probability == pytest.approx(
            teacher_forced(decoder, clip, hypothesis.text, ended=False), abs=0.05
        )


def test_sampling_is_repeatable(tmp_path):
    decoder = make_decoder(tmp_path / "tiny", "window", temperature=1.0)
    assert transcription.transcribe(decoder, [noise(1.0)]) == transcription.transcribe(decoder, [noise(1.0)])
    other = make_decoder(tmp_path / "tiny", "window", temperature=1.0, seed=1)
    assert transcription.transcribe(decoder, [noise(1.0)]) != transcription.transcribe(other, [noise(1.0)])


def test_half_precision_leaves_the_features_alone(tmp_path, monkeypatch):
    """Under bfloat16 autocast the feature extractor failed on CPUs that compute bfloat16."""
    monkeypatch.setattr(dtypes, "choose_precision", lambda *_, **__: "bf16")
    decoder = make_decoder(tmp_path / "tiny", "utterance")
    assert decoder.precision == "bf16"
    inputs = transcription.model_inputs(decoder, [noise(1.0)])
    assert inputs.features.dtype == torch.float32
    assert transcription.transcribe(decoder, [noise(1.0)])[0].text


def test_batches_are_the_same_however_often_it_was_interrupted(tmp_path, monkeypatch):
    folder = tmp_path / "test"
    write_split(folder, 7, seed=1)
    clips = read_manifest(folder)
    decoder = make_decoder(tmp_path / "tiny", "utterance", batch_seconds=3.0)
    whole = list(splits.transcribe_split(decoder, folder, clips))
    assert len(whole) > 2
    known = [row.id for row in [*whole[0], *whole[1], whole[-1][0]]]
    assert list(splits.transcribe_split(decoder, folder, clips, known[:-1])) == whole[2:]
    if len(whole[-1]) > 1:  # a batch of which a part is known is decoded whole
        assert list(splits.transcribe_split(decoder, folder, clips, known)) == whole[2:]


def test_speech_is_not_looked_for_by_default(tmp_path, monkeypatch):
    write_split(tmp_path / "test", 3, seed=1)
    for name in ("load", "speech"):
        monkeypatch.setattr(voice, name, None)  # calling it fails
    decoder = make_decoder(tmp_path / "tiny", "utterance")
    batches = splits.transcribe_split(decoder, tmp_path / "test", read_manifest(tmp_path / "test"))
    assert sum(map(len, batches)) == 3


def test_only_speech_is_decoded(tmp_path, monkeypatch):
    """From the first to the last speech with a margin; a clip without speech has an empty hypothesis."""
    folder = tmp_path / "test"
    write_split(folder, 5, seed=1, seconds=1.5)
    clips = read_manifest(folder)
    silent, cut, whole = clips[0], clips[1], clips[2:]
    monkeypatch.setattr(voice, "load", lambda: None)

    def speech(samples: np.ndarray, longest: float) -> list[voice.Span]:
        seconds = len(samples) / SAMPLE_RATE
        if np.array_equal(samples, read_audio(folder, silent)):
            return []
        if np.array_equal(samples, read_audio(folder, cut)):
            return [(0.3, 0.4), (0.5, 0.6)]
        return [(0.1, seconds - 0.1)]

    monkeypatch.setattr(voice, "speech", speech)
    lengths = []
    log_mel = features.log_mel

    def measured(extractor, clip, spare_seconds):
        lengths.append(len(clip))
        return log_mel(extractor, clip, spare_seconds)

    monkeypatch.setattr(features, "log_mel", measured)
    decoder = make_decoder(tmp_path / "tiny", "window", speech_only=True, batch_seconds=25.0)
    rows = {}
    for batch in splits.transcribe_split(decoder, folder, clips):
        rows |= {row.id: row for row in batch}
    assert set(rows) == {clip.id for clip in clips}
    assert (rows[silent.id].hypothesis, rows[silent.id].log_probability) == ("", None)
    part = read_audio(folder, cut)[round(0.1 * SAMPLE_RATE) : round(0.8 * SAMPLE_RATE)]
    assert rows[cut.id].hypothesis == transcription.transcribe(decoder, [part])[0].text
    assert sorted(lengths[:-1]) == sorted([len(part), *(len(read_audio(folder, clip)) for clip in whole)])


def test_only_speech_of_long_clips_is_decoded(tmp_path, monkeypatch):
    monkeypatch.setattr(voice, "load", lambda: None)
    monkeypatch.setattr(voice, "speech", lambda samples, longest: [(1.0, 2.0), (9.0, 10.0)])
    decoder = make_decoder(tmp_path / "tiny", "window", speech_only=True)
    segments = spoken_segments.transcribe_once(decoder, noise(12.0))
    assert [(segment.start, segment.end) for segment in segments] == [(0.8, 2.2), (8.8, 10.2)]
    monkeypatch.setattr(voice, "speech", lambda samples, longest: [])
    assert spoken_segments.transcribe_once(decoder, noise(12.0)) == []


@pytest.mark.parametrize("is_long", [False, True])
@pytest.mark.parametrize("retry_doubtful", [False, True])
def test_doubtful_clips_are_decoded_again(tmp_path, monkeypatch, retry_doubtful, is_long):
    """A clip of a batch, or a recording that is longer than the window, which is decoded in segments."""
    folder = tmp_path / "test"
    write_split(folder, *((1, 1, 12.0) if is_long else (3, 1, 1.0)))
    decoder = make_decoder(tmp_path / "tiny", "window", retry_doubtful=retry_doubtful, batch_seconds=100.0)
    clips = read_manifest(folder)
    calls = []

    def decode_batch(decoder, inputs):
        """The second one repeats itself until the temperature is 0.4, as if it were not for its sound."""
        temperature = decoder.settings.temperature
        calls.append((temperature, inputs.limits))
        if temperature == 0.0:
            texts = ["one", "two " * 40] + ["three"] * (len(inputs.limits) - 2)
        else:
            texts = ["two " * 40 if temperature < 0.4 else "two"] * len(inputs.limits)
        assert len(inputs.features) == len(inputs.limits)
        return [transcription.Hypothesis(text.strip(), -0.1) for text in texts]

    monkeypatch.setattr(transcription, "decode_batch", decode_batch)
    (rows,) = splits.transcribe_split(decoder, folder, clips)
    joined = " ".join(row.hypothesis for row in rows)
    assert joined.count("two") == (1 if retry_doubtful else 40)
    assert "one" in joined
    assert [temperature for temperature, _ in calls] == ([0.0, 0.2, 0.4] if retry_doubtful else [0.0])
    assert all(limits == [calls[0][1][1]] for _, limits in calls[1:])  # of that clip alone


def test_adapter_is_merged(tmp_path):
    from stages.training import strategies

    settings = params.load(ROOT / "params.yaml")
    base = tiny_checkpoint(tmp_path / "base")
    tuned = strategies.add_lora(model.load_whisper(base), settings.train_lora)
    with torch.no_grad():
        for name, weights in tuned.named_parameters():
            if "lora_B" in name:
                weights.normal_(0, 0.5)
    model.save_tuned(tuned, tmp_path / "lora", "window", 0.0, base)
    checkpoint = model.load_checkpoint(tmp_path / "lora", base)
    inputs = {"input_features": torch.randn(1, 80, 1000), "decoder_input_ids": torch.tensor([[769, 770]])}
    with torch.inference_mode():
        before = checkpoint.model(**inputs).logits
        after = transcription.prepare(checkpoint, settings).checkpoint.model(**inputs).logits
    assert torch.allclose(before, after, atol=1e-3)
    assert not torch.allclose(model.load_whisper(base)(**inputs).logits, after, atol=1e-1)
