# Prints `file:line: rule` for every line of the given Rust files that breaks a rule of tidiness.
# What is a test is decided as in uses.awk: by the file's name, or after the first `#[cfg(test)] mod … {`.

function is_test_file(path) {
    return path ~ /(^|\/)(tests|fuzz|fake|talking|harness|benches)\// || path ~ /(^|_|\/)tests\.rs$/ || path ~ /\/testing\.rs$/
}
function broken(rule) { print FILENAME ":" FNR ": " rule }
function close_file() {
    if (lines > 500) print previous ":501: a file has at most 500 lines without its tests; this one has " lines
}

FNR == 1 {
    close_file()
    previous = FILENAME; lines = 0; marked = 0
    test = is_test_file(FILENAME); file_is_test = test
    pure = FILENAME ~ /\/(machine|lifecycle|sync|tally)\.rs$/ || FILENAME ~ /\/policy\// || FILENAME ~ /\/fetch\/(asking|peer)\.rs$/
    if ($0 !~ /^\/\/!/) broken("a file begins with `//!`: what it is for and what it must never do")
}
{ comment = $0 ~ /^[ \t]*\/\// }
!test || file_is_test { lines++ }

/#\[cfg\(test\)\]/ { marked = 1; next }
marked && /^[ \t]*(pub(\([a-z: ]*\))? )?mod [a-z_]+ \{/ { test = 1 }
{ marked = 0 }

/(^|[^A-Za-z])(TODO|FIXME|XXX|HACK)([^A-Za-z]|$)/ { broken("an open end belongs into an issue, not into a comment") }
comment { next }

/#!?\[allow\(/ { broken("`#[expect(…, reason = \"…\")]` instead of `#[allow(…)]`") }
/#!?\[expect\(/ { expecting = FNR; reason = 0 }
expecting && /reason =/ { expecting = 0 }
expecting && /\)\]/ { broken("an `#[expect]` says its reason"); expecting = 0 }
/#\[ignore/ { broken("a test that does not run is no test") }
/(^|[^A-Za-z_])(todo|unimplemented)!\(/ { broken("what is not built is not called") }
/(^|[^A-Za-z_])unbounded(_channel)?(::<[^>]*>)?\(/ { broken("every queue has a bound") }
/(^|[^A-Za-z_])(print|println|eprint|eprintln)!/ && !test && FILENAME !~ /node\/src\/cli\/output\.rs$/ && FILENAME !~ /node\/build\.rs$/ {
    broken("people are talked to in cli/output.rs only")
}
pure && !test && /(^|[^A-Za-z_])(tokio|async|await|Instant::now|SystemTime|std::(fs|net|env|thread|process)|File::(open|create))([^A-Za-z_]|$)/ {
    broken("a machine is pure: no clock, no file, no task; they are inputs and actions")
}
test && /(^|[^A-Za-z_])sleep(_until)?\(/ && FILENAME !~ /harness/ { broken("a test waits for a condition with a deadline (harness), it does not sleep") }
END { close_file() }
