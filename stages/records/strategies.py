"""The strategies that models/base is fine-tuned with. Every part of the project that names one reads this table.

What learns under each of them is chosen in stages/training/strategies.py, where it is looked up by name.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Strategy:
    """How a strategy is named and shown.

    Colours are written as #rrggbb. They should differ in brightness too, so that colour-blind readers tell them apart.
    """

    name: str  # of the model: models/<name>, metrics/transcripts/<name>.jsonl
    label: str  # in the sentences of the report and of metrics/summary.md
    colour: str  # in figures and on the page
    dark_colour: str  # on the page in dark mode
    method: str  # in the model card, after "fine-tuned with"
    what_learns: str  # in the model card; {key} is that key of the strategy's section in params.yaml

    @property
    def stage(self) -> str:
        """Its stage in dvc.yaml, which is also its section in params.yaml."""
        return f"train_{self.name}"


# The order is that of all tables and figures. The colours are of Okabe and Ito.
_TABLE = (
    Strategy(
        name="lora",
        label="LoRA",
        colour="#0072b2",
        dark_colour="#56b4e9",
        method="LoRA (low-rank adapters)",
        what_learns="adapters of rank {rank} (alpha {alpha}) on {target_modules} of every layer",
    ),
    Strategy(
        name="selective",
        label="selective tuning",
        colour="#d55e00",
        dark_colour="#f0a030",
        method="selective layer tuning",
        what_learns="layers counted from the top: {encoder_layers} of the encoder, {decoder_layers} of the decoder "
        "(token embedding: {token_embedding})",
    ),
)
STRATEGIES = {strategy.name: strategy for strategy in _TABLE}
