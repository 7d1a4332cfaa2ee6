#!/usr/bin/env bash
# What the second version of transfer (packs of chunks) brings over the first: how long a fetch of 32 MiB takes over
# peers with a line of a gigabit each, for two sizes of chunks, two distances, one peer and four, and two limits of what
# may be under way. The fetch is the real one, the swarm is not: its time is virtual, so the table is the same on every
# machine and in every build, but for ties that are broken at random. Fails when packs cost time or bring too little.
# usage: scripts/packs.sh
set -euo pipefail
cd "$(dirname "$0")/.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if ! cargo test --quiet --package updraft-node --lib fetch::task::pace -- --nocapture >"$work/out" 2>"$work/errors"; then
  grep -o 'packs: .*' "$work/out" || true
  grep -A1 'panicked' "$work/errors" >&2 || cat "$work/errors" >&2
  exit 1
fi
grep -o 'packs: .*' "$work/out"
