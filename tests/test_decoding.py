"""Batches by length, and texts that do not depend on the batch they were decoded in."""

import numpy as np
import pytest

from stages import decoding, model, params
from tests.checkpoints import tiny_checkpoint
from tests.test_params import ROOT


@pytest.mark.parametrize(
    ("most", "padded_to", "expected"),
    [
        (6.0, 0.0, [[3, 0, 1], [2]]),  # 0.5, 1 and 2 s padded to 2 s
        (4.0, 0.0, [[3, 0], [1], [2]]),
        (20.0, 10.0, [[3, 0], [1, 2]]),
        (1.0, 10.0, [[3], [0], [1], [2]]),  # one clip always fits
    ],
)
def test_batches(most, padded_to, expected):
    assert list(decoding.batches([1.0, 2.0, 3.0, 0.5], most, padded_to, window=10.0)) == expected


def test_clips_longer_than_the_window_come_alone():
    assert list(decoding.batches([12.0, 1.0, 11.0], 100.0, 0.0, window=10.0)) == [[1], [2], [0]]


@pytest.fixture(scope="module", params=["window", "utterance"])
def decoder(request, tmp_path_factory) -> decoding.Decoder:
    folder = tiny_checkpoint(tmp_path_factory.mktemp("model") / "tiny")
    (folder / model.DECODING_FILE).write_text(f'{{"audio_context": "{request.param}", "spare_seconds": 0.5}}')
    settings = params.load(ROOT / "params.yaml").model_dump()
    settings["runtime"]["device"] = "cpu"
    return decoding.prepare(model.load_checkpoint(folder), params.Params.model_validate(settings))


def noise(seconds: float) -> np.ndarray:
    return np.random.default_rng(round(100 * seconds)).normal(0, 0.1, round(16_000 * seconds)).astype(np.float32)


@pytest.mark.parametrize("decoder", ["window"], indirect=True)  # at its own length, a batch is as long as its longest
def test_text_does_not_depend_on_the_batch(decoder):
    clips = [noise(0.5), noise(2.0)]
    together = decoding.transcribe(decoder, clips)
    assert together == [text for clip in clips for text in decoding.transcribe(decoder, [clip])]


def test_tokens_are_capped_by_each_clip(decoder):
    assert decoding.token_limit(0.5, decoder) == 24
    assert decoding.token_limit(100.0, decoder) == decoder.most_tokens == 444
    tokenizer = decoder.checkpoint.processor.tokenizer
    for text in decoding.transcribe(decoder, [noise(0.5), noise(1.5)]):  # a random model never stops by itself
        assert 0 < len(tokenizer(text, add_special_tokens=False).input_ids) <= 39


def test_recording_longer_than_the_window_is_decoded_whole(decoder, monkeypatch):
    heard = []
    encoder = model.whisper_of(decoder.checkpoint.model).model.encoder
    conv = encoder.conv1.forward
    monkeypatch.setattr(encoder.conv1, "forward", lambda inputs: heard.append(inputs.shape[-1]) or conv(inputs))
    texts = decoding.transcribe(decoder, [noise(25.0)])
    assert len(texts) == 1
    assert heard
    assert set(heard) == {1000}  # window after window
