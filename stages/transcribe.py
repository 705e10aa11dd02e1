"""Transcribe every evaluation set with one model: python -m stages.transcribe base|lora|selective

Reads processed_data/ and models/; writes metrics/transcripts/<model>.jsonl.
"""

import argparse

from stages import cost, decoding, model, params, shards, transcripts
from stages.errors import told_plainly


@told_plainly
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", choices=model.MODELS)
    name = parser.parse_args().model
    settings = params.load()
    with cost.measured(f"transcribe_{name}") as figures:
        decoder = decoding.prepare(model.load_checkpoint(model.MODELS[name]), settings)
        rows = []
        for folder in shards.evaluation_sets():
            rows += decoding.transcribe_split(decoder, folder)
        figures["clips"] = len(rows)
    transcripts.write_transcripts(transcripts.TRANSCRIPTS_FOLDER / f"{name}.jsonl", rows)


if __name__ == "__main__":
    main()
