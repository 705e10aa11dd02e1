"""Transcribe recordings.

The audio is decoded as in preprocess, and transcribed like an evaluation set.
"""

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from tqdm import tqdm

from stages.common.errors import UserError
from stages.common.params import Params
from stages.corpus.rows.files import nfc
from stages.cutting import audio
from stages.decoding import evaluation_sets, spoken_segments, token_limits, transcription, voice
from stages.decoding.transcription import Decoder
from stages.records.units import SAMPLE_RATE, Seconds
from stages.runtime import failures
from tools import recording_files, sources
from tools.transcribe import captions, speakers, words
from tools.transcribe.captions import Caption, Word
from tools.transcribe.options import AUTO, Options
from tools.transcribe.speakers import SpeakerTurn


def transcribe(
    targets: dict[Path, Path | None], checkpoint: str, settings: Params, options: Options, base: str | None = None
) -> None:
    """Transcribe recordings one after the other; those that cannot be transcribed are reported at the end.

    Parameters
    ----------
    targets : the recordings, each with the file to write; None: print
    checkpoint, base : see sources.load_checkpoint

    Raises
    ------
    UserError
        At the end: names the recordings that could not be transcribed.
    """
    _, write = captions.FORMATS[options.form]
    if not options.everything:
        voice.check_installed()
    decoder = transcription.prepare(sources.load_checkpoint(checkpoint, base), settings)
    failed: list[str] = []
    cut = 0  # segments that were cut off at the limit of new tokens, and do not repeat themselves
    without_times = 0  # segments of which no word times are known
    for file, target in tqdm(targets.items(), unit="file", disable=len(targets) == 1):
        try:
            with failures.explain_out_of_memory(evaluation_sets.memory_advice(settings)):
                of_file = captions_of(file, decoder, settings, options)
        except audio.AudioError as error:
            failed.append(f"{file}: {error.detail}")
            continue
        except UserError as error:
            failed.append(f"{file}: {error}")
            continue
        cut += sum(token_limits.may_lack_speech(caption.segment.hypothesis) for caption in of_file)
        without_times += sum(caption.words is None for caption in of_file)
        content = write(nfc(file.name), of_file, decoder.language)
        if target:
            recording_files.write_whole(target, partial(Path.write_text, data=content, encoding="utf-8"))
        else:
            if len(targets) > 1 and options.form == "text":
                sys.stdout.write(f"{nfc(str(file))}\n")
            sys.stdout.write(content)
    _warn(cut, without_times if options.words else 0, decoder)
    if failed:
        raise UserError("\n".join([f"{len(failed)} of {len(targets)} recordings could not be transcribed:", *failed]))


def _warn(cut: int, without_times: int, decoder: Decoder) -> None:
    """Print how many segments were cut off, and of how many no word times are known."""
    if cut:
        print(
            f"warning: {cut} segment(s) were cut off at the limit of new tokens and may lack their end; raise "
            f"{token_limits.KEY} in params.yaml, now {decoder.settings.tokens_per_second:g}",
            file=sys.stderr,
        )
    if without_times:
        print(
            f"warning: the words of {without_times} segment(s) have no times, because the text is too long for the "
            f"model ({decoder.max_tokens} tokens)",
            file=sys.stderr,
        )


def captions_of(file: Path, decoder: Decoder, settings: Params, options: Options) -> list[Caption]:
    """Transcribe a recording; AudioError or UserError where it, or its annotation, cannot be read."""
    turns, annotation = _turns(file, settings, options)
    samples = recording_files.read(file, settings.preprocess.channel)
    borders: list[Seconds] = []
    if turns:
        speakers.check_length(turns, len(samples) / SAMPLE_RATE, annotation)
        borders = speakers.borders(turns, samples)
    segments = spoken_segments.transcribe(decoder, samples, options.everything, borders)
    names = speakers.speakers_of([(segment.start, segment.end) for segment in segments], turns)
    timed: Sequence[list[Word] | None] = [None] * len(segments)
    if options.words:
        timed = words.words_of(decoder, samples, segments)
    captions_of_file = []
    for segment, name, words_of_segment in zip(segments, names, timed, strict=True):
        captions_of_file.append(Caption(segment, name, words_of_segment))
    return captions_of_file


def _turns(file: Path, settings: Params, options: Options) -> tuple[list[SpeakerTurn], Path | None]:
    """The turns of a recording's annotation, and its path; none where it is not asked for or not there."""
    if options.speakers is None:
        return [], None
    path: Path | None = Path(options.speakers)
    if options.speakers == AUTO:
        path = speakers.beside(file)
        if path is None:
            tqdm.write(f"warning: {file} has no annotation beside it, so its segments name no speaker", file=sys.stderr)
    return (speakers.read(path, file, settings), path) if path else ([], None)
