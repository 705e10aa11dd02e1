"""Decide which recordings are aligned with which transcripts, and to which files the results are written."""

from pathlib import Path

from stages.common.errors import UserError
from tools import recording_files
from tools.align import transcript, writers
from tools.transcribe.targets import check_folder


def pairs(recording: Path, transcript_path: Path | None) -> list[tuple[Path, Path]]:
    """The recordings to align, each with its transcript.

    Parameters
    ----------
    recording : a file, or a folder of recordings
    transcript_path : None: the file of the same name beside the recording

    Raises
    ------
    UserError
        A file is missing, a folder holds no recording with a transcript, or a recording has several transcripts.
    """
    if recording.is_dir():
        if transcript_path:
            raise UserError(
                f"{recording} is a folder; leave out {transcript_path}: transcripts are read beside its recordings"
            )
        with_transcript = []
        for path in recording_files.recordings_in(recording):
            text = _beside(path)
            if text:
                with_transcript.append((path, text))
            else:
                print(f"{path}: no transcript beside it ({', '.join(transcript.SUFFIXES)}), left out")
        if not with_transcript:
            raise UserError(f"{recording} holds no recording with a transcript of the same name beside it")
        return with_transcript
    if not recording.is_file():
        raise UserError(f"{recording} is not a file")
    text = transcript_path or _beside(recording)
    if text is None:
        names = ", ".join(recording.stem + suffix for suffix in transcript.SUFFIXES)
        raise UserError(f"{recording} has no transcript beside it (one of {names}); name it after the recording")
    if not text.is_file():
        raise UserError(f"{text} is not a file")
    if text.suffix.lower() not in transcript.SUFFIXES:
        raise UserError(f"{text}: transcripts are read from {', '.join(transcript.SUFFIXES)}")
    return [(recording, text)]


def _beside(recording: Path) -> Path | None:
    """The transcript with the recording's name in its folder; None if there is none, UserError if there are several.

    Tables count only where there is no text or CHAT: beside these, they often describe the recording.
    """
    paths = recording_files.beside(recording, transcript.TEXTS) or recording_files.beside(recording, transcript.TABLES)
    if len(paths) > 1:
        names = ", ".join(path.name for path in paths)
        raise UserError(
            f"{recording} has several transcripts beside it: {names}; name the recording and one of them, or move the "
            "others away"
        )
    return paths[0] if paths else None


def targets(files: list[tuple[Path, Path]], form: str, output: Path | None) -> list[Path]:
    """The file to write for each recording.

    Raises
    ------
    UserError
        A file exists already (somebody may have corrected it), two recordings would be written to the same file,
        `output` cannot be a folder, or a transcript is to be written as CHAT but is not CHAT.
    """
    if output:
        check_folder(output)
    for _, text in files:
        if form == "chat" and text.suffix.lower() != ".cha":
            raise UserError(f"{text}: only a .cha transcript can be written as CHAT; use another --format")
    suffix, _ = writers.FORMATS[form]
    paths = [(output or recording.parent) / (recording.stem + suffix) for recording, _ in files]
    written: set[Path] = set()
    for path in paths:
        if path.exists():
            raise UserError(f"{path} is there already; move it away, or name another folder: --output FOLDER")
        if path in written:
            raise UserError(f"two recordings would be written to {path}; align them one by one")
        written.add(path)
    return paths
