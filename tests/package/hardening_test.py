#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""hardening.py sees each protection, and that it is missing."""
import os
import platform
import subprocess
import tempfile
import unittest

import hardening

SOURCE = """
#include <string.h>
int length_of(const char *text) { char copy[64]; memcpy(copy, text, strlen(text)); return copy[1]; }
int (*volatile function)(const char *) = length_of;
int main(int count, char **arguments) { return function(arguments[count - 1]); }
"""
ALL = {"-fPIE": "-fno-pie", "-pie": "-no-pie", "-Wl,-z,relro": "-Wl,-z,norelro", "-Wl,-z,now": "-Wl,-z,lazy",
       "-Wl,-z,noexecstack": "-Wl,-z,execstack", "-fstack-protector-strong": "-fno-stack-protector",
       "-D_FORTIFY_SOURCE=3": "-D_FORTIFY_SOURCE=0"}
X86 = platform.machine() == "x86_64"
if X86:
    ALL["-fcf-protection=full"] = "-fcf-protection=none"


class Hardening(unittest.TestCase):
    def missing(self, *without):
        """What a program lacks that was built with all options but these."""
        with tempfile.TemporaryDirectory() as folder:
            program = os.path.join(folder, "program")
            options = [off if on in without else on for on, off in ALL.items()]
            subprocess.run(["cc", "-O2", "-U_FORTIFY_SOURCE", *options, "-x", "c", "-", "-o", program], input=SOURCE,
                           encoding="utf-8", check=True)
            subprocess.run(["strip", program], check=True)
            return hardening.missing(program)

    def test_nothing_is_missing(self):
        self.assertEqual(self.missing(), [])

    def test_each_is_missed(self):
        rows = [(("-fPIE", "-pie"), "position-independent"), (("-Wl,-z,relro",), "full RELRO"),
                (("-Wl,-z,now",), "full RELRO"), (("-Wl,-z,noexecstack",), "stack without code"),
                (("-fstack-protector-strong",), "stack protector"), (("-D_FORTIFY_SOURCE=3",), "fortified functions")]
        if X86:
            rows.append((("-fcf-protection=full",), "branch targets"))
        for without, name in rows:
            with self.subTest(name):
                self.assertEqual(self.missing(*without), [name])


if __name__ == "__main__":
    unittest.main()
