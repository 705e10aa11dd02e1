"""Fine-tune the base with low-rank adapters: python -m stages.train_lora

Reads processed_data/ and models/base; writes models/lora (a stock PEFT adapter) and metrics/train_lora.csv.
"""

from stages import finetune, launch, params, strategies
from stages.errors import told_plainly


@told_plainly
def main() -> None:
    settings = params.load()
    strategy = settings.train_lora
    if not launch.spread("stages.train_lora", settings.runtime):
        finetune.run("train_lora", settings, strategy, lambda base: strategies.add_lora(base, strategy))


if __name__ == "__main__":
    main()
