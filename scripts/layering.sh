#!/usr/bin/env bash
# Checks who may know whom: between the crates, between the rooms of the node, and which file may name which
# library. Fails with file, line and rule. A new arrow is a decision: it gets a row here, with its reason, or
# it does not exist. Reads sources only; builds nothing.
set -euo pipefail
cd "$(dirname "$0")/.."

failures=$(mktemp)
trap 'rm -f "$failures"' EXIT
fail() { echo "layering: $*" | tee -a "$failures" >&2; }

# --- 1. Between the crates: protocol ← delta ← node ← simulations ------------------------------------------
for crate in updraft-protocol updraft-delta; do
  tree=$(cargo tree --quiet --locked --edges normal --prefix none --package "$crate")
  if heavy=$(grep -E '^(tokio|tokio-util|libp2p|libp2p-[a-z-]+|sled|hyper|hyper-util|axum|clap|updraft-node) v' <<<"$tree"); then
    fail "$crate is pure and must not depend on: $(sort -u <<<"$heavy" | tr '\n' ' ')"
  fi
done
if cargo tree --quiet --locked --edges normal --prefix none --package updraft-protocol | grep -q '^updraft-delta v'; then
  fail "updraft-protocol must not depend on updraft-delta"
fi

# What every node carries knows nothing of simulations, not even in its tests.
if cargo tree --quiet --locked --edges normal,dev --prefix none --package updraft-node | grep -q '^updraft-simulations v'; then
  fail "updraft-node must not depend on updraft-simulations"
fi

# --- 2. Between the rooms of the node ----------------------------------------------------------------------
# room: rooms that its code may name. `FLOOR` is the ground floor, which knows no room.
# Tests of a room may also name `testing` and what stands in a row `room (tests)`.
floor="again build clock config dirs fingerprint group identity lock logging memory metrics plain problem secret whole"
allowed=$(cat <<'ROWS'
# The ground floor. Logging and configuration know each other: a filter is validated by who will obey it.
again: whole
build:
clock:
dirs:
fingerprint:
group:
lock:
memory:
plain:
problem:
secret:
whole:
identity: secret
metrics: build
config: build dirs logging
logging: config
# The rooms. None names another; what a room needs of another is a trait or a type of protocol.
bundle: whole
catalog:
fetch:
governance:
# … `group` runs a program with all that it starts, for both rooms that run one. Where heights come from is written
# in the configuration, and one type says so to both.
height: config group
install:
keys: secret
network:
policy:
store:
trial: group
# The edge of joining: asks the network, writes what it came to believe into the store; a root in a file of a
# person is read by the one bounded reader there is, that of publishing.
join: lock network publish store whole
# Publishing signs (keys), writes the file that travels (bundle), and reads old releases from disk (store).
publish: FLOOR bundle keys store
# The corridor: knows every room that a release walks through, and no window.
# … and `trial`, because what is staged for a later day is tried there and then.
agent: FLOOR bundle catalog fetch governance height install network policy store trial
# Windows. The API sees the agent's handle; the command line sees the API's types, and for what needs no
# running node the rooms that do the work. `network` is the form of an address in a ticket, `store` its errors.
# `governance` counts votes again from signed bytes: who checks a node's count must not ask the node.
api: FLOOR agent
cli: FLOOR agent api bundle governance join keys network node publish store
# Puts everything together.
# … and unlocks the key of a witness before anything runs: nobody can be asked for a password later.
node: FLOOR agent api join keys network store
testing: catalog
ROWS
)
for source in $(git ls-files 'node/src/*.rs'); do
  case $source in node/src/lib.rs | node/src/main.rs) ;; *) echo "$source" ;; esac
done | xargs awk -f scripts/uses.awk | awk -v allowed="$allowed" -v floor="$floor" '
  BEGIN {
    count = split(allowed, rows, "\n")
    for (i = 1; i <= count; i++) {
      if (rows[i] ~ /^#/ || rows[i] == "") continue
      from = rows[i]; sub(/:.*/, "", from)
      to = rows[i]; sub(/[^:]*:/, "", to); sub(/FLOOR/, floor, to)
      known[from] = 1
      words = split(to, names, " ")
      for (j = 1; j <= words; j++) may[from, names[j]] = 1
    }
  }
  {
    room = $1; sub(/node\/src\//, "", room); sub(/\/.*/, "", room); sub(/(_tests)?\.rs$/, "", room)
    if (!(room in known)) { print $1 ":" $2 ": room `" room "` has no row in scripts/layering.sh"; next }
    if ($4 == "super") { print $1 ":" $2 ": another room is named from the root, `crate::room`, not by climbing"; next }
    if (room == $4 || ((room, $4) in may)) next
    if ($3 == "test" && ($4 == "testing" || ((room " (tests)", $4) in may))) next
    print $1 ":" $2 ": `" room "` must not know `" $4 "` (" $3 ")"
  }' | while read -r line; do fail "$line"; done

# Within the windows, some doors are for one file only.
only() { # only ROOM-NAMING-PATTERN ALLOWED-FILES-PATTERN FOLDER REASON
  grep -rnE "$1" "$3" --include='*.rs' | grep -vE '^[^:]+:[0-9]+:[[:space:]]*//' | grep -vE "^($2):" | while IFS= read -r line; do
    fail "$(cut -d: -f1,2 <<<"$line"): $4"
  done || true
}

# --- 3. Which file may name which library -------------------------------------------------------------------
only '(^|[^a-zA-Z0-9_"`,])libp2p(_[a-z]+)?::[a-zA-Z{]' 'node/src/network/.*' node/src 'libp2p is named in network/ only'
only '(^|[^a-zA-Z0-9_])sled::' 'node/src/store/meta\.rs' node/src 'sled is named in store/meta.rs only'
only '(^|[^a-zA-Z0-9_])clap(_complete)?::' 'node/src/cli/.*' node/src 'clap is named in cli/ only'
only '(^|[^a-zA-Z0-9_])(axum|hyper|hyper_util)::' 'node/src/(api|cli|height)/.*' node/src 'HTTP is spoken in api/, cli/ and height/ only'
only '(^|[^a-zA-Z0-9_])bincode::(config|enc::|encode|decode|serde|error|Options)' 'protocol/src/(codec|key|name|version|tree)\.rs' protocol/src 'bytes are made and read in protocol::codec only; other types derive'
only '(^|[^a-zA-Z0-9_])bincode::' '(protocol/src/.*)|(node/src/bundle/header\.rs)' node/src 'bincode is named in protocol/, and for the derives of the header of a bundle, only'
only '(^|[^a-zA-Z0-9_])bincode::' 'nothing' delta/src 'bincode is named in protocol/ only'
# The installer runs on any disk: one file knows that of this machine, and tests look at it from outside.
only '(^|[^a-zA-Z0-9_])rustix::' 'node/src/install/real_disk\.rs' node/src/install 'the disk of this machine is install/real_disk.rs'
only '(^|[^a-zA-Z0-9_])(std::fs|fs::File|File::(open|create))[^a-zA-Z0-9_]' 'node/src/install/(real_disk|journal)\.rs|node/src/install/tests/.*' node/src/install 'the disk of this machine is install/real_disk.rs'
only '(^|[^a-zA-Z0-9_])clap::' 'simulations/src/cli/.*' simulations/src 'clap is named in cli/ only'
only '(^|[^a-zA-Z0-9_])(indicatif|tokio::signal)' 'simulations/src/cli/.*' simulations/src 'the terminal and signals are for cli/ only'
only '(^|[^a-zA-Z0-9_])(std::fs|std::time|std::thread|std::process|tokio|Instant)([^a-zA-Z0-9_]|$)' 'nothing' simulations/src/scenario 'a scenario is read and checked without files and clocks'
only '(^|[^a-zA-Z0-9_])(std::fs|std::time::Instant|std::thread|std::process|tokio)([^a-zA-Z0-9_]|$)' 'nothing' simulations/src/report 'a report is made of an outcome and of nothing else'
only 'SystemTime::now' 'node/src/clock\.rs' node/src 'clock.rs is the only reader of the wall clock'
only '(^|[^a-zA-Z0-9_])zstd::' '(delta/src/.*)' node/src 'compression lives in delta/'

if [ -s "$failures" ]; then
  echo "layering: $(wc -l <"$failures") broken" >&2
  exit 1
fi
echo "layering: every crate, room and library where it belongs"
