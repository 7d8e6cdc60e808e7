#!/usr/bin/python3 -B
# SPDX-License-Identifier: Apache-2.0
"""The documents: links between them lead somewhere, and the README stays short."""
import glob
import os
import re
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
DOCUMENTS = ("*.md", "docs/*.md", "packaging/**/*.md", "dashboards/*.md")
README_LINES = 200


def text_of(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def without_code(text):
    return re.sub(r"(?ms)^```.*?^```$", "", text)


def anchors(path):
    """The anchors that GitHub and GitLab give the headings."""
    headings = re.findall(r"(?m)^#+ (.*)$", without_code(text_of(path)))
    return {re.sub(r"[^a-z0-9_ -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links(path):
    """Relative links to files or headings that do not exist."""
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", without_code(text_of(path))):
        if re.match(r"\w+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = os.path.join(os.path.dirname(path), name) if name else path
        if not os.path.exists(target) or anchor and anchor not in anchors(target):
            broken.append(link)
    return broken


class Documents(unittest.TestCase):
    def test_links_lead_somewhere(self):
        documents = [path for pattern in DOCUMENTS for path in glob.glob(os.path.join(ROOT, pattern), recursive=True)]
        self.assertGreater(len(documents), 8)
        broken = {os.path.relpath(path, ROOT): links for path in documents if (links := broken_links(path))}
        self.assertEqual(broken, {})

    def test_a_broken_link_is_found(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "a.md")
            with open(path, "w", encoding="utf-8") as file:
                file.write("# A title\n[self](#a-title) [none](#nothing) [file](b.md) [web](https://example.com)\n")
            self.assertEqual(broken_links(path), ["#nothing", "b.md"])

    def test_the_readme_is_short(self):
        self.assertLessEqual(text_of(os.path.join(ROOT, "README.md")).count("\n"), README_LINES)


if __name__ == "__main__":
    unittest.main()
