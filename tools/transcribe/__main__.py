"""Transcribe recordings of any length with any checkpoint or adapter (a folder, or a model of the hub):

python -m tools.transcribe FILE... --checkpoint models/lora [--format text|srt|vtt|json] [--output FOLDER]
"""

import argparse
from pathlib import Path

from stages.common import params
from stages.common.errors import exit_on_user_error
from stages.whisper.quiet import quiet_transformers
from tools import sources
from tools.transcribe import captions, recordings


@exit_on_user_error
def main() -> None:
    quiet_transformers()
    parser = argparse.ArgumentParser(
        prog="python -m tools.transcribe", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="recordings")
    parser.add_argument("--checkpoint", required=True, help="a folder, or a model of the hub (id or id@revision)")
    parser.add_argument("--base", help=sources.BASE_HELP)
    parser.add_argument("--format", choices=captions.FORMATS, default="text", help="output format; default: text")
    parser.add_argument("--output", type=Path, help="folder for one file per recording; default: print")
    arguments = parser.parse_args()
    recordings.transcribe(
        arguments.files, arguments.checkpoint, params.load(), arguments.format, arguments.output, arguments.base
    )


if __name__ == "__main__":
    main()
