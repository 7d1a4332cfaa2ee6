#!/usr/bin/env bash
# Gets two consecutive releases each of two real programs, to try the node on what people really ship:
#   esbuild     one 11 MB executable        0.28.1 → 0.28.2
#   typescript  a tree of 132 files         5.9.2 → 5.9.3
# usage: scripts/corpus.sh [FOLDER]     (target/corpus unless told otherwise)
# Lays them out as FOLDER/<version>/<program>.
# Asks the package registry that npm is configured for. What is there already is not fetched again.
set -euo pipefail
cd "$(dirname "$0")/.."
corpus=${1:-target/corpus}

command -v npm >/dev/null || { echo "corpus: needs npm (the package client of Node.js)" >&2; exit 1; }
mkdir -p "$corpus"
work=$(mktemp -d "$corpus/.fetch-XXXXXX")
trap 'rm -rf "$work"' EXIT

fetch() { # fetch PACKAGE VERSION FOLDER
  local package=$1 version=$2 folder=$corpus/$2/$3
  if [ -d "$folder" ]; then
    echo "corpus: $folder is there"
    return
  fi
  local packed
  packed=$(npm pack --silent --pack-destination "$work" "$package@$version")
  mkdir -p "$work/$3-$version" "$corpus/$version"
  # Packages hold one folder, `package/`; what an archive says about owners is not kept.
  tar -xzf "$work/${packed##*/}" -C "$work/$3-$version" --strip-components=1 --no-same-owner
  # Renamed into place last: a folder with its name is complete.
  mv "$work/$3-$version" "$folder"
  echo "corpus: $folder  $(find "$folder" -type f | wc -l) files, $(du -sb "$folder" | cut -f1) bytes"
}

fetch @esbuild/linux-x64 0.28.1 esbuild
fetch @esbuild/linux-x64 0.28.2 esbuild
fetch typescript 5.9.2 typescript
fetch typescript 5.9.3 typescript
