"""Whether a recording in another folder than the named one may be taken, or is another child's of the same name."""

from collections.abc import Collection, Sequence

# Folders that say what kind of files they hold.
KINDS_OF_FILES = frozenset(
    "wav wavs flac flacs mp3 mp3s ogg audio audios clip clips recording recordings sound sounds data files segments"
    " samples utterances utts txt text texts transcript transcripts annotation annotations textgrid textgrids".split()
)


def without_kinds(folders: Sequence[str]) -> list[str]:
    """The folders that may be a speaker's or a session's."""
    return [name for name in folders if name.lower() not in KINDS_OF_FILES]


def may_be(named: Sequence[str], own: Sequence[str], split: str, present: Collection[str], is_absolute: bool) -> bool:
    """Whether a recording may be the one that a path names, though not in the place that the path says.

    Folders such as wav and clips are passed over. The others are compared from the last one on, without case.

    Parameters
    ----------
    named : the folders of the path
    own : the folders of the recording inside its split
    split : the name of the split's folder
    present : all folders inside the split that hold recordings, and those above them, in lower case
    is_absolute : the path is one of another machine, whose first folders mean nothing here
    """
    named = [name.lower() for name in named if name not in ("", "..", ".") and not name.endswith(":")]
    own = [name.lower() for name in own]
    if not named or (named[-1:] == [split.lower()] and not own):
        return True
    speakers, own_speakers = without_kinds(named), without_kinds(own)
    if not speakers:
        return not own_speakers or named[-1] == own[-1]
    if not own_speakers:
        # A path such as /home/x/corpus/0001.wav, whose last folder is none of this split's.
        return is_absolute and speakers[-1] not in present
    if speakers[-1] != own_speakers[-1]:
        return False
    for name, own_name in zip(reversed(speakers), reversed(own_speakers), strict=False):
        if name != own_name:
            return is_absolute and name not in present
    return True
