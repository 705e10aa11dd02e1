"""The recording that an annotation file is about: by the name that the file gives, or by the file's own name."""

import re
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

from stages.corpus.rows import named_folders
from stages.corpus.rows.files import Files, key, nfc, only_one
from stages.corpus.rows.utterance import Refused

QUOTED = re.compile("[\"'\u201c\u2018](.*)[\"'\u201d\u2019]")
SCHEME = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)  # of a URL; C:// is a drive
WEB = re.compile(r"(?:https?|ftp)://", re.IGNORECASE)
OTHER_NAME = "recordings that an annotation calls by another name or extension, taken"


def names_of(media: str) -> list[str]:
    """The file names that an annotation may mean by a name, a path of any machine or a URL, perhaps in quotes."""
    text = media.strip()
    quoted = QUOTED.fullmatch(text)
    if quoted:
        text = quoted[1].strip()
    if WEB.match(text):
        text = re.split("[?#]", text)[0]
    name = PurePosixPath(text.replace("\\", "/")).name
    return list(dict.fromkeys((name, unquote(name))))


def recording_of(path: Path, media: Iterable[str], files: Files, own_stem: bool = True) -> Path:
    """The recording that the annotation file `path` is about, if it calls it one of `media`.

    Looked for by these names (with or without an extension, of any machine's folders) beside the file; then, beside it
    too, by these names with any other extension and by the file's own stem, unless `own_stem` is False; then by these
    names anywhere in the split, at last with any other extension.

    Raises
    ------
    Refused
        missing-audio or ambiguous-audio
    """
    names: list[str] = []
    for text in media:
        names += [name for name in names_of(text) if name]
    for name in names:
        recordings = files.called(name, path.parent)
        if recordings:
            return only_one(recordings, files)
    candidates = files.recordings_beside(path) if own_stem else []
    for name in names:
        candidates = candidates + files.called_with_other_extension(name, path.parent)
    if candidates:
        return only_one(candidates, files)
    for search in (files.called, files.called_with_other_extension):
        for name in names:
            recordings = search(name, None)
            if recordings:
                _check_folder(path, recordings, files)
                return only_one(recordings, files)
    if own_stem:
        names.append(f"{nfc(path.stem)}.*")
    raise Refused("missing-audio", f"no recording {' or '.join(dict.fromkeys(names))} in data/")


def other_name(audio: Path, media: Iterable[str]) -> str | None:
    """The first of the names that an annotation gives, where the recording has none of them; None where it has one."""
    names: list[str] = []
    for text in media:
        names += [name for name in names_of(text) if name]
    own_names = {key(audio.name).lower(), nfc(audio.stem).lower()}
    if not names or any(key(name).lower() in own_names for name in names):
        return None
    return names[0]


def _check_folder(path: Path, recordings: list[Path], files: Files) -> None:
    """Refuse the recording of another folder where the annotation file is in a child's folder of recordings."""
    folder = files.folder_of(path)
    if folder not in files.recording_folders or not named_folders.without_kinds(files.inner_folders(path)):
        return
    if not files.of_named_folder(f"{folder}/{recordings[0].name}", recordings):
        shown = files.shown(recordings[0])
        raise Refused("missing-audio", f"{recordings[0].name} is not in data/{folder}; did you mean {shown}?")
