#!/usr/bin/python3 -B
# SPDX-License-Identifier: Apache-2.0
"""Every source file states its licence in an SPDX line; with --fix the line is added where it is missing.

bpf/ and the BPF programs of tests are "GPL-2.0-only OR BSD-3-Clause", because the kernel lends some of its helpers to
GPL-compatible programs only. Everything else is Apache-2.0. The line is the first one, or the second after `#!`.
"""
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
TAG = "SPDX-License-Identifier: "
APACHE, BPF = "Apache-2.0", "GPL-2.0-only OR BSD-3-Clause"

HASH, SLASHES, BLOCK, ROFF = "# {}", "// {}", "/* {} */", '.\\" {}'
COMMENT_OF_ENDING = {
    ".cpp": SLASHES, ".ts": SLASHES, ".h": SLASHES, ".h.in": SLASHES, ".c": SLASHES, ".S": BLOCK, ".8": ROFF,
    ".py": HASH, ".sh": HASH, ".awk": HASH, ".cmake": HASH, ".yaml": HASH, ".yml": HASH, ".service": HASH,
    ".default": HASH, "CMakeLists.txt": HASH,
}
# Inputs of the fuzzers: each byte of them counts.
NOT_SOURCE = re.compile(r"^tests/fuzz/corpus/")
NOT_SEARCHED = re.compile(r"\.git|node_modules|__pycache__|build(-\w+)?")


def licence_of(path):
    bpf = path.startswith("bpf/") or "/fixtures/" in path or path.endswith(".bpf.c")
    return BPF if bpf and not path.endswith(".py") else APACHE


def comment_of(path, first_line):
    """How the file writes a comment; None for a file that is no source."""
    if path.endswith(".h") and licence_of(path) == BPF:
        return BLOCK  # As the kernel has it for headers.
    for ending, comment in COMMENT_OF_ENDING.items():
        if path.endswith(ending):
            return comment
    return HASH if first_line.startswith("#!") else None


def expected_line(path, first_line):
    comment = comment_of(path, first_line)
    return comment and comment.format(TAG + licence_of(path))


def fault_of(path, text):
    """What is wrong with the licence line of the file; None when nothing is."""
    lines = text.split("\n", 2)
    expected = expected_line(path, lines[0])
    if not expected:
        return None
    found = lines[1 if lines[0].startswith("#!") and len(lines) > 1 else 0]
    return None if found == expected else f'{path}: the licence line must be "{expected}"'


def fixed(path, text):
    """`text` with the licence line that the file must have, in place of another one in the same position."""
    lines = text.split("\n")
    at = 1 if lines[0].startswith("#!") else 0
    replaced = at < len(lines) and TAG in lines[at]
    lines[at:at + replaced] = [expected_line(path, lines[0])]
    return "\n".join(lines)


def sources(root=ROOT):
    """(path from the root, text) of every source file."""
    for folder, folders, names in os.walk(root):
        relative = os.path.relpath(folder, root)
        folders[:] = sorted(name for name in folders if not NOT_SEARCHED.fullmatch(name))
        for name in sorted(names):
            path = os.path.normpath(os.path.join(relative, name))
            if NOT_SOURCE.search(path) or os.path.islink(os.path.join(folder, name)):
                continue
            try:
                with open(os.path.join(folder, name), encoding="utf-8", newline="") as file:
                    text = file.read()
            except UnicodeDecodeError:
                continue
            if expected_line(path, text.split("\n", 1)[0]):
                yield path, text


def main(arguments):
    if arguments not in ([], ["--fix"]):
        sys.exit("usage: tests/lint/spdx.py [--fix]")
    faulty = [(path, text) for path, text in sources() if fault_of(path, text)]
    for path, text in faulty:
        if not arguments:
            print(fault_of(path, text))
            continue
        with open(os.path.join(ROOT, path), "w", encoding="utf-8", newline="") as file:
            file.write(fixed(path, text))
    return 1 if faulty and not arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
