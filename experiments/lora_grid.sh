#!/usr/bin/env bash
# LoRA's rank against its learning rate. 6 trainings of LoRA.
set -euo pipefail
cd "$(dirname "$0")/.."

for rank in 4 16 64; do
  for rate in 0.001 0.003; do
    # alpha follows the rank: the update is then scaled alike
    echo "lora-grid-rank$rank-rate$rate train_lora.rank=$rank train_lora.alpha=$((2 * rank)) train_lora.learning_rate=$rate"
  done
done | python -m experiments.run

dvc exp show --md --hide-workspace --drop '.*' --keep 'Experiment|train_lora.(rank|learning_rate)|lora.wer$' |
  awk '!/\[/ || /\[lora-grid-/' # not those of other recipes
python -m experiments.plot lora-grid --vary train_lora.rank train_lora.learning_rate --log
