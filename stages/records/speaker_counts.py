"""How a number of speakers is written: where the corpus does not name them, it is one of recordings, and says so."""


def kind(unknown: int, utterances: int) -> str:
    """Whether "none", "some" or "all" of the utterances have an unknown speaker."""
    if not unknown:
        return "none"
    return "all" if unknown == utterances else "some"


def text(speakers: int, unknown: int, utterances: int) -> str:
    """A number of speakers in words, such as "3 recordings of unknown speakers".

    Parameters
    ----------
    speakers : of the utterances; a recording of an unknown speaker counts as one
    unknown : how many of the utterances have an unknown speaker
    """
    speaker, recording = ("speaker", "recording") if speakers == 1 else ("speakers", "recordings")
    nouns = {"none": speaker, "all": f"{recording} of unknown speakers"}
    nouns["some"] = "speakers and recordings of unknown speakers"
    return f"{speakers} {nouns[kind(unknown, utterances)]}"


def cell(speakers: int, unknown: int, utterances: int) -> str:
    """A number of speakers for a column of a table; parameters as for `text`."""
    nouns = {"none": "", "all": " recording" if speakers == 1 else " recordings", "some": " with recordings"}
    return f"{speakers}{nouns[kind(unknown, utterances)]}"
