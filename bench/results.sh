#!/usr/bin/env bash
# What docs/results.md has of the official halves, with the data/ and params.yaml that it names: scores of the three
# models, two more seeds (each with other dev speakers), shares of the training speakers (each trained for as many steps), and
# decoders of other projects. That is 12 trainings, 6 of each strategy: about half a day on two CPU cores. If it is killed,
# run it again: it resumes. The page's other tables are not made here.
# Needs pip install -r requirements-extra.txt.
set -euo pipefail
cd "$(dirname "$0")/.."

dvc repro

for seed in 2 3; do
  echo "benchmark-seed-$seed seed=$seed"
done | python -m experiments.run
key=$(python -m experiments.rate) # wer or cer
dvc exp show --md --drop '.*' --keep "Experiment|^seed|(base|lora|selective)(.adult)?.$key\$" |
  awk '!/\[/ || /\[benchmark-/' # without other recipes' rows

experiments/data_size.sh

for name in lora selective; do
  python -m tools.export "$name" --ctranslate2
done
python -m bench.decoders models/base exports/lora exports/selective
