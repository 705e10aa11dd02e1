"""Who speaks in recordings that a list names without speakers: the child whose folder the recording is in."""

import re
from pathlib import Path

from stages.corpus.rows.files import Files, nfc
from stages.corpus.rows.speaker_names import folders_of_speaker

PARTS = re.compile(r"([^-_]+)([-_])([^-_]+)\2[^-_]+")  # of speaker-chapter-utterance


def speaker_of_recording(audio: Path, files: Files) -> tuple[str, bool]:
    """The speaker's name, and whether it is known: where not, the speaker is called after the recording.

    In LibriSpeech and MLS, 84/121123/84-121123-0000.flac is speaker 84's; else the innermost folder is the speaker.
    """
    folders = folders_of_speaker(audio, files)
    parts = PARTS.fullmatch(nfc(audio.stem))
    if parts and folders[-2:] == [parts[1], parts[3]]:
        return parts[1], True
    if folders:
        return folders[-1], True
    return files.named(audio), False
