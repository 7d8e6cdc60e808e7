#!/usr/bin/python3 -B
# SPDX-License-Identifier: Apache-2.0
"""The licence of every source file, and that a missing or wrong one is found."""
import os
import unittest

import spdx


class Licences(unittest.TestCase):
    def test_every_source_file_states_its_licence(self):
        files = list(spdx.sources())
        self.assertGreater(len(files), 400)
        self.assertEqual([fault for path, text in files if (fault := spdx.fault_of(path, text))], [])

    def test_every_licence_that_is_stated_has_its_text(self):
        for name in {word for licence in (spdx.APACHE, spdx.BPF) for word in licence.split(" OR ")}:
            with open(os.path.join(spdx.ROOT, "LICENSES", name + ".txt"), encoding="utf-8") as file:
                self.assertGreater(len(file.read()), 1000, name)

    def test_a_missing_line_is_found_and_added(self):
        for path, before, after in (
                ("exporter/main.cpp", "int main() {}\n", "// SPDX-License-Identifier: Apache-2.0\nint main() {}\n"),
                ("run", "#!/bin/sh\n", "#!/bin/sh\n# SPDX-License-Identifier: Apache-2.0\n"),
                ("bpf/a.h", "int a;\n", "/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause */\nint a;\n")):
            with self.subTest(path):
                self.assertIn(path, spdx.fault_of(path, before))
                self.assertEqual(spdx.fixed(path, before), after)
                self.assertIsNone(spdx.fault_of(path, after))

    def test_a_wrong_licence_is_found_and_replaced(self):
        for path in ("bpf/a.bpf.c", "tests/probe/fixtures/a.bpf.c"):
            wrong = "// SPDX-License-Identifier: Apache-2.0\n"
            self.assertIn("GPL-2.0-only OR BSD-3-Clause", spdx.fault_of(path, wrong))
            self.assertEqual(spdx.fixed(path, wrong), "// SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause\n")

    def test_a_file_that_is_no_source_needs_none(self):
        self.assertIsNone(spdx.fault_of("README.md", "# Title\n"))
        self.assertIsNone(spdx.fault_of("dashboards/update.json", "{}\n"))


if __name__ == "__main__":
    unittest.main()
