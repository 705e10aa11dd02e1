"""Transcribe recordings of any length with any checkpoint or adapter (a folder, or a model of the hub):

python -m tools.transcribe FILE... --checkpoint models/lora [--format text|srt|vtt|json] [--output FOLDER]
    [--words] [--speakers FILE|auto]

A FILE may also be a folder: its recordings are transcribed, and those of the folders in it.
"""

import argparse
from pathlib import Path

from stages.common import params
from stages.common.errors import exit_on_user_error
from tools import checkpoint_names
from tools.transcribe import captions, options, targets


@exit_on_user_error
def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tools.transcribe", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="recordings, or folders of recordings")
    parser.add_argument("--checkpoint", required=True, help=checkpoint_names.CHECKPOINT_HELP)
    parser.add_argument("--base", help=checkpoint_names.BASE_HELP)
    parser.add_argument("--format", choices=captions.FORMATS, default="text", help="output format; default: text")
    parser.add_argument("--output", type=Path, help="folder for one file per recording; default: print")
    parser.add_argument(
        "--everything", action="store_true", help="decode also where nobody seems to speak; words may be invented there"
    )
    parser.add_argument(
        "--words", action="store_true", help="also write when each word is spoken; for srt, vtt and json"
    )
    parser.add_argument(
        "--speakers",
        metavar="FILE|auto",
        help="annotation that says who speaks when; auto: the one of the recording's name beside it; default: no names",
    )
    arguments = parser.parse_args()
    settings = params.load()
    asked = options.Options(arguments.format, arguments.everything, arguments.words, arguments.speakers)
    target_of = targets.targets(arguments.files, arguments.format, arguments.output)
    options.check(asked, len(target_of))
    for name in (arguments.checkpoint, arguments.base):
        checkpoint_names.check(name)
    # Not at the top: torch takes 10 seconds, and mistakes are found before.
    from stages.whisper.quiet import quiet_transformers
    from tools.transcribe import recordings

    quiet_transformers()
    recordings.transcribe(target_of, arguments.checkpoint, settings, asked, arguments.base)


if __name__ == "__main__":
    main()
