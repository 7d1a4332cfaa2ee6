#!/usr/bin/env bash
# Sends real releases of real programs through a network of five processes and looks at what arrived.
# For each pair: every node's installed tree is compared with the original, byte for byte, entry for entry and
# mode for mode (a release knows two modes: 0755 for what its owner may run, 0644 for the rest); then what can
# be run is run. Prints a table; ends with 1 if anything differs, or a node fetched more than it should.
# usage: scripts/real-releases.sh [CORPUS]     (scripts/corpus.sh fills target/corpus)
#        UPDRAFT=path/to/updraft               uses that program instead of building one
set -euo pipefail
cd "$(dirname "$0")/.."
corpus=${1:-target/corpus}
[ -d "$corpus/5.9.3/typescript" ] || { echo "real-releases: no corpus in $corpus; scripts/corpus.sh gets it" >&2; exit 1; }
updraft=${UPDRAFT:-}
if [ -z "$updraft" ]; then
  cargo build --release --quiet
  updraft=target/release/updraft
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
wrong=0
table="component|nodes|whole|fetched|most a node|as patches|peers|seconds|trees|runs"

# Every entry of a tree with its kind, the mode a release gives it, and its digest or the place it links to.
listing() { # listing FILE-OR-FOLDER
  local root=$1 prefix=
  [ -d "$root" ] || { prefix=$(basename "$root"); root=$(dirname "$root"); }
  (cd "$root" && find . -mindepth 1 ${prefix:+-path "./$prefix"} -printf '%y %m %P %l\n' | while read -r kind mode path link; do
    case $kind in
      f) if (((8#$mode & 8#100) != 0)); then mode=755; else mode=644; fi
         echo "f $mode $path $(sha256sum "$path" | cut -d' ' -f1)" ;;
      l) echo "l - $path $link" ;;
      d) echo "d - $path" ;;
      *) echo "$kind? $path" ;;
    esac
  done | LC_ALL=C sort)
}

# What was installed keeps exactly the modes that a release gives: nothing is rounded here.
installed() { # installed FOLDER
  (cd -P "$1" && find . -mindepth 1 -printf '%y %m %P %l\n' | while read -r kind mode path link; do
    case $kind in
      f) echo "f $mode $path $(sha256sum "$path" | cut -d' ' -f1)" ;;
      l) echo "l - $path $link" ;;
      d) echo "d - $path" ;;
      *) echo "$kind? $path" ;;
    esac
  done | LC_ALL=C sort)
}

number() { sed -nE "s/.*\"$2\":([0-9.]+).*/\1/p" <<<"$1"; }

# Bytes that a node fetched for the second release; devnet gives it this version, whatever it is called elsewhere.
fetched() { # fetched NODE <OUTPUT OF DEVNET
  grep "\"type\":\"progress\"" | grep "\"node\":\"$1\"" | tail -n 1 | grep -oE '\{[^{}]*"version":"1\.1\.0"[^{}]*\}' |
    sed -nE 's/.*"fetchedBytes":([0-9]+).*/\1/p'
}

travel() { # travel COMPONENT OLD NEW MOST [ARGUMENTS OF THE PROGRAM THAT IS RUN…]; MOST: bytes that a node may fetch
  local component=$1 old=$2 new=$3 most=$4 desk=$work/$1 out=$work/$1.json trees=same runs=- largest=0
  shift 4
  echo "real-releases: $component, $old → $new"
  if ! "$updraft" --json devnet --old "$old" --new "$new" --exit-when-done --keep "$desk" >"$out"; then
    echo "real-releases: $component did not reach every node" >&2
    wrong=1
    table+=$'\n'"$component|-|-|-|-|-|-|-|not everywhere|-"
    return
  fi
  local summary
  summary=$(grep '"type":"summary"' "$out")
  listing "$new" >"$work/expected"
  local node nodes=0
  for node in "$desk"/node-*; do
    nodes=$((nodes + 1))
    installed "$node/components/$component/current" >"$work/found"
    if ! diff -u --label original --label "$(basename "$node")" "$work/expected" "$work/found" >&2; then
      trees=DIFFER
      wrong=1
    fi
    local bytes
    bytes=$(fetched "$(basename "$node")" <"$out") || true
    if [ -z "$bytes" ] || ((bytes > most)); then
      echo "real-releases: $(basename "$node") fetched ${bytes:-nobody knows how many} bytes of $component, $most are allowed" >&2
      wrong=1
    fi
    ((${bytes:-0} <= largest)) || largest=$bytes
    if [ $# -gt 0 ]; then
      local says
      says=$("$node/components/$component/current/$1" "${@:3}" 2>&1) || true
      if [ "$says" = "$2" ]; then runs="says $says"; else
        runs="SAYS $says"
        wrong=1
      fi
    fi
  done
  # Devnet's own count has to agree with the folders that were looked at.
  [ "$nodes" = "$(number "$summary" installed)" ] || { trees="$trees, BUT NOT ON ALL"; wrong=1; }
  table+=$'\n'"$component|$nodes|$(number "$summary" fullBytes)|$(number "$summary" fetchedBytes)|$largest"
  table+="|$(number "$summary" patchBytes)|$(number "$summary" peersUsedMax)|$(number "$summary" seconds)|$trees|$runs"
}

# The patch of esbuild has some 0.2 MB, 5 % of the whole; that of TypeScript is smaller than the list of its files.
travel esbuild "$corpus/0.28.1/esbuild/bin/esbuild" "$corpus/0.28.2/esbuild/bin/esbuild" 220000 esbuild 0.28.2 --version
travel typescript "$corpus/5.9.2/typescript" "$corpus/5.9.3/typescript" 20000

echo
column -t -s'|' <<<"$table" 2>/dev/null || tr '|' '\t' <<<"$table"
[ "$wrong" = 0 ] || { echo "real-releases: what arrived is not what was published" >&2; exit 1; }
