#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tests/lint/tidy over a tree of its own: what is found in joined sources, and what must not keep it from being found."""
import json
import os
import subprocess
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
CLEAN = "namespace { int twice(int n) { return 2 * n; } }\nint four() { return twice(2); }\n"
SAME_NAME = "namespace { int twice(int n) { return n + n; } }\nint six() { return twice(3); }\n"
NULL = "int* nothing() {\n  return 0;\n}\n"
UNUSED = "namespace a { struct B {}; }\nusing a::B;\n"
BROKEN = "int five() { return unknown; }\n"


class Tidy(unittest.TestCase):
    def run_on(self, **sources):
        with tempfile.TemporaryDirectory() as folder:
            os.symlink(os.path.join(ROOT, ".clang-tidy"), os.path.join(folder, ".clang-tidy"))
            os.makedirs(os.path.join(folder, "exporter", "room"))
            os.makedirs(os.path.join(folder, "build"))
            commands = []
            for name, text in sources.items():
                path = os.path.join(folder, "exporter", "room", name + ".cpp")
                with open(path, "w", encoding="utf-8") as source:
                    source.write(text)
                commands.append({"directory": folder, "file": path,
                                 "command": f"/usr/bin/ccache /usr/bin/c++ -std=c++20 -o {name}.o -c {path}"})
            with open(os.path.join(folder, "build", "compile_commands.json"), "w", encoding="utf-8") as file:
                json.dump(commands, file)
            done = subprocess.run([os.path.join(HERE, "tidy"), "build"], cwd=folder, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, encoding="utf-8", check=False)
        return done.returncode, done.stdout

    def assert_found(self, name, line, check, **sources):
        code, output = self.run_on(**sources)
        self.assertEqual(code, 1, output)
        self.assertIn(f"/exporter/room/{name}.cpp:{line}:", output)
        self.assertIn(check, output)

    def test_clean_sources_pass(self):
        self.assertEqual(self.run_on(a=CLEAN), (0, ""))
        self.assertEqual(self.run_on(a=CLEAN, b="int seven() { return 7; }\n"), (0, ""))

    def test_two_sources_may_use_one_name(self):
        self.assertEqual(self.run_on(a=CLEAN, b=SAME_NAME, c=CLEAN.replace("four", "eight")), (0, ""))

    def test_a_finding_is_reported_where_it_is(self):
        for place in ("a", "b", "c"):
            sources = {**{"a": CLEAN, "b": SAME_NAME, "c": "int seven() { return 7; }\n"}, place: NULL}
            with self.subTest(place):
                self.assert_found(place, 2, "modernize-use-nullptr", **sources)

    def test_a_check_of_the_main_file_alone_looks_at_all_that_are_joined(self):
        self.assert_found("b", 2, "misc-unused-using-decls", a=CLEAN, b=UNUSED)

    def test_a_source_that_does_not_compile_is_a_finding(self):
        self.assert_found("b", 1, "unknown", a=CLEAN, b=BROKEN)

    def test_a_build_without_sources_is_a_finding(self):
        code, output = self.run_on()
        self.assertEqual(code, 1)
        self.assertIn("no source below", output)


if __name__ == "__main__":
    unittest.main()
