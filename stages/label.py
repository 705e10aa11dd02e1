"""Label recordings that have no transcript with a teacher's hypotheses: python -m stages.label

Reads processed_data/untranscribed.jsonl, data/train and the teacher (pseudo_labels.teacher in params.yaml); writes
labelled_data/ and metrics/labels.json. If pseudo_labels.share is 0, nothing is decoded, and labelled_data/ holds no
clips. After a kill, the next run resumes.
"""

from stages.common import params
from stages.common.errors import exit_on_user_error
from stages.labelling import candidates, outputs
from stages.runtime import lifeline


@exit_on_user_error
def main() -> None:
    settings = params.load()
    outputs.clear()
    rows = candidates.read_rows()
    if not settings.pseudo_labels.share:
        outputs.write(outputs.Account(recordings=len(rows)))
        print(f"label: pseudo_labels.share is 0; {len(rows)} recordings without a transcript are not used")
        return
    lifeline.end_with_dvc()
    # Not at the top: torch takes 10 seconds, and mistakes are found before.
    from stages.labelling import labelling
    from stages.whisper.quiet import quiet_transformers

    quiet_transformers()
    labelling.label(rows, settings)


if __name__ == "__main__":
    main()
