#!/usr/bin/env bash
# What a flood of useless gossip does to a node: how much of it is heard before its sender is sent away, what
# memory it costs, and how long honest announcements take to pass the node, quiet and flooded. Fails when more than
# 100 messages are heard, memory grows by more than 16 MiB, or the flooded p99 is above twice the quiet one.
# usage: scripts/flood.sh [SECONDS]     measures each phase for so long; 60 without
#        UPDRAFT=path/to/updraft
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-60}

updraft=${UPDRAFT:-}
if [ -z "$updraft" ]; then
  cargo build --release --quiet
  updraft=target/release/updraft
fi
updraft=$(realpath "$updraft")

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cargo test --quiet --package updraft-node --test e2e --no-run
echo "flood: three phases of $seconds s each, with $updraft"
# The flooders are a test: they need the harness, and have no place in the program.
if ! UPDRAFT=$updraft UPDRAFT_FLOOD_SECONDS=$seconds cargo test --quiet --package updraft-node --test e2e \
  flood::pace -- --nocapture >"$work/out" 2>"$work/errors"; then
  grep -o 'flood: .*' "$work/out" || true
  grep -A1 'panicked' "$work/errors" >&2 || cat "$work/errors" >&2
  exit 1
fi
grep -o 'flood: .*' "$work/out"
