# SPDX-License-Identifier: Apache-2.0
"""What cmake/Hardening.cmake asks for, looked for in a binary, stripped or not."""
import re
import subprocess

ENDBR64 = bytes.fromhex("f30f1efa")
OF_START_UP_CODE = 2  # instructions that a program of GCC's always has


def readelf(*arguments):
    return subprocess.run(["readelf", "--wide", *arguments], stdout=subprocess.PIPE, check=True,
                          encoding="utf-8").stdout


def code(path):
    """The bytes of .text."""
    section = re.search(r"\.text\s+PROGBITS\s+\S+ (\S+) (\S+)", readelf("--section-headers", path))
    offset, size = (int(number, 16) for number in section.groups())
    with open(path, "rb") as file:
        file.seek(offset)
        return file.read(size)


def missing(path):
    """The protections that a binary lacks."""
    header, dynamic = readelf("--file-header", path), readelf("--dynamic", path)
    segments, symbols = readelf("--segments", path), readelf("--dyn-syms", path)
    stack = re.search(r"GNU_STACK\s+(?:0x\S+\s+){5}(\S+)", segments)
    found = {
        "position-independent": re.search(r"Type:\s+DYN", header) and re.search(r"Flags:.*\bPIE\b", dynamic),
        "full RELRO": "GNU_RELRO" in segments and re.search(r"BIND_NOW|Flags:.*\bNOW\b", dynamic),
        "stack without code": stack and "E" not in stack.group(1),
        "stack protector": "__stack_chk_fail" in symbols,
        "fortified functions": re.search(r"UND __\w+(?<!__stack)_chk\b", symbols),
    }
    if "X86-64" in header:
        found["branch targets"] = code(path).count(ENDBR64) > OF_START_UP_CODE
    return [name for name, is_there in found.items() if not is_there]
