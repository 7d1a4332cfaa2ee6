#!/usr/bin/env bash
# Feeds the decoders of protocol whatever bytes libFuzzer thinks of, and prints what each of them was put through.
#
#   scripts/fuzz.sh                        every target, a million executions each
#   scripts/fuzz.sh tree head --runs 10000000
#   scripts/fuzz.sh --keep                 what was found and is worth it goes into the committed corpus
#   scripts/fuzz.sh --report               the table alone
#   scripts/fuzz.sh --list                 the targets and their longest inputs
#
# Runs in slices and writes down each, so it can be stopped at any time and goes on where it was. A change of what
# is fuzzed counts from zero; inputs that were found stay. Needs a nightly toolchain and `cargo install cargo-fuzz`.
#
# Limits of one input: 100 ms of processor time and memory in proportion to it (the program itself counts both),
# 64 MiB for the whole process. First the longest inputs are read once, then short ones are made up. The sanitizer is `none` for that reason: address sanitizer needs more than that for
# itself, and looks for faults that Rust without `unsafe` does not have. `--sanitizer address` is for the day after
# a new dependency with `unsafe`; it lifts the limit of the process.
set -euo pipefail
usage=$(sed -n '2,9s/^# \{0,1\}//p' "$0")
cd "$(dirname "$0")/../protocol/fuzz"

runs=1000000 slice=500000 sanitizer=none action=fuzz targets=()
while [ $# -gt 0 ]; do
  case $1 in
    --runs) runs=$2; shift ;;
    --sanitizer) sanitizer=$2; shift ;;
    --keep | --report | --list) action=${1#--} ;;
    -*) echo "$usage" >&2; exit 2 ;;
    *) targets+=("$1") ;;
  esac
  shift
done
case $sanitizer in
  none) most_memory=64 ;;
  address) most_memory=2048 ;;
  *) echo "fuzz: no such sanitizer: $sanitizer" >&2; exit 2 ;;
esac

cargo +nightly fuzz build --fuzz-dir . --sanitizer "$sanitizer" decoders
built=target/$(rustc +nightly -vV | sed -n 's/^host: //p')/release/decoders
# A copy: a build beside a long run changes the program only for the next one.
mkdir -p state
program=state/decoders.$$
cp "$built" "$program"
# What libFuzzer misses of a sanitizer that is not there is no news.
quiet() { grep -v '^WARNING: Failed to find function "__sanitizer' || true; }
trap 'rm -f "$program"' EXIT
child=
trap '[ -z "$child" ] || kill "$child" 2>/dev/null; exit 130' INT TERM

declare -A longest
names=()
while IFS=$'\t' read -r name length; do
  longest[$name]=$length
  names+=("$name")
done < <("$program" 2>/dev/null)
[ "$action" != list ] || { for name in "${names[@]}"; do printf '%-20s %6d\n' "$name" "${longest[$name]}"; done; exit; }
[ ${#targets[@]} -gt 0 ] || targets=("${names[@]}")
for target in "${targets[@]}"; do
  [ -n "${longest[$target]:-}" ] || { echo "fuzz: no such target: $target (scripts/fuzz.sh --list)" >&2; exit 2; }
done

# What the figures are figures of.
code=$(cat ../Cargo.toml $(git ls-files ../src ../tests/samples) program.rs checks/*.rs Cargo.lock <(echo "$sanitizer") | sha1sum | cut -c1-12)

load() { # load TARGET: executed, microseconds, peak, coverage, grew, of the code as it is
  local of=
  executed=0 microseconds=0 peak=0 coverage=0 grew=0
  [ ! -s "state/$1" ] || read -r of executed microseconds peak coverage grew <"state/$1"
  [ "$of" = "$code" ] || executed=0 microseconds=0 peak=0 coverage=0 grew=0
}
save() { # save TARGET; renamed, so that a stop leaves the old figures or the new ones
  echo "$code $executed $microseconds $peak $coverage $grew" >"state/$1.new"
  mv "state/$1.new" "state/$1"
}
figure() { sed -n "s/^$1//p" "$log" | tail -n 1; }

fuzz_slice() { # fuzz_slice TARGET EXECUTIONS
  local began=${EPOCHREALTIME/./} before after rss
  log=state/$1.log
  mkdir -p "found/$1" "artifacts/$1"
  FUZZ_TARGET=$1 nice -n 19 "$program" "found/$1" "corpus/$1" -runs="$2" -max_len="${longest[$1]}" \
    -rss_limit_mb="$most_memory" -timeout=5 -artifact_prefix="artifacts/$1/" -print_final_stats=1 >"$log" 2>&1 &
  child=$!
  wait "$child" || return 1
  child=
  microseconds=$((microseconds + ${EPOCHREALTIME/./} - began))
  executed=$((executed + $(figure 'stat::number_of_executed_units: *')))
  rss=$(figure 'stat::peak_rss_mb: *')
  peak=$((rss > peak ? rss : peak))
  before=$(sed -n 's/.*INITED cov: \([0-9]*\).*/\1/p' "$log" | head -n 1)
  after=$(sed -n 's/.*DONE *cov: \([0-9]*\).*/\1/p' "$log" | tail -n 1)
  [ "$after" -le "$before" ] || grew=$executed
  coverage=$after
  save "$1"
}

keep() { # keep TARGET: the fewest short inputs that reach what the corpus does not
  local short=state/short.$1
  rm -rf "$short"
  mkdir -p "$short" "found/$1"
  find "found/$1" -type f -size -257c -exec cp -t "$short" {} +
  FUZZ_TARGET=$1 "$program" -use_counters=0 -set_cover_merge=1 "corpus/$1" "$short" >"state/$1.keep.log" 2>&1
  rm -r "$short"
  echo "$1: $(find "corpus/$1" -type f | wc -l) inputs, $(du -sb "corpus/$1" | cut -f1) bytes"
}

report() {
  printf '%-20s | %11s | %8s | %8s | %12s | %8s | %s\n' target executions seconds exec/s 'peak RSS/MiB' coverage 'last grew at'
  local target
  for target in "${targets[@]}"; do
    load "$target"
    printf '%-20s | %11d | %8d | %8d | %12d | %8d | %d\n' "$target" "$executed" $((microseconds / 1000000)) \
      $((executed * 1000 / (microseconds / 1000 + 1))) "$peak" "$coverage" "$grew"
  done
}

failed=0
[ "$action" != fuzz ] || FUZZ_TARGET=costly "$program" 2> >(quiet >&2) || { failed=1; echo "fuzz: an input above took too long" >&2; }
case $action in
  keep) for target in "${targets[@]}"; do keep "$target"; done; exit ;;
  fuzz)
    for target in "${targets[@]}"; do
      load "$target"
      while [ "$executed" -lt "$runs" ]; do
        left=$((runs - executed))
        if ! fuzz_slice "$target" $((left < slice ? left : slice)); then
          failed=1
          echo "fuzz: $target broke a promise; protocol/fuzz/state/$target.log ends with:" >&2
          grep -E 'panicked at|^==|ERROR|Test unit written' -A 1 "state/$target.log" | head -n 12 >&2
          break
        fi
      done
    done
    ;;
esac
report
exit "$failed"
