#!/usr/bin/env bash
# Patches between real releases, made by every peer and by all of our codecs, side by side in one table, with what it
# takes to make and to apply them; then how that grows with the size. Ends with 1 if a goal is missed.
# usage: scripts/bench-delta.sh [--corpus FOLDER] [--quick] [--growth]
#        scripts/bench-delta.sh OLD NEW [OLD NEW …]       these pairs of files or folders instead
#   --quick    only the pairs below 12 MB
#   --growth   programs of 11, 52, 107 and 236 MB instead, and only our codecs
# Peers: bsdiff, xdelta3 -9 and zstd -19 --patch-from where they are installed, and HDiffPatch with LZMA2 as the package
# index of Python has it. Folders are given to peers as a tar of their files.
# After the patches, every newer release packed whole, by us and by xz -9 and zstd -19.
#        UPDRAFT=path/to/updraft     uses that program instead of building one
set -euo pipefail
cd "$(dirname "$0")/.."
corpus=target/corpus
options=()
while [ $# -gt 0 ]; do
  case $1 in
    --corpus) corpus=$2; shift ;;
    --help) sed -n '2,13s/^# \{0,1\}//p' "$0"; exit ;;
    *) options+=("$1") ;;
  esac
  shift
done
command -v python3 >/dev/null || { echo "bench-delta: needs python3" >&2; exit 1; }
updraft=${UPDRAFT:-}
if [ -z "$updraft" ]; then
  cargo build --release --quiet --bin updraft
  updraft=${CARGO_TARGET_DIR:-target}/release/updraft
fi
cargo build --release --quiet --package updraft-delta --example whole
packer=${CARGO_TARGET_DIR:-target}/release/examples/whole
case " ${options[*]:-} " in
  *" --growth "*) scripts/corpus.sh --growth "$corpus" >&2 ;;
  "  " | *" --quick "*) scripts/corpus.sh --patches "$corpus" >&2 ;;
esac
# Bindings of HDiffPatch, in a place of their own.
python=target/bench-delta/bin/python
if [ ! -x "$python" ]; then
  python3 -m venv target/bench-delta
  "$python" -m pip install --quiet hdiffpatch==2.6.0 || echo "bench-delta: no HDiffPatch, it is left out" >&2
fi
exec "$python" scripts/bench-delta.py "$updraft" "$packer" "$corpus" ${options[@]+"${options[@]}"}
