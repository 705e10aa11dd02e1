"""The options of the command line of python -m tools.transcribe."""

from dataclasses import dataclass
from pathlib import Path

from stages.common.errors import UserError

AUTO = "auto"  # as --speakers: the annotation beside each recording
ANNOTATIONS = (".cha", ".eaf", ".textgrid", ".trs", ".stm", ".rttm", ".vtt", ".srt")


@dataclass(frozen=True)
class Options:
    form: str = "text"  # one of captions.FORMATS
    everything: bool = False  # decode also where nobody seems to speak
    words: bool = False  # find when each word is spoken
    speakers: str | None = None  # path of an annotation, or AUTO; None: no names


def check(options: Options, recordings: int) -> None:
    """Raise UserError where options do not go together, or the annotation is no file that can be read.

    Parameters
    ----------
    recordings : how many there are
    """
    if options.words and options.form == "text":
        raise UserError("--words: plain text has no times; add --format json, vtt or srt")
    if options.speakers is None or options.speakers == AUTO:
        return
    path = Path(options.speakers)
    if not path.is_file():
        raise UserError(f"--speakers {path} is not a file")
    if path.suffix.lower() not in ANNOTATIONS:
        raise UserError(f"--speakers {path}: speakers are read from {', '.join(ANNOTATIONS)}")
    if recordings > 1:
        raise UserError(
            f"--speakers {path} is the annotation of one recording, and there are {recordings}; with --speakers auto, "
            "each has its own beside it"
        )
