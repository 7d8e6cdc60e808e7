#!/usr/bin/python3 -B
# SPDX-License-Identifier: Apache-2.0
"""The part of the bench that needs no root: its table, and how the document quotes it."""
import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from bars import report  # noqa: E402


class ReplacePart(unittest.TestCase):
    def test_replaces_only_what_stands_between_the_markers(self):
        text = f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n"
        self.assertEqual(report.replace_part(text, "new\n"),
                         f"before\n{report.BEGIN}\nnew\n{report.END}\nafter\n")

    def test_fills_an_empty_part(self):
        self.assertEqual(report.replace_part(f"{report.BEGIN}\n{report.END}", "new"),
                         f"{report.BEGIN}\nnew\n{report.END}")

    def test_finds_nothing_without_both_markers_in_order(self):
        for text in ("", report.BEGIN, report.END, report.END + report.BEGIN):
            self.assertIsNone(report.replace_part(text, "new"), text)


class UpdateDocument(unittest.TestCase):
    def test_leaves_an_absent_file_absent(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "benchmarks.md")
            self.assertIn("does not exist", report.update_document(path, "new"))
            self.assertFalse(os.path.exists(path))


class Rows(unittest.TestCase):
    def test_says_missed_or_met_where_there_is_a_bar(self):
        verdicts = [report.Row("what", "bar", "1", met=met).cells[-1] for met in (True, False, None)]
        self.assertEqual(verdicts, ["met", "MISSED", "–"])

    def test_gives_the_median_and_half_the_interquartile_range(self):
        sample = report.Sample([5, 1, 3, 2, 4])
        self.assertEqual((sample.median, sample.noise), (3, 1.5))

    def test_one_reading_has_no_noise(self):
        self.assertEqual(report.Sample([7]).noise, 0)

    def test_escapes_bars_in_markdown(self):
        self.assertIn("a\\|b", report.as_markdown([report.Row("a|b", "", "")]))


if __name__ == "__main__":
    unittest.main()
