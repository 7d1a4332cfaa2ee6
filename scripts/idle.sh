#!/usr/bin/env bash
# What a node costs that has nothing to do: resident memory and processor time over a minute, with four peers.
# Fails above 40 MiB or above 1 % of a core.
# usage: scripts/idle.sh [PID…]     measures these; without any, a network of its own is started
#        SETTLE=30 SECONDS_MEASURED=60 UPDRAFT=path/to/updraft
set -euo pipefail
cd "$(dirname "$0")/.."
settle=${SETTLE:-30}
measured=${SECONDS_MEASURED:-60}
max_kib=$((40 * 1024))
max_hundredths=100

work=$(mktemp -d)
desk=
finish() {
  if [ -n "$desk" ]; then
    kill -CONT "$desk" 2>/dev/null || true
    kill -INT "$desk" 2>/dev/null || true
    wait "$desk" 2>/dev/null || true
  fi
  rm -rf "$work"
}
trap finish EXIT

pids=("$@")
if [ ${#pids[@]} = 0 ]; then
  updraft=${UPDRAFT:-}
  if [ -z "$updraft" ]; then
    cargo build --release --quiet
    updraft=target/release/updraft
  fi
  # A release first, so that the nodes hold, serve and run something while they have nothing to do.
  # A group of its own: a stopped process would otherwise take this script along when its shell goes.
  set -m
  "$updraft" --json devnet --nodes 4 --demo >"$work/lines" 2>"$work/errors" &
  desk=$!
  set +m
  for _ in $(seq 240); do
    grep -q '"type":"summary"' "$work/lines" && break
    kill -0 "$desk" 2>/dev/null || { cat "$work/errors" >&2; echo "idle: the network ended" >&2; exit 1; }
    sleep 0.5
  done
  grep -q '"type":"summary"' "$work/lines" || { echo "idle: the network is not ready after 120 s" >&2; exit 1; }
  # The desk asks every node several times a second how it is. An idle node is one that nobody asks.
  kill -STOP "$desk"
  mapfile -t pids < <(grep '"type":"node"' "$work/lines" | grep '"pid"' | grep '"node":"node-' | sed -nE 's/.*"pid":([0-9]+).*/\1/p')
fi

ticks() { # user and system time of a process, in ticks; what stands in brackets may hold blanks
  sed 's/.*) //' "/proc/$1/stat" | awk '{ print $12 + $13 }'
}

echo "idle: ${#pids[@]} nodes, settling for $settle s, then measuring for $measured s"
sleep "$settle"
declare -A before
for pid in "${pids[@]}"; do before[$pid]=$(ticks "$pid"); done
sleep "$measured"
per_second=$(getconf CLK_TCK)
wrong=0
printf '%-8s %12s %14s %14s\n' pid 'memory MiB' 'of it program' 'of a core %'
for pid in "${pids[@]}"; do
  used=$(($(ticks "$pid") - before[$pid]))
  kib=$(awk '/^VmRSS:/ { print $2 }' "/proc/$pid/status")
  # Pages of the program's file: shared by all nodes of a machine, but counted as each one's.
  file_kib=$(awk '/^RssFile:/ { print $2 }' "/proc/$pid/status")
  hundredths=$((used * 10000 / per_second / measured))
  printf '%-8s %12s %14s %14s\n' "$pid" "$(awk "BEGIN { printf \"%.1f\", $kib / 1024 }")" \
    "$(awk "BEGIN { printf \"%.1f\", $file_kib / 1024 }")" \
    "$(awk "BEGIN { printf \"%.2f\", $used * 100 / $per_second / $measured }")"
  if [ "$kib" -gt "$max_kib" ] || [ "$hundredths" -gt "$max_hundredths" ]; then wrong=1; fi
done
if [ "$wrong" != 0 ]; then
  echo "idle: more than 40 MiB or 1 % of a core" >&2
  exit 1
fi
