"""Transcribe recordings.

The audio is decoded as in preprocess, and transcribed like an evaluation set.
"""

import sys
from functools import partial
from pathlib import Path

from tqdm import tqdm

from stages.common.errors import UserError
from stages.common.params import Params
from stages.corpus.rows.files import nfc
from stages.cutting import audio
from stages.decoding import spoken_segments, token_limits, transcription, voice
from tools import recording_files, sources
from tools.transcribe import captions


def transcribe(
    targets: dict[Path, Path | None],
    checkpoint: str,
    settings: Params,
    form: str,
    base: str | None = None,
    everything: bool = False,
) -> None:
    """Transcribe recordings one after the other; those that cannot be read are reported at the end.

    Parameters
    ----------
    targets : the recordings, each with the file to write; None: print
    checkpoint, base : see sources.load_checkpoint
    form : one of captions.FORMATS
    everything : decode also where nobody seems to speak

    Raises
    ------
    UserError
        At the end: names the recordings that could not be read.
    """
    _, write = captions.FORMATS[form]
    if not everything:
        voice.check_installed()
    decoder = transcription.prepare(sources.load_checkpoint(checkpoint, base), settings)
    failed: list[str] = []
    cut = 0  # segments that were cut off at the limit of new tokens, and do not repeat themselves
    for file, target in tqdm(targets.items(), unit="file", disable=len(targets) == 1):
        try:
            samples = recording_files.read(file, settings.preprocess.channel)
        except audio.AudioError as error:
            failed.append(f"{file}: {error.detail}")
            continue
        segments = spoken_segments.transcribe(decoder, samples, everything)
        cut += sum(token_limits.may_lack_speech(segment.hypothesis) for segment in segments)
        content = write(nfc(file.name), segments, decoder.language)
        if target:
            recording_files.write_whole(target, partial(Path.write_text, data=content, encoding="utf-8"))
        else:
            if len(targets) > 1 and form == "text":
                sys.stdout.write(f"{nfc(str(file))}\n")
            sys.stdout.write(content)
    if cut:
        print(
            f"warning: {cut} segment(s) were cut off at the limit of new tokens and may lack their end; raise "
            f"{token_limits.KEY} in params.yaml, now {decoder.settings.tokens_per_second:g}",
            file=sys.stderr,
        )
    if failed:
        raise UserError("\n".join([f"{len(failed)} of {len(targets)} recordings could not be read:", *failed]))
