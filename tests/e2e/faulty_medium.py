# SPDX-License-Identifier: Apache-2.0
"""What the tests of installations on a medium that goes bad have in common, whatever engine installs."""
import json
import os
import random
import subprocess
import tempfile
import unittest

from exporter_process import ExporterProcess, run_exporter, wait_until
from fault_device import FaultDevice
from machine import MIB

IMAGE = 8 * MIB
DETECTION_SECONDS = 0.5


def random_offset():
    return random.randrange(IMAGE // 4096) * 4096


def two_offsets():
    """In requests of their own."""
    while True:
        one, other = random_offset(), random_offset()
        if abs(one - other) >= 2 * MIB:
            return one, other


class FaultyMedium(unittest.TestCase):
    """slot: the device that an image of IMAGE bytes is installed on; other: one that no update has to do with."""

    @classmethod
    def setUpClass(cls):
        cls.seed = random.randrange(1 << 32)
        random.seed(cls.seed)

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="kernel_exporter_ota_")
        self.addCleanup(folder.cleanup)
        self.slot = self.enter(FaultDevice(IMAGE + 8 * MIB))
        self.other = self.enter(FaultDevice(8 * MIB))
        self.socket = os.path.join(folder.name, "ota.sock")
        self.ledger = os.path.join(folder.name, "ota.ledger")
        self.config = os.path.join(folder.name, "ota.yaml")
        with open(self.config, "w", encoding="utf-8") as file:
            json.dump({"socket": self.socket, "ledger": self.ledger, **self.start_engine()}, file)
        self.start_exporter()
        self.addCleanup(self.slot.release)

    def start_engine(self):
        """Returns what the exporter's configuration says of it."""
        raise NotImplementedError

    def start_exporter(self, *arguments):
        self.exporter = self.enter(ExporterProcess(arguments=["--ota.config", self.config, *arguments]))

    def enter(self, manager):
        value = manager.__enter__()
        self.addCleanup(manager.__exit__, None, None, None)
        return value

    def ota(self, *arguments):
        return json.loads(run_exporter("ota", "--socket", self.socket, *arguments, "--json").stdout)

    def last(self):
        return self.ota("history")[-1]

    def open_updates(self):
        return self.ota("status")

    def check_offset(self, offset, bad):
        """It is where the request began that touched what was bad, by what the medium was asked for."""
        wait_until(lambda: offset in self.slot.failed_requests(bad),
                   what=f"seed {self.seed}: a failed request from {offset} over {bad} in {self.slot.hits}")

    @staticmethod
    def write(path):
        return subprocess.run(["dd", "if=/dev/zero", f"of={path}", "bs=64k", "count=1", "oflag=direct"],
                              capture_output=True, check=False).returncode
