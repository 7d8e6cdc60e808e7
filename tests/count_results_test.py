#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tests/count_results over reports as CTest writes them: what passes, what fails, and what was not run."""
import os
import subprocess
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
PASSED = '<testcase name="unit.a" status="run"/>'
FAILED = '<testcase name="unit.b" status="fail"><failure message=""/></testcase>'
DISABLED = '<testcase name="unit.c" status="disabled"><skipped message="Disabled"/></testcase>'


def skipped(name, reason):
    return (f'<testcase name="{name}" status="notrun"><skipped message="SKIP_REGULAR_EXPRESSION_MATCHED"/>'
            f"<system-out>[ RUN ] X\ntest.cpp:7: Skipped\n{reason}\n\n[  SKIPPED ] X</system-out></testcase>")


class CountResults(unittest.TestCase):
    def count(self, *cases, broken=()):
        """Exit code, and the lines that are printed."""
        with tempfile.TemporaryDirectory() as folder:
            report, failures = os.path.join(folder, "unit.build.xml"), os.path.join(folder, "broken")
            with open(report, "w", encoding="utf-8") as file:
                file.write(f"<testsuite>{''.join(cases)}</testsuite>")
            if broken:
                with open(failures, "w", encoding="utf-8") as file:
                    file.writelines(line + "\n" for line in broken)
            done = subprocess.run([os.path.join(HERE, "count_results"), failures, report], stdout=subprocess.PIPE,
                                  encoding="utf-8", check=False)
        return done.returncode, done.stdout.splitlines()

    def test_passed(self):
        self.assertEqual(self.count(PASSED, PASSED), (0, ["2 passed, 0 failed"]))

    def test_what_failed_is_named(self):
        self.assertEqual(self.count(PASSED, FAILED),
                         (1, ["failed: unit.b (unit.build, fail)", "1 passed, 1 failed"]))
        self.assertEqual(self.count(PASSED, broken=["preset dev does not build"]),
                         (1, ["failed: preset dev does not build", "1 passed, 1 failed"]))

    def test_nothing_at_all_has_failed(self):
        self.assertEqual(self.count(), (1, ["0 passed, 0 failed"]))

    def test_what_the_kernel_may_lack_was_not_run(self):
        self.assertEqual(self.count(PASSED, skipped("kernel.Mtd.A", "needs module nandsim"),
                                    skipped("kernel.Mtd.B", "needs module nandsim"),
                                    skipped("kernel.Mapper.C", "needs device-mapper")),
                         (0, ["not run here, needs device-mapper: kernel.Mapper.C",
                              "not run here, needs module nandsim: kernel.Mtd.A, kernel.Mtd.B",
                              "1 passed, 0 failed, 3 skipped"]))

    def test_any_other_test_that_did_not_run_has_failed(self):
        for case in (skipped("unit.c", "needs time"), skipped("unit.c", ""), DISABLED):
            with self.subTest(case):
                code, lines = self.count(PASSED, case)
                self.assertEqual(code, 1)
                self.assertRegex(lines[0], "^failed: unit.c")
                self.assertEqual(lines[-1], "1 passed, 1 failed")


if __name__ == "__main__":
    unittest.main()
