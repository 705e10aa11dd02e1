"""Print the error rate's key in metrics/wer.json: wer, or cer in a language without spaces, by params.yaml.

dvc exp show --drop '.*' --keep "Experiment|lora.$(python -m experiments.rate)$"
"""

from stages.common import params
from stages.common.errors import exit_on_user_error
from stages.records import error_unit


@exit_on_user_error
def main() -> None:
    print(error_unit.of_language(params.load().language).key)


if __name__ == "__main__":
    main()
