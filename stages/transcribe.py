"""Transcribe every evaluation set with one model: python -m stages.transcribe MODEL

Reads processed_data/evaluation/ and models/; writes metrics/transcripts/<model>.jsonl. After a kill, the next run
resumes. For other recordings: python -m tools.transcribe
"""

import argparse

from stages.common import params
from stages.common.errors import exit_on_user_error
from stages.records import paths
from stages.runtime import lifeline


@exit_on_user_error
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", choices=paths.MODELS)
    name = parser.parse_args().model
    settings = params.load()
    lifeline.end_with_dvc()
    # Not at the top: torch takes 10 seconds, and mistakes are found before.
    from stages.decoding import evaluation_sets
    from stages.whisper.quiet import quiet_transformers

    quiet_transformers()
    evaluation_sets.transcribe_evaluation_sets(name, settings)


if __name__ == "__main__":
    main()
