#!/usr/bin/env bash
# Gets consecutive releases of real programs, to try the node and the patches on what people really ship:
#   esbuild         one 11 MB executable (Go)          0.28.1 → 0.28.2, 0.27.7 → 0.28.0
#   typescript      a tree of 132 files                5.9.2 → 5.9.3
# and with --patches also:
#   ruff, ruff-arm  one 24 MB executable (Rust)        0.17.4 → 0.17.5, for x86-64 and arm64
#   numpy           a tree of libraries and texts      2.4.5 → 2.4.6
#   certifi         a tree of a few texts              2026.7.22 → 2026.10.18
#   jsc             libjavascriptcoregtk, 32 MB (C++)  two security releases, where the archive has both
# and with --growth, one executable each:
#   esbuild         11 MB (Go)                         0.27.7 → 0.28.0
#   rspack          52 MB (Rust)                       2.3.0 → 2.3.2
#   bun, claude     107 and 236 MB (Zig, C++)          1.4.4 → 1.4.5, 2.1.110 → 2.1.111
# usage: scripts/corpus.sh [--patches | --growth] [FOLDER]     (target/corpus unless told otherwise)
# Lays them out as FOLDER/<version>/<program>.
# Asks the registries that npm, pip and apt are configured for. What is there already is not fetched again.
set -euo pipefail
cd "$(dirname "$0")/.."
what=programs
case ${1:-} in --*) what=${1#--}; shift ;; esac
corpus=${1:-target/corpus}

need() { # need PROGRAM WHAT-IT-IS
  command -v "$1" >/dev/null || { echo "corpus: needs $1 ($2)" >&2; exit 1; }
}
need npm "the package client of Node.js"
mkdir -p "$corpus"
work=$(mktemp -d "$corpus/.fetch-XXXXXX")
trap 'rm -rf "$work"' EXIT

# Renamed into place last: a folder with its name is complete.
keep() { # keep FETCHED VERSION FOLDER
  mkdir -p "$corpus/$2"
  mv "$1" "$corpus/$2/$3"
  echo "corpus: $corpus/$2/$3  $(find "$corpus/$2/$3" -type f | wc -l) files, $(du -sb "$corpus/$2/$3" | cut -f1) bytes"
}
there() { # there VERSION FOLDER
  [ ! -d "$corpus/$1/$2" ] || echo "corpus: $corpus/$1/$2 is there"
  [ -d "$corpus/$1/$2" ]
}

npm_package() { # npm_package PACKAGE VERSION FOLDER
  there "$2" "$3" && return
  local packed
  packed=$(npm pack --silent --pack-destination "$work" "$1@$2")
  mkdir -p "$work/$3-$2"
  # Packages hold one folder, `package/`; what an archive says about owners is not kept.
  tar -xzf "$work/${packed##*/}" -C "$work/$3-$2" --strip-components=1 --no-same-owner
  keep "$work/$3-$2" "$2" "$3"
}

wheel() { # wheel PACKAGE VERSION PLATFORM FOLDER
  there "$2" "$4" && return
  mkdir -p "$work/wheels"
  pip download --quiet --no-deps --only-binary=:all: --platform "$3" --python-version 312 -d "$work/wheels" "$1==$2"
  python3 -m zipfile -e "$work"/wheels/*.whl "$work/$4-$2"
  rm -r "$work/wheels"
  keep "$work/$4-$2" "$2" "$4"
}

debian() { # debian PACKAGE VERSION FOLDER: nothing if the archive has it no more
  there "$2" "$3" && return
  (cd "$work" && apt-get download --quiet=2 "$1=$2" 2>/dev/null) || { echo "corpus: the archive has no $1 $2"; return 0; }
  dpkg-deb --extract "$work"/"$1"_*.deb "$work/$3-$2"
  rm "$work"/"$1"_*.deb
  keep "$work/$3-$2" "$2" "$3"
}

case $what in
  programs | patches) ;;
  growth)
    for version in 0.27.7 0.28.0; do npm_package @esbuild/linux-x64 $version esbuild; done
    for version in 2.3.0 2.3.2; do npm_package @rspack/binding-linux-x64-gnu $version rspack; done
    for version in 1.4.4 1.4.5; do npm_package @oven/bun-linux-x64 $version bun; done
    for version in 2.1.110 2.1.111; do npm_package @anthropic-ai/claude-code-linux-x64 $version claude; done
    exit
    ;;
  *) echo "corpus: no such option: --$what" >&2; exit 2 ;;
esac
for version in 0.28.1 0.28.2; do npm_package @esbuild/linux-x64 $version esbuild; done
for version in 5.9.2 5.9.3; do npm_package typescript $version typescript; done
[ "$what" = patches ] || exit 0

need pip "the package client of Python"
need python3 "which unpacks its packages"
for version in 0.27.7 0.28.0; do npm_package @esbuild/linux-x64 $version esbuild; done
for version in 0.17.4 0.17.5; do
  wheel ruff $version manylinux_2_17_x86_64 ruff
  wheel ruff $version manylinux_2_17_aarch64 ruff-arm
done
for version in 2.4.5 2.4.6; do wheel numpy $version manylinux_2_28_x86_64 numpy; done
for version in 2026.7.22 2026.10.18; do wheel certifi $version any certifi; done
command -v apt-get dpkg-deb >/dev/null || exit 0
for version in 2.50.6-1~deb12u1 2.50.6-1~deb12u2; do debian libjavascriptcoregtk-6.0-1 $version jsc; done
