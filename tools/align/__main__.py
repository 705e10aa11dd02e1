"""Find where each line of a transcript without times is spoken, and write a Praat TextGrid to look over:

python -m tools.align RECORDING [TRANSCRIPT] --checkpoint models/lora [--format textgrid|elan|chat|json]

RECORDING may be a folder, of recordings with transcripts of the same name beside them. A transcript is a .txt with one
utterance a line (`speaker: text` or only the text), a .cha, or a table.
"""

import argparse
from pathlib import Path

from stages.common import params
from stages.common.errors import exit_on_user_error
from stages.decoding import transcription
from stages.whisper.quiet import quiet_transformers
from tools import sources
from tools.align import recordings, writers


@exit_on_user_error
def main() -> None:
    quiet_transformers()
    parser = argparse.ArgumentParser(
        prog="python -m tools.align", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("recording", type=Path, metavar="RECORDING", help="a recording, or a folder of them")
    parser.add_argument("transcript", nargs="?", type=Path, metavar="TRANSCRIPT", help="default: of the same name")
    parser.add_argument("--checkpoint", required=True, help="a folder, or a model of the hub (id or id@revision)")
    parser.add_argument("--base", help=sources.BASE_HELP)
    parser.add_argument("--format", choices=writers.FORMATS, default="textgrid", help="default: textgrid")
    parser.add_argument("--output", type=Path, help="folder to write to; default: beside the recording")
    arguments = parser.parse_args()
    settings = params.load()
    files = recordings.pairs(arguments.recording, arguments.transcript)
    paths = recordings.targets(files, arguments.format, arguments.output)
    checkpoint = sources.find(arguments.checkpoint)
    decoder = transcription.prepare(sources.load_checkpoint(arguments.checkpoint, arguments.base), settings)
    recordings.align_all(decoder, files, arguments.format, paths, settings, checkpoint)


if __name__ == "__main__":
    main()
