# Prints one line for each room named by a source file of the node: `file line kind room`.
# `kind` is `code` or `test`. Comments are skipped; `use crate::{a, b::{c}}` may span lines.
# A path that climbs with `super::` up to the root of the crate is printed with the room `super`.
#
# Everything after the first `#[cfg(test)] mod … {` of a file is taken for tests, which is where they stand here.

function kind_of(path) {
    return path ~ /(^|\/)(tests|fake|talking|harness)\// || path ~ /(^|_|\/)tests\.rs$/ || path ~ /\/testing\.rs$/ ? "test" : "code"
}

# How many `super::` lead from a file to the root of the crate.
function depth_of(path,    parts, n) {
    sub(/.*\/src\//, "", path)
    # `x_tests.rs` is the module `tests` of `x.rs`: one level further in than it lies.
    n = path ~ /_tests\.rs$/
    sub(/\/mod\.rs$/, "", path)
    return n + split(path, parts, "/")
}

function found(room) { print FILENAME, FNR, kind, room }

# Reads the names at the outermost level of a braced list; the list may end on a later line.
function in_braces(text,    i, c, name) {
    for (i = 1; i <= length(text); i++) {
        c = substr(text, i, 1)
        if (c == "{") level++
        else if (c == "}") { level--; if (level == 0) { braces = 0; return } }
        else if (level == 1 && c ~ /[a-zA-Z_]/ && awaiting) {
            name = substr(text, i); sub(/[^a-zA-Z0-9_].*/, "", name)
            found(name); awaiting = 0; i += length(name) - 1
        }
        if (level == 1 && (c == "," || c == "{")) awaiting = 1
    }
}

FNR == 1 { kind = kind_of(FILENAME); depth = depth_of(FILENAME); braces = 0; level = 0; marked = 0 }
/^[ \t]*\/\// { next }
/#\[cfg\(test\)\]/ { marked = 1; next }
marked && /^[ \t]*(pub(\([a-z: ]*\))? )?mod [a-z_]+ \{/ { kind = "test"; depth++ }
{ marked = 0 }
braces { in_braces($0); next }
{
    line = $0
    sub(/ \/\/ .*/, "", line)
    while (match(line, /(^|[^a-zA-Z0-9_:$])crate::(\{|[a-zA-Z_]+)/)) {
        word = substr(line, RSTART, RLENGTH); rest = substr(line, RSTART + RLENGTH)
        sub(/.*crate::/, "", word)
        if (word == "{") { braces = 1; level = 0; awaiting = 1; in_braces("{" rest); break }
        found(word)
        line = rest
    }
    line = $0
    while (match(line, /(super::)+/)) {
        if (RLENGTH / 7 >= depth) found("super")
        line = substr(line, RSTART + RLENGTH)
    }
}
