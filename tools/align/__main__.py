"""Find where each line of a transcript without times is spoken, and write a Praat TextGrid to look over:

python -m tools.align RECORDING [TRANSCRIPT] --checkpoint models/lora [--format textgrid|elan|chat|json]

RECORDING may be a folder with recordings, and beside each recording a transcript of the same name. A transcript is a
.txt with one utterance a line (`speaker: text`, or only the text), a .cha, or a table.
"""

import argparse
from pathlib import Path

from stages.common import params
from stages.common.errors import exit_on_user_error
from tools import checkpoint_names
from tools.align import pairs, writers


@exit_on_user_error
def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tools.align", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("recording", type=Path, metavar="RECORDING", help="a recording, or a folder of them")
    parser.add_argument("transcript", nargs="?", type=Path, metavar="TRANSCRIPT", help="default: same name, beside it")
    parser.add_argument("--checkpoint", required=True, help=checkpoint_names.CHECKPOINT_HELP)
    parser.add_argument("--base", help=checkpoint_names.BASE_HELP)
    parser.add_argument("--format", choices=writers.FORMATS, default="textgrid", help="default: textgrid")
    parser.add_argument("--output", type=Path, help="folder to write to; default: beside the recording")
    arguments = parser.parse_args()
    settings = params.load()
    files = pairs.pairs(arguments.recording, arguments.transcript)
    paths = pairs.targets(files, arguments.format, arguments.output)
    for name in (arguments.checkpoint, arguments.base):
        checkpoint_names.check(name)
    # Not at the top: importing torch takes 10 seconds, and wrong arguments are reported before.
    from stages.whisper.quiet import quiet_transformers
    from tools.align import recordings

    quiet_transformers()
    recordings.align_all(files, paths, arguments.format, arguments.checkpoint, arguments.base, settings)


if __name__ == "__main__":
    main()
