"""Runs peers and our codecs on pairs of releases and prints what came of it: patches, then wholes.

scripts/bench-delta.sh calls it."""

import json
import math
import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

# Pairs: name, older, newer, each as VERSION/PROGRAM/PATH of the corpus.
JSC = "jsc/usr/lib/x86_64-linux-gnu/libjavascriptcoregtk-6.0.so.1.6.11"
PAIRS = [
    ("esbuild 0.28.1 → 0.28.2", "0.28.1/esbuild/bin/esbuild", "0.28.2/esbuild/bin/esbuild"),
    ("esbuild 0.27.7 → 0.28.0", "0.27.7/esbuild/bin/esbuild", "0.28.0/esbuild/bin/esbuild"),
    ("ruff 0.17.4 → 0.17.5", "0.17.4/ruff/ruff-0.17.4.data/scripts/ruff", "0.17.5/ruff/ruff-0.17.5.data/scripts/ruff"),
    (
        "ruff 0.17.4 → 0.17.5, arm64",
        "0.17.4/ruff-arm/ruff-0.17.4.data/scripts/ruff",
        "0.17.5/ruff-arm/ruff-0.17.5.data/scripts/ruff",
    ),
    ("JavaScriptCore 2.50.6 u1 → u2", f"2.50.6-1~deb12u1/{JSC}", f"2.50.6-1~deb12u2/{JSC}"),
    ("numpy 2.4.5 → 2.4.6", "2.4.5/numpy", "2.4.6/numpy"),
    ("typescript 5.9.2 → 5.9.3", "5.9.2/typescript", "5.9.3/typescript"),
    ("certifi 2026.7.22 → 2026.10.18", "2026.7.22/certifi", "2026.10.18/certifi"),
]
# Bytes of peers that no registry has, measured once on the same pairs and quoted: `hdiffz -m1 -SD -c-lzma2`, and
# Zucchini with xz. A peer's best counts, whoever measured it.
QUOTED = {
    "esbuild 0.28.1 → 0.28.2": [("hdiffz", 428_084), ("Zucchini", 439_864)],
    "esbuild 0.27.7 → 0.28.0": [("hdiffz", 2_333_552)],
    "ruff 0.17.4 → 0.17.5": [("hdiffz", 2_934_748), ("Zucchini", 2_750_272)],
    "ruff 0.17.4 → 0.17.5, arm64": [("hdiffz", 2_654_602), ("Zucchini", 1_885_172)],
    "JavaScriptCore 2.50.6 u1 → u2": [("hdiffz", 40), ("Zucchini", 70)],
    "numpy 2.4.5 → 2.4.6": [("hdiffz", 93_763), ("Zucchini", 85_152)],
    "certifi 2026.7.22 → 2026.10.18": [("hdiffz", 383), ("Zucchini", 493)],
}
SMALL = 12_000_000
GROWING = [
    ("esbuild 0.27.7 → 0.28.0", "0.27.7/esbuild/bin/esbuild", "0.28.0/esbuild/bin/esbuild"),
    ("rspack 2.3.0 → 2.3.2", "2.3.0/rspack/rspack.linux-x64-gnu.node", "2.3.2/rspack/rspack.linux-x64-gnu.node"),
    ("bun 1.4.4 → 1.4.5", "1.4.4/bun/bin/bun", "1.4.5/bun/bin/bun"),
    ("claude-code 2.1.110 → 2.1.111", "2.1.110/claude/claude", "2.1.111/claude/claude"),
]

# Goals: geometric means and worst case of bytes ÷ the best peer's, CPU seconds for a MiB of new contents, MB/s,
# memory as a multiple of both sides, and in MiB beyond them.
MEAN = {"dense": 0.75, "fast": 0.85}
WORST, TINY, TINY_MORE = 1.02, 1024, 128
CREATE = {"fast": 1.0, "dense": 2.0}
APPLY = {"fast": 60, "dense": 4}
CREATE_MEMORY, APPLY_MEMORY = 12, 64
# Below this a speed is one of starting a program.
MEASURABLE = 4_000_000
MIB = 1024 * 1024


def run(*command, stdin=None):
    """Runs a program; its output, CPU seconds and peak memory in bytes."""
    with subprocess.Popen([str(part) for part in command], stdin=stdin, stdout=subprocess.PIPE) as process:
        output = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"bench-delta: {' '.join(map(str, command))} ended with {process.returncode}")
    return output, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024


def installed(program):
    return any((Path(folder) / program).exists() for folder in os.environ["PATH"].split(os.pathsep))


def as_file(path, work):
    """The file, or a tar of the folder that is the same every time."""
    if path.is_file():
        return path
    packed = work / f"{path.parent.name}-{path.name}.tar"
    with tarfile.open(packed, "w", format=tarfile.GNU_FORMAT) as tar:
        for entry in sorted(path.rglob("*")):
            info = tar.gettarinfo(entry, arcname=str(entry.relative_to(path)))
            info.mtime = info.uid = info.gid = 0
            info.uname = info.gname = ""
            if info.isfile():
                with entry.open("rb") as file:
                    tar.addfile(info, file)
            else:
                tar.addfile(info)
    return packed


def size_of(path):
    if path.is_file():
        return path.stat().st_size
    return sum(entry.lstat().st_size for entry in path.rglob("*") if entry.is_file() and not entry.is_symlink())


HDIFFPATCH = """
import sys, hdiffpatch
old, new = (open(path, "rb").read() for path in sys.argv[1:3])
open(sys.argv[3], "wb").write(hdiffpatch.diff(old, new, hdiffpatch.COMPRESSION_LZMA2, validate=False))
"""


def peers(old, new, work):
    """What each peer makes: (name, bytes, CPU seconds, peak memory)."""
    old, new, patch = as_file(old, work), as_file(new, work), work / "peer"
    window = max(27, math.ceil(math.log2(max(old.stat().st_size, new.stat().st_size, 2))) + 1)
    commands = [
        ("bsdiff", "bsdiff", ["bsdiff", old, new, patch]),
        ("xdelta3 -9", "xdelta3", ["xdelta3", "-9", "-f", "-q", "-B", 1 << 31, "-e", "-s", old, new, patch]),
        (
            "zstd --patch-from -19",
            "zstd",
            ["zstd", "-q", "-f", "-19", f"--long={min(window, 31)}", f"--patch-from={old}", new, "-o", patch],
        ),
        ("HDiffPatch lzma2", None, [sys.executable, "-c", HDIFFPATCH, old, new, patch]),
    ]
    try:
        import hdiffpatch  # noqa: F401
    except ImportError:
        commands.pop()
    for name, program, command in commands:
        if program is None or installed(program):
            _, cpu, memory = run(*command)
            yield name, patch.stat().st_size, cpu, memory


def ours(updraft, codec, old, new, work):
    """What one of our codecs makes, and what it takes to apply it."""
    patch = work / "patch"
    made, _, memory = run(updraft, "--json", "delta", "create", "--stats", "--codec", codec, "--force", old, new, patch)
    create = json.loads(made)
    # What was made is applied to what is in memory before it is kept: the codec alone.
    codec_alone = create["stats"]["applyBytesPerSecond"] / 1e6
    to_files, peak = 0, 0
    # The best of three: the first one reads from the disk. Nothing is removed in between: the next one would pay for it.
    for number in range(3):
        out = work / f"out-{codec}-{number}"
        applied, _, took = run(updraft, "--json", "delta", "apply", "--stats", old, patch, out)
        to_files = max(to_files, json.loads(applied)["stats"]["applyBytesPerSecond"] / 1e6)
        peak = max(peak, took)
    return {
        "bytes": patch.stat().st_size,
        "cpu": create["create"]["cpuSeconds"],
        "memory": memory,
        "speed": max(codec_alone, to_files),
        "to files": to_files,
        "apply": peak,
    }


class Goals:
    """What was missed."""

    def __init__(self):
        self.missed = []
        self.ratios = {"fast": [], "dense": []}

    def check(self, holds, words):
        if not holds:
            self.missed.append(words)

    def pair(self, name, codec, result, best, old, new):
        if codec == "plain":
            return
        if best:
            self.ratios[codec].append(result["bytes"] / best)
        if new < MEASURABLE:
            return
        self.check(result["cpu"] / (new / MIB) <= CREATE[codec], f"{name}: {codec} takes long to make")
        self.check(result["speed"] >= APPLY[codec], f"{name}: {codec} is applied at {result['speed']:.0f} MB/s")
        self.check(result["memory"] <= CREATE_MEMORY * (old + new), f"{name}: {codec} takes much memory to make")
        most = old + new + APPLY_MEMORY * MIB
        self.check(result["apply"] <= most, f"{name}: {codec} takes much memory to apply")

    def offered(self, name, smallest, best):
        most = best + TINY_MORE if best < TINY else best * WORST
        self.check(smallest <= most, f"{name}: {smallest} bytes, a peer has {best}")


HEAD = [
    "pair", "MB", "with", "bytes", "÷ best peer", "CPU s/MiB", "memory ÷ both",
    "apply MB/s", "to files MB/s", "apply memory",
]


def row(*cells):
    print("| " + " | ".join(str(cell) for cell in cells) + " |", flush=True)


def measure(updraft, pairs, with_peers, goals):
    row(*HEAD)
    row(*["---"] * 3, *["---:"] * (len(HEAD) - 3))
    for name, old, new in pairs:
        with tempfile.TemporaryDirectory(dir="target") as work:
            one_pair(updraft, name, (old, new), Path(work), with_peers, goals)


def one_pair(updraft, name, pair, work, with_peers, goals):
    (old, new), sizes = pair, [size_of(path) for path in pair]
    both, mb = sum(sizes), f"{sizes[1] / 1e6:.1f}"
    found = list(peers(old, new, work)) if with_peers else []
    quoted = QUOTED.get(name, []) if with_peers else []
    best = min([size for _, size, _, _ in found] + [size for _, size in quoted], default=0)
    ratio = lambda size: "**1**" if size == best else f"{size / best:.2f}"
    for peer, size, cpu, memory in found:
        took = f"{cpu / (sizes[1] / MIB):.2f}", f"{memory / both:.1f}"
        row(name, mb, peer, f"{size:,}", ratio(size), *took, "", "", "")
    for peer, size in quoted:
        row(name, mb, f"{peer}, quoted", f"{size:,}", ratio(size), "", "", "", "", "")
    smallest = None
    for codec in ["plain", "fast", "dense"] if with_peers else ["fast", "dense"]:
        result = ours(updraft, codec, old, new, work)
        goals.pair(name, codec, result, best, *sizes)
        smallest = min(smallest or result["bytes"], result["bytes"])
        more = (result["apply"] - both) / MIB
        row(
            name, mb, f"updraft {codec}", f"{result['bytes']:,}", f"{result['bytes'] / best:.2f}" if best else "",
            f"{result['cpu'] / (sizes[1] / MIB):.2f}", f"{result['memory'] / both:.1f}", f"{result['speed']:.1f}",
            f"{result['to files']:.1f}", f"both {more:+.0f} MiB",
        )
    if best:
        goals.offered(name, smallest, best)


def files_of(path):
    """The files of a release, in the order in which their contents follow each other."""
    if path.is_file():
        return [path]
    files = [entry for entry in path.rglob("*") if entry.is_file() and not entry.is_symlink()]
    return sorted(files, key=lambda file: str(file.relative_to(path)).encode())


def wholes(packer, pairs, goals):
    """Each newer release packed whole, by us and by xz and zstd."""
    print()
    row("whole", "MB", "xz -9", "zstd -19 --long=27", "updraft", "÷ xz", "CPU s/MiB")
    row("---", *["---:"] * 6)
    sums = [0, 0]
    for name, _, new in pairs:
        files = files_of(new)
        with tempfile.TemporaryDirectory(dir="target") as work:
            contents = Path(work) / "contents"
            with contents.open("wb") as out:
                for file in files:
                    out.write(file.read_bytes())
            size = contents.stat().st_size
            xz, _, _ = run("xz", "-9", "-c", "-T1", contents)
            zstd, _, _ = run("zstd", "-q", "-19", "--long=27", "-c", contents)
            with contents.open("rb") as stream:
                ours, cpu, _ = run(packer, *(file.stat().st_size for file in files), stdin=stream)
        sums = [sums[0] + len(ours), sums[1] + len(xz)]
        took, ratio = f"{cpu / max(size / MIB, 0.01):.2f}", f"{len(ours) / len(xz):.3f}"
        row(name, f"{size / 1e6:.1f}", f"{len(xz):,}", f"{len(zstd):,}", f"{len(ours):,}", ratio, took)
    row("all of them", "", f"{sums[1]:,}", "", f"{sums[0]:,}", f"{sums[0] / max(sums[1], 1):.3f}", "")
    goals.check(sums[0] < sums[1], "wholes are larger than those of xz -9")


def main():
    updraft, packer, corpus, options = *map(Path, sys.argv[1:4]), sys.argv[4:]
    goals = Goals()
    growing = options == ["--growth"]
    if options and not growing and options != ["--quick"]:
        paths = [Path(option) for option in options]
        if len(paths) % 2 or not all(path.exists() for path in paths):
            sys.exit("bench-delta: pairs of files or folders that exist are wanted")
        measure(updraft, [(f"{a.name} → {b.name}", a, b) for a, b in zip(paths[::2], paths[1::2])], True, goals)
    else:
        pairs = [(name, corpus / old, corpus / new) for name, old, new in (GROWING if growing else PAIRS)]
        pairs = [pair for pair in pairs if pair[1].exists() and pair[2].exists()]
        if options == ["--quick"]:
            pairs = [pair for pair in pairs if size_of(pair[2]) < SMALL]
        measure(updraft, pairs, not growing, goals)
        if not growing:
            wholes(packer, pairs, goals)
    print()
    for codec, ratios in goals.ratios.items():
        if ratios:
            mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
            print(f"{codec}: geometric mean of {len(ratios)} pairs {mean:.3f} × the best peer, goal {MEAN[codec]}")
            if not options:
                goals.check(mean <= MEAN[codec], f"mean of {codec} over {MEAN[codec]}")
    for words in goals.missed:
        print(f"missed: {words}")
    sys.exit(1 if goals.missed else 0)


main()
