#!/usr/bin/python3 -B
# SPDX-License-Identifier: Apache-2.0
"""The parts of the bench that need no root: its table, how the document quotes it, how a loss is computed, its clock."""
import os
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from bars import processes, report, under_load  # noqa: E402


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

    def test_gives_the_standard_error_of_the_median(self):
        # Quartiles at 25 and 75 are 0.674 standard deviations from the median of a normal distribution.
        sample = report.Sample(range(1, 100))
        self.assertAlmostEqual(sample.error, 1.253 * (25 / 0.6745) / 99 ** 0.5, places=1)

    def test_escapes_bars_in_markdown(self):
        self.assertIn("a\\|b", report.as_markdown([report.Row("a|b", "", "")]))


class CpuClock(unittest.TestCase):
    def test_counts_threads_that_have_ended(self):
        used = []

        def work():
            while time.thread_time_ns() < 50_000_000:
                pass
            used.append(time.thread_time_ns())

        before = processes.cpu_ns(os.getpid())
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        self.assertGreaterEqual(processes.cpu_ns(os.getpid()) - before, used[0])


class Machine:
    """A toggle and a load in one, which does 1e9 units in a CPU second, less `drift` with each answer, less the share that
    the attached set takes."""

    def __init__(self, shares, drift):
        self.shares, self.drift = shares, drift
        self.units, self.cpu_ns, self.speed, self.attached = 0.0, 0, 1e9, None

    def ask(self, line=""):
        if line:
            self.attached = int(line.split()[1]) if line.startswith("attach") else None
            return "done"
        self.cpu_ns += 10**9
        self.speed -= self.drift
        self.units += self.speed * (1 - self.shares.get(self.attached, 0))
        return f"{int(self.units)} {self.cpu_ns}"


class Losses(unittest.TestCase):
    def setUp(self):
        self.addCleanup(setattr, under_load, "SLICE", under_load.SLICE)
        under_load.SLICE = 0

    def losses(self, drift, rounds=4):
        machine = Machine({0: 0.1, 1: 0.0}, drift)
        found = under_load.losses(machine, machine, [0, 1], rounds)
        self.assertIsNone(machine.attached)
        return found

    def test_are_the_share_of_the_load_that_each_set_takes(self):
        mine, nothing = self.losses(drift=0)
        self.assertAlmostEqual(mine.median, 0.1)
        self.assertAlmostEqual(nothing.median, 0)
        self.assertEqual(len(mine.values), 4)

    def test_do_not_include_the_drift_of_the_machine(self):
        mine, nothing = self.losses(drift=1e6)
        self.assertAlmostEqual(mine.median, 0.1, places=4)
        self.assertAlmostEqual(nothing.median, 0, places=4)

    def test_need_a_load_that_does_something(self):
        machine = Machine({}, drift=0)
        machine.speed = 0
        with self.assertRaises(under_load.MeasurementError):
            under_load.units_per_cpu_second(machine)


if __name__ == "__main__":
    unittest.main()
