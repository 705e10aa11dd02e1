#!/usr/bin/env bash
# Ranks and learning rates of LoRA. 6 trainings of LoRA.
set -euo pipefail
cd "$(dirname "$0")/.."

for rank in 4 16 64; do
  for rate in 0.001 0.003; do
    # alpha grows with the rank, so that the update (scaled by alpha / rank) has the same scale
    echo "lora-grid-rank$rank-rate$rate train_lora.rank=$rank train_lora.alpha=$((2 * rank)) train_lora.learning_rate=$rate"
  done
done | python -m experiments.run

key=$(python -m experiments.rate) # wer or cer
dvc exp show --md --hide-workspace --drop '.*' --keep "Experiment|train_lora.(rank|learning_rate)|lora.$key\$" |
  awk '!/\[/ || /\[lora-grid-/' # without other recipes' rows
python -m experiments.plot lora-grid --vary train_lora.rank train_lora.learning_rate --log
