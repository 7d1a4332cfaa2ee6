#!/usr/bin/env bash
# Checks what rustfmt and clippy do not: sizes of files, their first line, purity of machines, open ends.
# Fails with file, line and rule. The length of functions is clippy's (`too-many-lines-threshold` = 100).
set -euo pipefail
cd "$(dirname "$0")/.."

failures=$(
  git ls-files -z --cached --others --exclude-standard -- '*.rs' | xargs -0 awk -f scripts/tidy.awk
  # The top level is part of the house: what stands there was agreed on.
  git ls-files --cached --others --exclude-standard | sed 's#/.*##' | sort -u | while read -r entry; do
    case $entry in
      .cargo | .ci | .config | .github | .clippy.toml | .deny.toml | .editorconfig | .gitattributes | .gitignore | .rustfmt.toml) ;;
      Cargo.toml | Cargo.lock | README.md | CHANGELOG.md | CONTRIBUTING.md | SECURITY.md | LICENSE-MIT | LICENSE-APACHE) ;;
      protocol | delta | node | simulations | tests | scripts | docs) ;;
      *) echo "$entry:1: does not belong to the top level (docs/ARCHITECTURE.md)" ;;
    esac
  done
  # A link of a document that leads nowhere.
  git ls-files --cached --others --exclude-standard -- '*.md' | while read -r document; do
    # A document without links is none to complain of.
    { grep -noE '\]\([^)# ]+' "$document" || true; } | sed -E 's/^([0-9]+):\]\(/\1 /' | while read -r line target; do
      case $target in http://* | https://* | mailto:*) continue ;; esac
      [ -e "$(dirname "$document")/$target" ] || echo "$document:$line: \`$target\` does not exist"
    done
  done
)
if [ -n "$failures" ]; then
  sed 's/^/tidy: /' <<<"$failures" >&2
  echo "tidy: $(wc -l <<<"$failures") broken" >&2
  exit 1
fi
echo "tidy: $(git ls-files '*.rs' | wc -l) files in order"
