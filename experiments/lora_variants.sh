#!/usr/bin/env bash
# LoRA, DoRA and rsLoRA at two ranks. 6 trainings of LoRA; those of DoRA take longer.
set -euo pipefail
cd "$(dirname "$0")/.."

# LoRA scales its update by alpha / rank, rsLoRA by alpha / sqrt(rank). With these alphas, both scales are 2 at rank 16,
# so the two must give the same result. At rank 64 they differ.
for rank in 16 64; do
  echo "lora-variants-lora-rank$rank   train_lora.variant=lora   train_lora.rank=$rank train_lora.alpha=32"
  echo "lora-variants-dora-rank$rank   train_lora.variant=dora   train_lora.rank=$rank train_lora.alpha=32"
  echo "lora-variants-rslora-rank$rank train_lora.variant=rslora train_lora.rank=$rank train_lora.alpha=8"
done | python -m experiments.run

key=$(python -m experiments.rate) # wer or cer
dvc exp show --md --hide-workspace --drop '.*' --keep "Experiment|train_lora.(variant|rank)|lora.$key\$" |
  awk '!/\[/ || /\[lora-variants-/' # without other recipes' rows
python -m experiments.plot lora-variants --vary train_lora.rank train_lora.variant --log
