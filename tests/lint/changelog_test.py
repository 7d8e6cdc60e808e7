#!/usr/bin/python3 -B
# SPDX-License-Identifier: Apache-2.0
"""The version and the date of the last release are the same wherever they are written."""
import email.utils
import os
import re
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))


def text_of(*path):
    with open(os.path.join(ROOT, *path), encoding="utf-8") as file:
        return file.read()


def last_release(changelog):
    """(version, date) of the first release in a changelog of the Keep a Changelog format."""
    found = re.search(r"(?m)^## \[(\d+\.\d+\.\d+)\] - (\d{4}-\d{2}-\d{2})$", changelog)
    return found and found.groups()


def last_debian_release(changelog):
    version = re.match(r"kernel-exporter \(([\d.]+)\)", changelog)[1]
    date = re.search(r"(?m)^ -- .*>  (.*)$", changelog)[1]
    return version, email.utils.parsedate_to_datetime(date).date().isoformat()


class Releases(unittest.TestCase):
    def test_all_name_the_same_release(self):
        release = last_release(text_of("CHANGELOG.md"))
        self.assertEqual(last_debian_release(text_of("packaging", "debian", "changelog")), release)
        self.assertIn(f"VERSION {release[0]}", text_of("CMakeLists.txt"))
        self.assertIn(f'"{release[1]}" "kernel_exporter {release[0]}"',
                      text_of("packaging", "man", "kernel_exporter.8"))

    def test_what_is_not_released_comes_first(self):
        self.assertEqual(re.findall(r"(?m)^## \[(.+?)\]", text_of("CHANGELOG.md"))[0], "Unreleased")

    def test_another_release_is_told_apart(self):
        self.assertEqual(last_release("## [Unreleased]\n\n## [0.2.0] - 2027-01-02\n"), ("0.2.0", "2027-01-02"))
        self.assertEqual(last_debian_release("kernel-exporter (0.2.0) unstable\n\n -- a <b>  Sat, 02 Jan 2027 00:00:00 "
                                             "+0000\n"), ("0.2.0", "2027-01-02"))
        self.assertIsNone(last_release("## 0.2.0\n"))


if __name__ == "__main__":
    unittest.main()
