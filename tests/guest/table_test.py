#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""table.py over results as GoogleTest writes them: what passes, and everything that must not."""
import contextlib
import io
import os
import tempfile
import unittest

import table


def case(suite, name, assertions=None, status="run", result="completed", failure="", skipped=""):
    properties = ""
    if assertions is not None:
        properties = f'<properties><property name="assertions" value="{assertions}"/></properties>'
    body = f'<failure message="{failure}" type=""></failure>' if failure else ""
    if skipped:
        result = "skipped"
        body = f'<skipped message="test.cpp:7&#x0A;{skipped}&#x0A;"></skipped>'
    return (f'<testcase name="{name}" status="{status}" result="{result}" time="0." '
            f'classname="{suite}">{body}{properties}</testcase>')


GOOD = [case("Softirq", "CountsAsProcSoftirqs", 7), case("Softirq", "IgnoresOthers", 3),
        case("Blockio", "CountsBytes", 4)]


class Table(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = directory.name
        self.binary = self.write("kernel_tests", "")

    def write(self, name, text):
        path = os.path.join(self.directory, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def results(self, kernel, cases):
        text = f'<?xml version="1.0"?><testsuites><testsuite>{"".join(cases)}</testsuite></testsuites>'
        return f"{kernel}={self.write(kernel + '.xml', text)}"

    def run_table(self, host, guest, expected="", third=None, declared=""):
        arguments = ["--binary", self.binary, "--expected", self.write("expected.txt", expected),
                     "--needs", self.write("needs.txt", declared),
                     self.results("host", host), self.results("5.10", guest)]
        if third is not None:
            arguments.append(self.results("6.12", third))
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            code = table.main(arguments)
        return code, output.getvalue()

    def test_equal_cells_pass_and_are_summed_by_suite(self):
        code, output = self.run_table(GOOD, GOOD)
        self.assertEqual(code, 0, output)
        rows = [line.split() for line in output.splitlines()]
        self.assertIn(["Softirq", "10", "10"], rows)
        self.assertIn(["Blockio", "4", "4"], rows)
        self.assertIn(["all", "14", "14"], rows)

    def test_parametrised_suites_belong_to_their_probe(self):
        split = [case("Zones/Softirq", "Counts/0", 8), case("Softirq/1", "Counts", 2), GOOD[2]]
        code, output = self.run_table(GOOD, split)
        self.assertEqual(code, 0, output)

    def test_a_listed_difference_passes_and_quotes_its_fact(self):
        code, output = self.run_table(GOOD, GOOD[:2], "# why\n\nBlockio 5.10 commit 0123 of v5.11\n")
        self.assertEqual(code, 0, output)
        self.assertIn("[1] Blockio on 5.10: commit 0123 of v5.11", output)

    def test_what_the_kernel_may_lack_is_not_run_and_the_next_kernel_is_the_reference(self):
        lacking = [*GOOD[:2], case("Blockio", "CountsBytes", 0, skipped="needs module null_blk")]
        code, output = self.run_table(lacking, GOOD, third=GOOD, declared="host  module null_blk\n")
        self.assertEqual(code, 0, output)
        self.assertIn("0 (1 not run) [1]", output)
        self.assertIn("[1] Blockio on host: not run: needs module null_blk", output)
        code, output = self.run_table(lacking, GOOD, third=GOOD[:2], declared="host  module null_blk\n")
        self.assertEqual(code, 1, output)
        self.assertIn("Blockio: 0 assertions on 6.12, 4 on 5.10", output)

    def test_a_need_that_is_not_declared_for_the_kernel_fails(self):
        lacking = [*GOOD[:2], case("Blockio", "CountsBytes", 0, skipped="needs module null_blk")]
        for declared in ("", "5.10  module null_blk\n", "host  module null\n"):
            with self.subTest(declared):
                code, output = self.run_table(lacking, GOOD, third=GOOD, declared=declared)
                self.assertEqual(code, 1, output)
                self.assertIn("host: Blockio.CountsBytes did not run", output)

    def test_results_may_be_one_file_a_test(self):
        folder = os.path.join(self.directory, "host")
        os.makedirs(os.path.join(folder, "Zones"))
        for name, one in (("a.xml", GOOD[0]), ("Zones/b.xml", GOOD[1]), ("c.xml", GOOD[2])):
            self.write(os.path.join("host", name), f"<testsuites><testsuite>{one}</testsuite></testsuites>")
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            code = table.main(["--binary", self.binary, f"host={folder}", self.results("5.10", GOOD)])
        self.assertEqual(code, 0, output.getvalue())
        self.assertIn(["all", "14", "14"], [line.split() for line in output.getvalue().splitlines()])

    def test_tests_are_counted_where_assertions_are_not(self):
        good = [case("Otawrite", "GivesWrites"), case("Otawrite", "GivesMore"), case("Adapter", "Follows")]
        failed = [*good[:1], case("Otawrite", "GivesMore", failure="4 != 5"), good[2]]
        for guest, code, message in ((good, 0, "tests of attribution"), (failed, 1, "5.10: Otawrite.GivesMore failed"),
                                     (good[1:], 1, "Otawrite: 1 tests on 5.10, 2 on host")):
            output = io.StringIO()
            with contextlib.redirect_stdout(output):
                self.assertEqual(table.main(["--count", "tests", "--binary", self.binary,
                                             self.results("host", good), self.results("5.10", guest)]), code)
            self.assertIn(message, output.getvalue())
            self.assertIn(["Adapter", "1", "1"], [line.split() for line in output.getvalue().splitlines()])

    def test_what_must_fail(self):
        rows = [
            ("fewer assertions", GOOD[1:], "", "Softirq: 3 assertions on 5.10, 10 on host"),
            ("more assertions", [*GOOD, case("Blockio", "More", 1)], "", "Blockio: 5 assertions on 5.10"),
            ("a suite is missing", GOOD[:2], "", "Blockio: 0 assertions on 5.10"),
            ("a suite is new", [*GOOD, case("Netdrop", "Counts", 1)], "", "Netdrop: 1 assertions on 5.10"),
            ("a test failed", [*GOOD[:2], case("Blockio", "CountsBytes", 4, failure="4 != 5")], "",
             "5.10: Blockio.CountsBytes failed"),
            ("a test was skipped", [*GOOD, case("Blockio", "Skips", 0, result="skipped")], "",
             "5.10: Blockio.Skips did not run"),
            ("a test is disabled", [*GOOD, case("Blockio", "Off", status="notrun", result="suppressed")], "",
             "5.10: Blockio.Off did not run"),
            ("no property", [*GOOD, case("Blockio", "Mute")], "", "Blockio.Mute has no property"),
            ("no tests", [], "", "5.10: no tests in"),
            ("another kernel's difference is listed", GOOD[:2], "Blockio 6.12 fact\n", "Blockio: 0 assertions"),
            ("a listed difference is none", GOOD, "Blockio 5.10 fact\n", "but a difference is expected"),
            ("a listed probe is unknown", GOOD, "Nothing 5.10 fact\n", "which nothing tests"),
            ("a difference without a fact", GOOD[:2], "Blockio 5.10\n", "expected PROBE KERNEL FACT"),
        ]
        for name, guest, expected, message in rows:
            with self.subTest(name):
                code, output = self.run_table(GOOD, guest, expected)
                self.assertEqual(code, 1, output)
                self.assertIn(message, output)

    def test_results_must_exist_be_whole_and_be_newer_than_the_program(self):
        expected = self.write("expected.txt", "")
        missing = "5.10=" + os.path.join(self.directory, "missing.xml")
        torn = "5.10=" + self.write("torn.xml", "<testsuites><testsuite>")
        stale = self.results("5.10", GOOD)
        os.utime(stale.split("=")[1], (1, 1))
        for result, message in [(missing, "no results"), (torn, "no results"), (stale, "is older than")]:
            with self.subTest(message):
                output = io.StringIO()
                with contextlib.redirect_stdout(output):
                    code = table.main(["--binary", self.binary, "--expected", expected,
                                       self.results("host", GOOD), result])
                self.assertEqual(code, 1)
                self.assertIn(message, output.getvalue())


if __name__ == "__main__":
    unittest.main()
