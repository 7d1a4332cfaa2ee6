#!/usr/bin/env bash
# Feeds the decoders of protocol and delta whatever bytes libFuzzer thinks of, and prints what each of them was put
# through.
#
#   scripts/fuzz.sh                        every target, a million executions each
#   scripts/fuzz.sh delta                  those of one crate
#   scripts/fuzz.sh tree patch_fast --runs 10000000
#   scripts/fuzz.sh --keep                 what was found and is worth it goes into the committed corpus
#   scripts/fuzz.sh --report               the table alone
#   scripts/fuzz.sh --list                 the targets and their longest inputs
#
# Runs in slices and writes down each, so it can be stopped at any time and goes on where it was. A change of what
# is fuzzed counts from zero; inputs that were found stay. Needs a nightly toolchain and `cargo install cargo-fuzz`.
#
# Limits of one input: processor time, and memory in proportion to it (the program itself counts both); 64 MiB for the
# whole process, or 128 MiB, for windows of zstd and tables of dense patches. First the longest inputs are read once, then
# short ones are made up. The sanitizer is `none` for that reason: address sanitizer needs more than that for itself,
# and looks for faults that Rust without `unsafe` does not have. `--sanitizer address` is for the day after a new
# dependency with `unsafe`; it lifts the limit of the process.
set -euo pipefail
usage=$(sed -n '2,11s/^# \{0,1\}//p' "$0")
cd "$(dirname "$0")/.."

# Each crate's fuzzer is `CRATE/fuzz`, with a program of this name.
declare -A programs=([protocol]=decoders [delta]=patches)
# How it is built. What delta reads is made of numbers, and to follow every comparison of them doubled its time.
declare -A flags=([protocol]="" [delta]=--no-trace-compares)
crates=(protocol delta)

runs=1000000 slice=500000 sanitizer=none action=fuzz asked=()
while [ $# -gt 0 ]; do
  case $1 in
    --runs) runs=$2; shift ;;
    --sanitizer) sanitizer=$2; shift ;;
    --keep | --report | --list) action=${1#--} ;;
    -*) echo "$usage" >&2; exit 2 ;;
    *) asked+=("$1") ;;
  esac
  shift
done
# What a whole process may hold, in MiB.
case $sanitizer in
  none) declare -A most_memory=([protocol]=64 [delta]=128) ;;
  address) declare -A most_memory=([protocol]=2048 [delta]=2048) ;;
  *) echo "fuzz: no such sanitizer: $sanitizer" >&2; exit 2 ;;
esac

# Only what was asked for is built: every target has a corpus, which says whose it is.
[ ${#asked[@]} -gt 0 ] || asked=("${crates[@]}")
wanted=()
for crate in "${crates[@]}"; do
  for name in "${asked[@]}"; do
    [ "$name" != "$crate" ] && [ ! -d "$crate/fuzz/corpus/$name" ] || { wanted+=("$crate"); break; }
  done
done

# Memory that an input gave back stays with the process for the next one: handing it to the system and asking for it
# again, page by page, took two fifths of the time of a dense patch.
keeping=glibc.malloc.mmap_threshold=33554432:glibc.malloc.trim_threshold=67108864

# What libFuzzer misses of a sanitizer that is not there is no news.
quiet() { grep -v '^WARNING: Failed to find function "__sanitizer' || true; }
child= copies=()
trap '[ ${#copies[@]} -eq 0 ] || rm -f "${copies[@]}"' EXIT
trap '[ -z "$child" ] || kill "$child" 2>/dev/null; exit 130' INT TERM

host=$(rustc +nightly -vV | sed -n 's/^host: //p')
declare -A program code crate_of longest
names=()
for crate in "${wanted[@]}"; do
  fuzz=$crate/fuzz name=${programs[$crate]}
  (cd "$fuzz" && cargo +nightly fuzz build --fuzz-dir . --sanitizer "$sanitizer" ${flags[$crate]} "$name")
  # A copy: a build beside a long run changes the program only for the next one.
  mkdir -p "$fuzz/state"
  program[$crate]=$fuzz/state/$name.$$
  copies+=("${program[$crate]}")
  cp "$fuzz/target/$host/release/$name" "${program[$crate]}"
  # What the figures are figures of.
  sources=$(git ls-files --cached --others --exclude-standard "$crate"/{Cargo.toml,src,tests/samples,tests/generate} \
    "$fuzz"/{program.rs,checks,Cargo.lock} protocol/fuzz/rig)
  code[$crate]=$(cat $sources <(echo "$sanitizer ${flags[$crate]}") | sha1sum | cut -c1-12)
  while IFS=$'\t' read -r name length; do
    [ -z "${crate_of[$name]:-}" ] || { echo "fuzz: $crate and ${crate_of[$name]} both have a target $name" >&2; exit 2; }
    crate_of[$name]=$crate
    longest[$name]=$length
    names+=("$name")
  done < <("${program[$crate]}" 2>/dev/null)
done
[ "$action" != list ] || { for name in "${names[@]}"; do printf '%-20s %6d\n' "$name" "${longest[$name]}"; done; exit; }
targets=()
for name in "${asked[@]}"; do
  if [ -n "${programs[$name]:-}" ]; then
    for target in "${names[@]}"; do [ "${crate_of[$target]}" != "$name" ] || targets+=("$target"); done
  elif [ -n "${longest[$name]:-}" ]; then
    targets+=("$name")
  else
    echo "fuzz: no such target: $name (scripts/fuzz.sh --list)" >&2
    exit 2
  fi
done

of() { # of TARGET: fuzz, run and now, which are its fuzzer's folder, its program, and the code as it is
  local crate=${crate_of[$1]}
  fuzz=$crate/fuzz run=${program[$crate]} now=${code[$crate]}
}
load() { # load TARGET: executed, microseconds, peak, coverage, grew, of the code as it is
  local fuzz run now of=
  of "$1"
  executed=0 microseconds=0 peak=0 coverage=0 grew=0
  [ ! -s "$fuzz/state/$1" ] || read -r of executed microseconds peak coverage grew <"$fuzz/state/$1"
  [ "$of" = "$now" ] || executed=0 microseconds=0 peak=0 coverage=0 grew=0
}
save() { # save TARGET; renamed, so that a stop leaves the old figures or the new ones
  local fuzz run now
  of "$1"
  echo "$now $executed $microseconds $peak $coverage $grew" >"$fuzz/state/$1.new"
  mv "$fuzz/state/$1.new" "$fuzz/state/$1"
}
figure() { sed -n "s/^$1//p" "$log" | tail -n 1; }

fuzz_slice() { # fuzz_slice TARGET EXECUTIONS
  local began=${EPOCHREALTIME/./} before after rss fuzz run now
  of "$1"
  log=$fuzz/state/$1.log
  mkdir -p "$fuzz/found/$1" "$fuzz/artifacts/$1"
  FUZZ_TARGET=$1 GLIBC_TUNABLES=$keeping nice -n 19 "$run" "$fuzz/found/$1" "$fuzz/corpus/$1" \
    -runs="$2" -max_len="${longest[$1]}" \
    -rss_limit_mb="${most_memory[${crate_of[$1]}]}" -timeout=60 -artifact_prefix="$fuzz/artifacts/$1/" -print_final_stats=1 >"$log" 2>&1 &
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
  local fuzz run now short
  of "$1"
  short=$fuzz/state/short.$1
  rm -rf "$short"
  mkdir -p "$short" "$fuzz/found/$1"
  find "$fuzz/found/$1" -type f -size -257c -exec cp -t "$short" {} +
  FUZZ_TARGET=$1 "$run" -use_counters=0 -set_cover_merge=1 "$fuzz/corpus/$1" "$short" >"$fuzz/state/$1.keep.log" 2>&1
  rm -r "$short"
  echo "$1: $(find "$fuzz/corpus/$1" -type f | wc -l) inputs, $(du -sb "$fuzz/corpus/$1" | cut -f1) bytes"
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
if [ "$action" = fuzz ]; then
  for crate in "${wanted[@]}"; do
    FUZZ_TARGET=costly "${program[$crate]}" 2> >(quiet >&2) || { failed=1; echo "fuzz: an input above took too much" >&2; }
  done
fi
case $action in
  keep) for target in "${targets[@]}"; do keep "$target"; done; exit ;;
  fuzz)
    for target in "${targets[@]}"; do
      load "$target"
      while [ "$executed" -lt "$runs" ]; do
        left=$((runs - executed))
        if ! fuzz_slice "$target" $((left < slice ? left : slice)); then
          failed=1
          echo "fuzz: $target broke a promise; $log ends with:" >&2
          grep -E 'panicked at|^==|ERROR|Test unit written' -A 1 "$log" | head -n 12 >&2
          break
        fi
      done
    done
    ;;
esac
report
exit "$failed"
