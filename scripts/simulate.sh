#!/usr/bin/env bash
# What the gate has no time for: every scenario, the large ones too; many seeds of chaos; how cost grows with the number of
# nodes; and how far worlds and clusters lie apart. For a machine that works at night. Fails when a scenario does, or a
# seed, or a size, or when both kinds lie further apart than 15 %; recordings of seeds that failed, and the shortest that
# fail like them, are then in the folder that is named at the end.
# usage: scripts/simulate.sh [SEEDS] [FROM]     20000 seeds from 0 on without; other nights take other numbers
#        UPDRAFT_SIM=path/to/updraft-sim  UPDRAFT_SIM_REPORT=folder
set -euo pipefail
cd "$(dirname "$0")/.."
seeds=${1:-20000}
from=${2:-0}
report=${UPDRAFT_SIM_REPORT:-target/simulations}

sim=${UPDRAFT_SIM:-}
if [ -z "$sim" ]; then
  cargo build --release --quiet --package updraft-simulations
  sim=target/release/updraft-sim
fi

mkdir -p "$report"
failed=()
for scenario in simulations/scenarios/*.toml; do
  name=$(basename "$scenario" .toml)
  echo "== $name"
  "$sim" run "$scenario" --no-progress --report "$report" >"$report.$name.log" 2>&1 || {
    cat "$report.$name.log"
    failed+=("$name")
  }
  rm -f "$report.$name.log"
done

echo "== $seeds seeds of chaos, from $from"
"$sim" seeds chaos --from "$from" --count "$seeds" --report "$report" || failed+=("chaos, seeds from $from")

echo "== how cost grows"
"$sim" scale || failed+=(scale)

# Seconds until everybody had it, the mean of five runs.
everybody() { # everybody KIND
  for seed in 1 2 3 4 5; do
    "$sim" run eight-leechers --kind "$1" --seed "$seed" --no-progress --json ||
      { echo "eight-leechers as a $1 with seed $seed is not as expected" >&2; return 1; }
  done | sed -n 's/.*"reached":{[^}]*"100":\([0-9.]*\).*/\1/p' | awk '{ sum += $1 } END { if (NR != 5) exit 1; print sum / NR }'
}
echo "== eight leechers in both kinds, five times each"
if world=$(everybody world) && cluster=$(everybody cluster); then
  awk -v world="$world" -v cluster="$cluster" 'BEGIN {
    apart = cluster / world - 1
    printf "world %.2f s, cluster %.2f s: %+.1f %%\n", world, cluster, 100 * apart
    exit apart > 0.15 || apart < -0.15
  }' || failed+=("worlds and clusters lie apart")
else
  failed+=("eight leechers")
fi

if [ "${#failed[@]}" -gt 0 ]; then
  printf 'FAILED: %s\n' "${failed[@]}"
  echo "recordings are in $report; replay one with: updraft-sim replay FILE"
  exit 1
fi
echo "all good; reports are in $report"
