#!/usr/bin/env bash
# How much data is needed: WER against the share of the training speakers. 4 trainings of each strategy.
set -euo pipefail
cd "$(dirname "$0")/.."

# The fewer clips, the more epochs, so that every share gets as many steps: more speakers are compared, not longer
# training. Dev is decoded every epoch all the same, and patience grows with it.
value() { python -c "from stages.common import params; print(params.load().$1)"; }
epochs=$(value train.epochs)
patience=$(value train.patience)

for part in 8 4 2 1; do
  echo "data-size-1of$part train.data_share=$(python -c "print(1 / $part)")" \
    "train.epochs=$((epochs * part)) train.patience=$((patience * part))"
done | python -m experiments.run

dvc exp show --md --hide-workspace --drop '.*' --keep 'Experiment|train.data_share|(lora|selective).wer$' |
  awk '!/\[/ || /\[data-size-/' # not those of other recipes
python -m experiments.plot data-size --vary train.data_share --models lora selective --log
