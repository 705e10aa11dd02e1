"""Pretrain the miniature Whisper from random weights, and write it as a hub checkpoint.

    python -m sample.make_model --work /tmp/whisper-mini

Needs espeak-ng. The work folder holds the clips and the training state, from which a killed run resumes. The trained
model is written to sample/whisper-mini. normalizer.json in that folder is OpenAI's spelling table, and is not changed.
"""

import argparse
import json
import math
import tempfile
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from torch.nn import functional
from tqdm import tqdm
from transformers import (
    AddedToken,
    GenerationConfig,
    WhisperConfig,
    WhisperForConditionalGeneration,
    WhisperTokenizer,
)

from sample import pretraining, sentences
from sample.pretraining import Clip

MODEL = Path(__file__).parent / "whisper-mini"
SEED = 20261
THREADS = 2  # another number gives other weights: it changes the order of floating-point sums

# Vocabulary, in Whisper's order: text, special tokens, timestamps
TEXT_TOKENS = 768
SPECIAL = (
    *("<|endoftext|>", "<|startoftranscript|>", "<|en|>", "<|translate|>", "<|transcribe|>"),
    *("<|startoflm|>", "<|startofprev|>", "<|nospeech|>", "<|notimestamps|>"),
)
TICK = 0.02  # seconds from one timestamp to the next
TIMESTAMPS = tuple(f"<|{tick * TICK:.2f}|>" for tick in range(round(pretraining.WINDOW / TICK) + 1))
TOKEN = {token: TEXT_TOKENS + number for number, token in enumerate(SPECIAL + TIMESTAMPS)}  # id of each

# Training
CLIPS = 30_000
STEPS = 3_000
PEAK_RATE = 1.5e-3  # highest learning rate
WARM_UP = 200  # steps over which it rises
# Weight of a CTC loss on the encoder's output, over characters. Its head is not part of the written model. Without it,
# cross-attention takes many hours to form.
CTC_WEIGHT = 0.4
CTC_LETTERS = " abcdefghijklmnopqrstuvwxyz"
# Share of the clips whose target has timestamps: clips of one utterance, and of several. Cut clips always have them.
TIMESTAMP_SHARES = (0.15, 0.5)
SAVE_STEPS = 200  # steps from one saved training state to the next


def make_tokenizer() -> WhisperTokenizer:
    """Train a byte-level BPE on sentences of the grammar, and add Whisper's special tokens and timestamps."""
    rng = np.random.default_rng(SEED)
    lines = [" " + text for text in islice(sentences.texts("pretraining", rng, 0.3), 20_000)]
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    bpe.train_from_iterator(
        lines, trainers.BpeTrainer(vocab_size=TEXT_TOKENS, initial_alphabet=alphabet, show_progress=False)
    )
    trained = json.loads(bpe.to_str())["model"]
    tokenizer = WhisperTokenizer(
        vocab=trained["vocab"],
        merges=list(map(tuple, trained["merges"])),
        normalizer_file=str(MODEL / "normalizer.json"),
        pad_token=SPECIAL[0],
        extra_special_tokens=list(SPECIAL[1:]),
        model_max_length=448,
    )
    tokenizer.add_tokens([AddedToken(text, normalized=False, special=False) for text in TIMESTAMPS])
    for text, id in TOKEN.items():
        given = tokenizer.convert_tokens_to_ids(text)
        if given != id:
            raise ValueError(f"the tokenizer gave {text} the id {given} instead of {id}")
    return tokenizer


def make_model() -> WhisperForConditionalGeneration:
    """Return the model with random weights."""
    torch.manual_seed(SEED)
    config = WhisperConfig(
        vocab_size=TEXT_TOKENS + len(TOKEN),
        d_model=192,
        encoder_layers=4,
        decoder_layers=3,
        encoder_attention_heads=3,
        decoder_attention_heads=3,
        encoder_ffn_dim=768,
        decoder_ffn_dim=768,
        num_mel_bins=80,
        max_source_positions=pretraining.WINDOW_FRAMES // 2,
        max_target_positions=448,  # as in Whisper, so that the pipeline's limits on label length are the same
        dropout=0.0,
        pad_token_id=TOKEN["<|endoftext|>"],
        bos_token_id=TOKEN["<|endoftext|>"],
        eos_token_id=TOKEN["<|endoftext|>"],
        decoder_start_token_id=TOKEN["<|startoftranscript|>"],
        suppress_tokens=None,
        begin_suppress_tokens=None,
    )
    return WhisperForConditionalGeneration(config)


def generation_config(tokenizer: WhisperTokenizer) -> GenerationConfig:
    """Return the settings of whisper-base, with English and transcription, so that generate() needs no arguments."""
    return GenerationConfig(
        language="en",
        task="transcribe",
        is_multilingual=True,
        lang_to_id={"<|en|>": TOKEN["<|en|>"]},
        task_to_id={task: TOKEN[f"<|{task}|>"] for task in ("transcribe", "translate")},
        no_timestamps_token_id=TOKEN["<|notimestamps|>"],
        prev_sot_token_id=TOKEN["<|startofprev|>"],
        max_initial_timestamp_index=50,
        return_timestamps=False,
        decoder_start_token_id=TOKEN["<|startoftranscript|>"],
        bos_token_id=TOKEN["<|endoftext|>"],
        eos_token_id=TOKEN["<|endoftext|>"],
        pad_token_id=TOKEN["<|endoftext|>"],
        # As in Whisper: a transcript is not empty or a single space, and contains no control token.
        begin_suppress_tokens=[tokenizer.convert_tokens_to_ids("Ġ"), TOKEN["<|endoftext|>"]],
        suppress_tokens=[TOKEN[text] for text in SPECIAL[1:-1] if text != "<|en|>"],
        max_length=128,  # the window holds at most 60 tokens of speech; stops a decoder that repeats itself
    )


def encode(encoder, features: torch.Tensor) -> torch.Tensor:
    """Run Whisper's encoder on fewer frames than the window: [clips, 80, frames (even)] -> [clips, frames/2, 192].

    The stock forward() accepts only the full window, most of which is padding for a clip of three seconds.
    """
    hidden = functional.gelu(encoder.conv1(features))
    hidden = functional.gelu(encoder.conv2(hidden)).transpose(1, 2)
    hidden = hidden + encoder.embed_positions.weight[: hidden.shape[1]]
    for layer in encoder.layers:
        hidden = layer(hidden, None)
    return encoder.layer_norm(hidden)


def target(clip: Clip, with_timestamps: bool, tokenizer: WhisperTokenizer) -> list[int]:
    """Return the tokens that the decoder learns to write: prompt, text (with a space in front, as in Whisper), end."""
    ids = [TOKEN["<|startoftranscript|>"], TOKEN["<|en|>"], TOKEN["<|transcribe|>"]]
    if not with_timestamps:
        ids.append(TOKEN["<|notimestamps|>"])
    for segment in clip.segments:
        if with_timestamps:
            ids.append(timestamp(segment.start))
        if segment.end:  # else the window cuts the segment: only its start is known
            ids += tokenizer.encode(" " + segment.text, add_special_tokens=False)
            if with_timestamps:
                ids.append(timestamp(segment.end))
    return [*ids, TOKEN["<|endoftext|>"]]


def timestamp(seconds: float) -> int:
    """Return the token of the nearest timestamp."""
    return TOKEN["<|0.00|>"] + min(round(seconds / TICK), len(TIMESTAMPS) - 1)


def mask(features: np.ndarray, rng: np.random.Generator) -> None:
    """Apply SpecAugment in place to [clips, 80, frames]: two bands of up to 12 mels, two stretches of up to 0.2 s."""
    for mel in features:
        for _ in range(2):
            low, start = rng.integers(80 - 12), rng.integers(mel.shape[1] - 20)
            mel[low : low + rng.integers(13)] = 0.0
            mel[:, start : start + rng.integers(21)] = 0.0


def ctc_loss(states: torch.Tensor, head: torch.nn.Linear, clips: list[Clip]) -> torch.Tensor:
    """Return the CTC loss of the texts' letters, over the clips that the window does not cut.

    Parameters
    ----------
    states : encoder states [clips, positions, 192]
    """
    whole, letters = [], []  # indices of the clips, and the labels of each
    for number, clip in enumerate(clips):
        if clip.is_whole:
            whole.append(number)
            letters.append(letter_labels(clip))
    if not whole:
        return states.new_zeros(())
    scores = head(states[whole]).float().log_softmax(-1).transpose(0, 1)
    lengths = torch.tensor(list(map(len, letters)))
    positions = torch.full_like(lengths, scores.shape[0])
    return functional.ctc_loss(scores, torch.cat(letters), positions, lengths, zero_infinity=True)


def letter_labels(clip: Clip) -> torch.Tensor:
    """Return the CTC labels of a clip's text, [letters]; 0 is the blank."""
    line = " ".join(segment.text for segment in clip.segments)
    return torch.tensor([CTC_LETTERS.index(letter) + 1 for letter in line])


def batch_loss(model, head, tokenizer, clips: list[Clip], frames: int, rng: np.random.Generator) -> torch.Tensor:
    """Return the loss of a batch, padded to `frames`: cross-entropy of the text, and the weighted CTC loss."""
    features = pretraining.pad([clip.features for clip in clips], frames)
    mask(features, rng)
    rows = []
    for clip in clips:
        has_several = len(clip.segments) > 1
        with_timestamps = not clip.is_whole or rng.random() < TIMESTAMP_SHARES[has_several]
        rows.append(torch.tensor(target(clip, with_timestamps, tokenizer)))
    ids = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=TOKEN["<|endoftext|>"])
    labels = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=-100)[:, 1:]
    with torch.autocast("cpu", torch.bfloat16):
        states = encode(model.model.encoder, torch.from_numpy(features))
        decoded = model.model.decoder(input_ids=ids[:, :-1], encoder_hidden_states=states, use_cache=False)
        logits = model.proj_out(decoded.last_hidden_state)
        letters = ctc_loss(states, head, clips)
    words = functional.cross_entropy(logits.float().flatten(0, 1), labels.flatten(), ignore_index=-100)
    return words + CTC_WEIGHT * letters


def rate_at(step: int) -> float:
    """Return the learning rate of a step: a linear rise to the peak, then a cosine down to 2 % of it."""
    if step < WARM_UP:
        return PEAK_RATE * (step + 1) / WARM_UP
    return PEAK_RATE * (0.51 + 0.49 * math.cos(math.pi * (step - WARM_UP) / (STEPS - WARM_UP)))


def pretrain(model, tokenizer: WhisperTokenizer, clips: list[Clip], work: Path) -> None:
    """Train for STEPS steps, or for those that a killed run did not reach.

    Every random draw depends on SEED and the step only, so a resumed run gives the same weights.
    """
    torch.manual_seed(SEED)
    head = torch.nn.Linear(model.config.d_model, len(CTC_LETTERS) + 1)
    trained = [parameter for parameter in [*model.parameters(), *head.parameters()] if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=PEAK_RATE, betas=(0.9, 0.98), weight_decay=0.01)
    state = work / "state.pt"
    first = 0
    if state.exists():
        saved = torch.load(state, weights_only=True)
        model.load_state_dict(saved["model"])
        head.load_state_dict(saved["head"])
        optimizer.load_state_dict(saved["optimizer"])
        first = saved["step"]
    batches = pretraining.plan(np.array([len(clip.features) for clip in clips]), STEPS, SEED)
    progress = tqdm(range(first, STEPS), "pretraining", STEPS, initial=first, mininterval=5)
    for step in progress:
        numbers, frames = batches[step]
        rng = np.random.default_rng([SEED, step])
        loss = batch_loss(model, head, tokenizer, [clips[number] for number in numbers], frames, rng)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.param_groups[0]["lr"] = rate_at(step)
        optimizer.step()
        optimizer.zero_grad()
        if step % 20 == 0:
            progress.set_postfix(loss=f"{loss.item():.3f}", refresh=False)
        if (step + 1) % SAVE_STEPS == 0 or step + 1 == STEPS:
            parts = {"model": model.state_dict(), "head": head.state_dict(), "optimizer": optimizer.state_dict()}
            unfinished = state.with_suffix(".tmp")
            torch.save({**parts, "step": step + 1}, unfinished)
            unfinished.replace(state)  # so that a killed run leaves no half-written state


def export(model, tokenizer: WhisperTokenizer, folder: Path) -> None:
    """Write a hub checkpoint: weights in float16, but config.json says float32, so they are loaded as float32."""
    model.generation_config = generation_config(tokenizer)
    model.to(torch.float16).save_pretrained(folder)
    config = WhisperConfig.from_pretrained(folder)
    config.dtype = "float32"
    config.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    pretraining.feature_extractor().save_pretrained(folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    work = Path(tempfile.gettempdir(), "whisper-mini")
    parser.add_argument("--work", type=Path, default=work, help="folder of the clips and the training state")
    parser.add_argument("--out", type=Path, default=MODEL, help="folder to which the checkpoint is written")
    options = parser.parse_args()
    torch.set_num_threads(THREADS)
    torch.use_deterministic_algorithms(True)  # the same machine gives the same weights; this is not slower
    clips = pretraining.clips(CLIPS, options.work / "clips", SEED, workers=THREADS)
    tokenizer, model = make_tokenizer(), make_model()
    pretrain(model, tokenizer, clips, options.work)
    export(model, tokenizer, options.out)


if __name__ == "__main__":
    main()
