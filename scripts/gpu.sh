#!/usr/bin/env bash
# What needs a GPU, each part for so many seconds at most, the finished rows kept: bash scripts/gpu.sh OUT [PART...]
# The parts are tests, losses, encoders, training and paper; without one all run, in under ten minutes. The tables belong
# into benchmarks/results. Where packages are missing and there is no network, scripts/gpu_wheels.sh fetches them before.
set -uo pipefail
cd "$(dirname "$0")/.."
out=$1
shift
parts=" ${*:-tests losses encoders training paper} "
export PYTHONPATH=$PWD
mkdir -p "$out"
if [ -d .gpu-wheels ]; then python3 -m pip install --quiet --no-index --no-deps .gpu-wheels/*.whl; fi

part() {
  local name=$1 seconds=$2
  shift 2
  [[ $parts == *" $name "* ]] || return 0
  timeout "$seconds" python3 "$@" >"$out/$name.log" 2>&1
  echo "== $name: status $? (124: its $seconds seconds were over)"
  tail -n 25 "$out/$name.log"
}

part tests 150 -m pytest tests/gpu -q -n 0 -p no:cacheprovider
part losses 90 -m benchmarks.losses_gpu --out "$out/losses_gpu"
part encoders 120 -m benchmarks.encoders --device cuda --batch-size 32 --frames 16 --rounds 20 --warm 5 --out "$out/encoders_gpu"
part training 120 -m benchmarks.training --workers 14 --clips 1024 --out "$out/training"
part paper 180 -m benchmarks.paper_sizes --workers 14 --out "$out/paper_sizes"
