#!/usr/bin/env bash
# How much data is needed: WER by the share of the training speakers. 4 trainings of each strategy.
set -euo pipefail
cd "$(dirname "$0")/.."

# A smaller share is trained for more epochs, so that all shares get the same number of steps, and only the number of
# speakers differs. The dev set is decoded in every epoch, so patience is multiplied too.
value() { python -c "from stages.common import params; print(params.load().$1)"; }
epochs=$(value train.epochs)
patience=$(value train.patience)

for part in 8 4 2 1; do
  echo "data-size-1of$part train.data_share=$(python -c "print(1 / $part)")" \
    "train.epochs=$((epochs * part)) train.patience=$((patience * part))"
done | python -m experiments.run

key=$(python -m experiments.rate) # wer or cer
dvc exp show --md --hide-workspace --drop '.*' --keep "Experiment|train.data_share|(lora|selective).$key\$" |
  awk '!/\[/ || /\[data-size-/' # without other recipes' rows
python -m experiments.plot data-size --vary train.data_share --models lora selective --log
