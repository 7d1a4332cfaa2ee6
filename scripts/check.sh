#!/usr/bin/env bash
# Everything that CI does, in the same order: the cheap questions first. Ends at the first step that fails.
# `scripts/check.sh` before a push saves the round trip.
set -euo pipefail
cd "$(dirname "$0")/.."

step() { # step NAME COMMAND…
  local name=$1 began=$SECONDS
  shift
  printf '\n== %s: %s\n' "$name" "$*"
  "$@" || { printf '== %s failed after %s s\n' "$name" "$((SECONDS - began))" >&2; exit 1; }
  printf '== %s: %s s\n' "$name" "$((SECONDS - began))"
}

step format cargo fmt --all --check
step clippy cargo clippy --workspace --all-targets -- -D warnings
step layering scripts/layering.sh
step tidy scripts/tidy.sh
step documents env RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps
# The command of the README, to the letter.
step tests cargo test --workspace
# With a feature that must be in nothing else: for every rule that is left out a scenario fails.
step broken cargo test -p updraft-simulations --features broken --test broken
printf '\nAll checks passed in %s s.\n' "$SECONDS"
