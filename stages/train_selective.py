"""Fine-tune the top layers of the base: python -m stages.train_selective

Reads processed_data/ and models/base; writes models/selective (a stock Transformers checkpoint) and
metrics/train_selective.csv.
"""

from stages import finetune, launch, params, strategies
from stages.errors import told_plainly


@told_plainly
def main() -> None:
    settings = params.load()
    strategy = settings.train_selective
    if not launch.spread("stages.train_selective", settings.runtime):
        finetune.run("train_selective", settings, strategy, lambda base: strategies.unfreeze_layers(base, strategy))


if __name__ == "__main__":
    main()
