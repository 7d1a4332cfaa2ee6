#!/usr/bin/env bash
# Five nodes to play with: a publisher and four others on this machine, in a folder that stays.
# usage: scripts/cluster.sh [FOLDER] [ARGUMENTS OF `updraft devnet`…]     (target/cluster-<time>, --demo)
# Ends with Ctrl-C. The command it prints talks to a node from another terminal.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=${1:-target/cluster-$(date +%H%M%S)}
[ $# -gt 0 ] && shift
[ $# -gt 0 ] || set -- --demo
mkdir -p "$(dirname "$folder")"
exec cargo run --release --quiet -- devnet --nodes 4 --keep "$folder" "$@"
