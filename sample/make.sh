#!/bin/sh
# Make data/ and sample/whisper-mini again. Needs espeak-ng (apt-get install espeak-ng). sample/README.md says how long it takes.
set -eu
cd "$(dirname "$0")/.."
# Waiting threads sleep. If they used the processor while they wait, one other busy process would make training five
# times slower.
export OMP_WAIT_POLICY=PASSIVE
python -m sample.make_data
python -m sample.make_model "$@"
