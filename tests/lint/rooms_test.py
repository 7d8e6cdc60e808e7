#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""rooms.py over small trees: one that is right, and each fault that it must find."""
import os
import tempfile
import unittest

import rooms


class Rooms(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.source = directory.name
        self.write("base/CMakeLists.txt", "room(base SOURCES error.cpp LIBRARIES tl::expected)\n")
        self.write("base/error.h", "#include <tl/expected.hpp>\n")
        self.write("base/error.cpp", '#include "base/error.h"\n')
        self.write("ota/model/CMakeLists.txt", "# The model.\nroom(ota_model SOURCES cause.cpp USES base\n"
                   "  PRIVATE_LIBRARIES ZLIB::ZLIB)\n")
        self.write("ota/model/cause.h", '#include "base/error.h"\n#include <string>\n')
        self.write("ota/model/cause.cpp", '#include "ota/model/cause.h"\n#include <zlib.h>\n')

    def write(self, path, text):
        path = os.path.join(self.source, "exporter", path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)

    def faults(self):
        return list(rooms.faults_of(self.source))

    def test_accepts_what_is_declared(self):
        self.assertEqual(self.faults(), [])

    def test_finds_an_upward_include(self):
        self.write("base/error.cpp", '#include "base/error.h"\n#include "ota/model/cause.h"\n')
        self.assertEqual(self.faults(), [
            "exporter/base/error.cpp:2: includes ota/model/cause.h, but room base does not declare ota_model"])

    def test_finds_rooms_that_use_each_other(self):
        self.write("base/error.cpp", '#include "ota/model/cause.h"\n')
        self.write("base/CMakeLists.txt", "room(base SOURCES error.cpp USES_PRIVATELY ota_model)\n")
        self.assertEqual(self.faults(), ["rooms use each other: base -> ota_model -> base"])

    def test_finds_a_library_that_is_not_declared(self):
        self.write("ota/model/cause.h", '#include "base/error.h"\n#include <nlohmann/json.hpp>\n')
        self.assertEqual(len(self.faults()), 1)
        self.assertIn("does not declare nlohmann_json::nlohmann_json", self.faults()[0])

    def test_finds_a_header_with_what_is_declared_for_sources(self):
        self.write("ota/model/cause.h", '#include "base/error.h"\n#include <zlib.h>\n')
        self.assertEqual(len(self.faults()), 1)
        self.assertIn("declares ZLIB::ZLIB for its sources only", self.faults()[0])

    def test_finds_what_is_declared_in_vain_or_too_widely(self):
        self.write("ota/model/cause.cpp", "")
        self.write("ota/model/cause.h", "")
        self.assertEqual(self.faults(), [
            "exporter/ota/model/CMakeLists.txt: room ota_model declares base publicly, but no header includes it",
            "exporter/ota/model/CMakeLists.txt: room ota_model declares ZLIB::ZLIB, but no source includes it"])

    def test_finds_a_source_that_is_not_built(self):
        self.write("base/log.cpp", "")
        self.assertEqual(self.faults(), ["exporter/base/CMakeLists.txt: log.cpp is not among the room's sources"])


if __name__ == "__main__":
    unittest.main()
