"""Pretrain the miniature Whisper from nothing and write it as a hub checkpoint.

    python -m sample.make_model --work /tmp/whisper-mini

Needs espeak-ng. Clips and the training state live in the work folder; a killed run takes up where it stopped.
The trained model goes to sample/whisper-mini. normalizer.json there is OpenAI's spelling table, kept, not made.
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
THREADS = 2  # the order of floating-point sums, and so the weights, depends on it

# Vocabulary, in Whisper's order: text, special tokens, timestamps
TEXT_TOKENS = 768
SPECIAL = (
    *("<|endoftext|>", "<|startoftranscript|>", "<|en|>", "<|translate|>", "<|transcribe|>"),
    *("<|startoflm|>", "<|startofprev|>", "<|nospeech|>", "<|notimestamps|>"),
)
TICK = 0.02  # seconds from one timestamp to the next
TIMESTAMPS = tuple(f"<|{tick * TICK:.2f}|>" for tick in range(round(pretraining.WINDOW / TICK) + 1))
TOKEN = {token: TEXT_TOKENS + number for number, token in enumerate(SPECIAL + TIMESTAMPS)}

# Training
CLIPS = 30_000
STEPS = 3_000
PEAK_RATE, WARM_UP = 1.5e-3, 200  # learning rate; steps
CTC_WEIGHT = 0.4  # a character CTC on the encoder, dropped at the end: without it attention takes many hours to form
CTC_LETTERS = " abcdefghijklmnopqrstuvwxyz"
STAMPED = {1: 0.15, 2: 0.5}  # share of clips told with timestamps: one utterance, several
SAVE_STEPS = 200


def make_tokenizer() -> WhisperTokenizer:
    """Byte-level BPE trained on the grammar, with Whisper's special tokens and 0.02 s timestamps behind it."""
    rng = np.random.default_rng(SEED)
    lines = [" " + text for text in islice(sentences.texts("pretraining", rng, 0.3), 20_000)]
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    bpe.train_from_iterator(
        lines, trainers.BpeTrainer(vocab_size=TEXT_TOKENS, initial_alphabet=alphabet, show_progress=False)
    )
    learnt = json.loads(bpe.to_str())["model"]
    tokenizer = WhisperTokenizer(
        vocab=learnt["vocab"],
        merges=[tuple(merge) for merge in learnt["merges"]],
        normalizer_file=str(MODEL / "normalizer.json"),
        pad_token=SPECIAL[0],
        extra_special_tokens=list(SPECIAL[1:]),
        model_max_length=448,
    )
    tokenizer.add_tokens([AddedToken(stamp, normalized=False, special=False) for stamp in TIMESTAMPS])
    if any(tokenizer.convert_tokens_to_ids(text) != number for text, number in TOKEN.items()):
        raise ValueError("the special tokens did not get the ids that Whisper's order asks for")
    return tokenizer


def make_model() -> WhisperForConditionalGeneration:
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
        max_target_positions=448,  # as Whisper's: a limit on label length that fits whisper-base fits here
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
    """What whisper-base carries, with English and transcription set, so that a bare generate() does the right thing."""
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
        # As in Whisper: no empty transcript, no lone space, and no control token inside a transcript.
        begin_suppress_tokens=[tokenizer.convert_tokens_to_ids("Ġ"), TOKEN["<|endoftext|>"]],
        suppress_tokens=[TOKEN[control] for control in SPECIAL[1:-1] if control != "<|en|>"],
        max_length=128,  # ten seconds of speech take at most 60 tokens; a decoder that loops should stop soon
    )


def encode(encoder, features: torch.Tensor) -> torch.Tensor:
    """Whisper's encoder on features [clips, 80, frames] of any even length up to the window -> [clips, frames/2, 192].

    The stock forward insists on the full window, most of which is padding for a clip of three seconds.
    """
    hidden = functional.gelu(encoder.conv1(features))
    hidden = functional.gelu(encoder.conv2(hidden)).transpose(1, 2)
    hidden = hidden + encoder.embed_positions.weight[: hidden.shape[1]]
    for layer in encoder.layers:
        hidden = layer(hidden, None)
    return encoder.layer_norm(hidden)


def target(clip: Clip, stamped: bool, tokenizer: WhisperTokenizer) -> list[int]:
    """What the decoder shall write, prompt and end included. Text follows Whisper in starting with a space."""
    ids = [TOKEN["<|startoftranscript|>"], TOKEN["<|en|>"], TOKEN["<|transcribe|>"]]
    if not stamped:
        ids.append(TOKEN["<|notimestamps|>"])
    for segment in clip.segments:
        text = tokenizer.encode(" " + segment.text, add_special_tokens=False) if segment.end else []
        times = [segment.start, segment.end] if segment.end else [segment.start]
        stamps = [TOKEN["<|0.00|>"] + min(round(time / TICK), len(TIMESTAMPS) - 1) for time in times]
        ids += stamps[:1] + text + stamps[1:] if stamped else text
    return [*ids, TOKEN["<|endoftext|>"]]


def mask(features: np.ndarray, rng: np.random.Generator) -> None:
    """SpecAugment in place on [clips, 80, frames]: two bands of up to 12 mels, two stretches of up to 0.2 s."""
    for mel in features:
        for _ in range(2):
            low, start = rng.integers(80 - 12), rng.integers(mel.shape[1] - 20)
            mel[low : low + rng.integers(13)] = 0.0
            mel[:, start : start + rng.integers(21)] = 0.0


def ctc_loss(states: torch.Tensor, head: torch.nn.Linear, clips: list[Clip]) -> torch.Tensor:
    """Letters against encoder states [clips, positions, 192]; clips that the window cuts do not count."""
    whole = [number for number, clip in enumerate(clips) if clip.whole]
    if not whole:
        return states.new_zeros(())
    lines = [" ".join(segment.text for segment in clips[number].segments) for number in whole]
    letters = [torch.tensor([CTC_LETTERS.index(letter) + 1 for letter in line]) for line in lines]
    scores = head(states[whole]).float().log_softmax(-1).transpose(0, 1)
    lengths = torch.tensor([len(line) for line in letters])
    positions = torch.full_like(lengths, scores.shape[0])
    return functional.ctc_loss(scores, torch.cat(letters), positions, lengths, zero_infinity=True)


def batch_loss(model, head, tokenizer, clips: list[Clip], frames: int, rng: np.random.Generator) -> torch.Tensor:
    features = pretraining.pad([clip.features for clip in clips], frames)
    mask(features, rng)
    stamped = [not clip.whole or rng.random() < STAMPED[min(len(clip.segments), 2)] for clip in clips]
    rows = [torch.tensor(target(clip, stamps, tokenizer)) for clip, stamps in zip(clips, stamped, strict=True)]
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
    """Linear warm-up, then a cosine down to 2 % of the peak."""
    if step < WARM_UP:
        return PEAK_RATE * (step + 1) / WARM_UP
    return PEAK_RATE * (0.51 + 0.49 * math.cos(math.pi * (step - WARM_UP) / (STEPS - WARM_UP)))


def pretrain(model, tokenizer: WhisperTokenizer, clips: list[Clip], work: Path) -> None:
    """All STEPS, or those a killed run left. Everything random hangs on SEED and the step, so both end alike."""
    torch.manual_seed(SEED)
    head = torch.nn.Linear(model.config.d_model, len(CTC_LETTERS) + 1)
    learning = [p for p in [*model.parameters(), *head.parameters()] if p.requires_grad]
    optimizer = torch.optim.AdamW(learning, lr=PEAK_RATE, betas=(0.9, 0.98), weight_decay=0.01)
    state, first = work / "state.pt", 0
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
        torch.nn.utils.clip_grad_norm_(learning, 1.0)
        optimizer.param_groups[0]["lr"] = rate_at(step)
        optimizer.step()
        optimizer.zero_grad()
        if step % 20 == 0:
            progress.set_postfix(loss=f"{loss.item():.3f}", refresh=False)
        if (step + 1) % SAVE_STEPS == 0 or step + 1 == STEPS:
            parts = {"model": model.state_dict(), "head": head.state_dict(), "optimizer": optimizer.state_dict()}
            torch.save({**parts, "step": step + 1}, state.with_suffix(".tmp"))
            state.with_suffix(".tmp").replace(state)  # whole or not at all


def export(model, tokenizer: WhisperTokenizer, folder: Path) -> None:
    """A hub checkpoint. Weights are stored in half precision, but config.json says float32, so they load as that."""
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
    parser.add_argument("--work", type=Path, default=work, help="clips and training state")
    parser.add_argument("--out", type=Path, default=MODEL, help="where the checkpoint goes")
    options = parser.parse_args()
    torch.set_num_threads(THREADS)
    torch.use_deterministic_algorithms(True)  # the same weights from the same machine; no slower
    clips = pretraining.clips(CLIPS, options.work / "clips", SEED, workers=THREADS)
    tokenizer, model = make_tokenizer(), make_model()
    pretrain(model, tokenizer, clips, options.work)
    export(model, tokenizer, options.out)


if __name__ == "__main__":
    main()
