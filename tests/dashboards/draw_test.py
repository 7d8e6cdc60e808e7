# SPDX-License-Identifier: Apache-2.0
"""The pictures: of every dashboard one, with every panel on it and something in it."""
import os
import re
import struct
import subprocess
import unittest

import grafana

BUILD = os.environ.get("KERNEL_EXPORTER_BUILD", os.path.join(grafana.ROOT, "build"))
DRAW = os.path.join(os.path.dirname(os.path.abspath(__file__)), "draw")


def size_of(picture):
    with open(picture, "rb") as file:
        head = file.read(24)
    assert head[:8] == b"\x89PNG\r\n\x1a\n", picture
    return struct.unpack("!II", head[16:24])


class Pictures(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = os.path.join(BUILD, "dashboards")
        subprocess.run([DRAW], check=True)

    def page(self, name):
        with open(os.path.join(self.folder, name + ".html"), encoding="utf-8") as file:
            return file.read()

    def test_every_dashboard_has_a_picture_as_large_as_its_grid(self):
        for name in grafana.NAMES:
            width, height = size_of(os.path.join(self.folder, name + ".png"))
            board = int(re.search(r'id="board" style="height:(\d+)px', self.page(name)).group(1))
            self.assertEqual((width, height), (1568, board + 90))
            # A picture of nothing compresses to next to nothing.
            self.assertGreater(os.path.getsize(os.path.join(self.folder, name + ".png")), 50_000)

    def test_every_panel_is_on_it_and_none_is_empty_but_by_name(self):
        for name in grafana.NAMES:
            panels = [panel for panel in grafana.load(name)["panels"] if panel["type"] != "row"]
            self.assertEqual(self.page(name).count('class="panel"'), len(panels))
            empty = re.findall(r"<h3[^>]*>([^<]*)</h3><div class=\"empty\">", self.page(name))
            self.assertEqual(empty, [])

    def test_without_results_it_says_whence_they_come(self):
        done = subprocess.run([DRAW, "--results", os.path.join(self.folder, "nothing.json")], capture_output=True,
                              check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("run tests/dashboards/queries_test.py first", done.stderr.decode())


if __name__ == "__main__":
    unittest.main()
