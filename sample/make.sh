#!/bin/sh
# Make data/ and sample/whisper-mini anew. Needs espeak-ng (apt-get install espeak-ng); sample/README.md says how long it takes.
set -eu
cd "$(dirname "$0")/.."
# Threads that wait for one another sleep: where they spin, one other busy process makes training five times slower.
export OMP_WAIT_POLICY=PASSIVE
python -m sample.make_data
python -m sample.make_model "$@"
