"""Which recordings are aligned with which transcripts, and to which files."""

from pathlib import Path

from stages.common.errors import UserError
from stages.corpus.rows.files import RECORDING_SUFFIXES
from tools.align import transcript, writers
from tools.transcribe.targets import check_folder


def pairs(recording: Path, given: Path | None) -> list[tuple[Path, Path]]:
    """The recordings to align, each with its transcript: the one given, or the file of the same name beside it.

    Parameters
    ----------
    recording : a file, or a folder of recordings

    Raises
    ------
    UserError
        A file is missing, or a folder holds no recording with a transcript.
    """
    if recording.is_dir():
        if given:
            raise UserError(f"{recording} is a folder; its transcripts are found beside the recordings")
        files = sorted(path for path in recording.rglob("*") if path.suffix.lower() in RECORDING_SUFFIXES)
        found = []
        for path in files:
            text = _beside(path)
            if text:
                found.append((path, text))
            else:
                print(f"{path}: no transcript beside it ({', '.join(transcript.SUFFIXES)}), left out")
        if not found:
            raise UserError(f"{recording} holds no recording with a transcript of the same name beside it")
        return found
    if not recording.is_file():
        raise UserError(f"{recording} is not a file")
    text = given or _beside(recording)
    if text is None:
        names = ", ".join(recording.stem + suffix for suffix in transcript.SUFFIXES)
        raise UserError(f"{recording} has no transcript beside it (one of {names}); name it after the recording")
    if not text.is_file():
        raise UserError(f"{text} is not a file")
    if text.suffix.lower() not in transcript.SUFFIXES:
        raise UserError(f"{text}: transcripts are read from {', '.join(transcript.SUFFIXES)}")
    return [(recording, text)]


def _beside(recording: Path) -> Path | None:
    """The transcript of the same name."""
    for suffix in transcript.SUFFIXES:
        path = recording.with_suffix(suffix)
        if path.is_file():
            return path
    return None


def targets(files: list[tuple[Path, Path]], form: str, output: Path | None) -> list[Path]:
    """The file to write for each recording.

    Raises
    ------
    UserError
        A file is there already (a person may have corrected it), two recordings have the same file, `output` cannot be
        a folder, or a transcript is not CHAT and so cannot be written as CHAT.
    """
    if output:
        check_folder(output)
    for _, text in files:
        if form == "chat" and text.suffix.lower() != ".cha":
            raise UserError(f"{text}: only a .cha transcript can be written as CHAT; use another --format")
    suffix, _ = writers.FORMATS[form]
    paths = [(output or recording.parent) / (recording.stem + suffix) for recording, _ in files]
    for path in paths:
        if path.exists():
            raise UserError(f"{path} is there already; move it away, or name another folder: --output FOLDER")
        if paths.count(path) > 1:
            raise UserError(f"two recordings would be written to {path}; align them one by one")
    return paths
