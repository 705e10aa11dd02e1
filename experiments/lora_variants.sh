#!/usr/bin/env bash
# LoRA, DoRA and rsLoRA at two ranks. 6 trainings of LoRA; DoRA's take longer.
set -euo pipefail
cd "$(dirname "$0")/.."

# LoRA scales its update by alpha / rank, rsLoRA by alpha / sqrt(rank): these alphas scale alike at rank 16, where the
# two must come out the same, and show at rank 64 what the rule is worth.
for rank in 16 64; do
  echo "lora-variants-lora-rank$rank   train_lora.variant=lora   train_lora.rank=$rank train_lora.alpha=32"
  echo "lora-variants-dora-rank$rank   train_lora.variant=dora   train_lora.rank=$rank train_lora.alpha=32"
  echo "lora-variants-rslora-rank$rank train_lora.variant=rslora train_lora.rank=$rank train_lora.alpha=8"
done | python -m experiments.run

dvc exp show --md --hide-workspace --drop '.*' --keep 'Experiment|train_lora.(variant|rank)|lora.wer$' |
  awk '!/\[/ || /\[lora-variants-/' # not those of other recipes
python -m experiments.plot lora-variants --vary train_lora.rank train_lora.variant --log
