#!/usr/bin/env bash
# Which layers to tune: only the decoder (0), or also the top 1, 2 or all layers of the encoder. 4 selective trainings.
set -euo pipefail
cd "$(dirname "$0")/.."

for layers in 0 1 2 all; do
  echo "layers-encoder-$layers train_selective.encoder_layers=$layers train_selective.decoder_layers=all"
done | python -m experiments.run

key=$(python -m experiments.rate) # wer or cer
dvc exp show --md --hide-workspace --drop '.*' --keep "Experiment|train_selective.(encoder|decoder)_layers|selective.$key\$" |
  awk '!/\[/ || /\[layers-/' # without other recipes' rows
python -m experiments.plot layers --vary train_selective.encoder_layers --models selective
