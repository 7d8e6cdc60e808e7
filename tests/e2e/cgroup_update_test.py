# SPDX-License-Identifier: Apache-2.0
"""An update that nobody speaks for: its engine works while a cgroup that matches a glob has processes."""
import json
import os
import subprocess
import tempfile
import unittest

from exporter_process import ExporterProcess, run_exporter, wait_until
from machine import MIB, LoopDevice, cgroup2_mount, remove_cgroup
from update import Boot, sync_device, written_bytes

WORDS = ("exact", "inferred", "other")
NAME = f"kernel_exporter_vendor_{os.getpid()}"


class Engine:
    """A shell in a cgroup of its own, in one that is inside it, which writes when it is told to."""

    def __init__(self, name):
        self.path = os.path.join(cgroup2_mount(), name)
        self._process = None

    def __enter__(self):
        os.makedirs(os.path.join(self.path, "inner"))
        return self

    def __exit__(self, *_):
        self.end()
        remove_cgroup(os.path.join(self.path, "inner"))
        remove_cgroup(self.path)

    def start(self):
        words = f'echo $$ >{self.path}/inner/cgroup.procs && echo in && while read -r line; do $line 2>/dev/null; echo $?; done'
        self._process = subprocess.Popen(["sh", "-c", words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout.readline() == "in\n"

    def _run(self, *command):
        self._process.stdin.write(" ".join(command) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def write(self, device, first, mebibytes, *how):
        return self._run("dd", "if=/dev/zero", f"of={device}", "bs=1M", f"seek={first}", f"count={mebibytes}",
                         "conv=notrunc", *how)

    def read_page(self, device, offset):
        return self._run("dd", f"if={device}", "of=/dev/null", "bs=4096", f"skip={offset // 4096}", "count=1",
                         "iflag=direct")

    def end(self):
        if self._process:
            self._process.stdin.close()
            self._process.wait(10)
            self._process.stdout.close()
            self._process = None


class CgroupUpdate(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="kernel_exporter_ota_")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.socket = os.path.join(self.folder, "ota.sock")
        self.loop = self.enter(LoopDevice(32 * MIB))
        self.vendor = self.enter(Engine(f"{NAME}-1.service"))
        self.other = self.enter(Engine(f"{NAME}.slice"))
        self.config = os.path.join(self.folder, "ota.yaml")
        with open(self.config, "w", encoding="utf-8") as file:
            json.dump({"socket": self.socket, "ledger": os.path.join(self.folder, "ota.ledger"),
                       "devices": {self.loop.path: "slot"},
                       "adapters": {"cgroup": [{"engine": "vendor", "glob": f"/{NAME}*.service"}]}}, file)

    def enter(self, manager):
        value = manager.__enter__()
        self.addCleanup(manager.__exit__, None, None, None)
        return value

    def exporter(self, *arguments):
        return ExporterProcess(arguments=["--ota.config", self.config, *arguments])

    def ota(self, *arguments):
        done = run_exporter("ota", "--socket", self.socket, *arguments)
        self.assertEqual(done.returncode, 0, done)
        return done.stdout.decode()

    def history(self):
        return json.loads(self.ota("history", "--json"))

    @staticmethod
    def states(scrape):
        return {labels["state"] for labels, value in scrape.series("ota_state", engine="vendor") if value}

    @staticmethod
    def results(scrape):
        return {labels["result"]: value
                for labels, value in scrape.series("ota_transactions_total", engine="vendor") if value}

    def wait_for(self, exporter, told, value):
        """The first scrape that tells it."""
        return wait_until(lambda: told(scrape := exporter.scrape()) == value and scrape, seconds=30, what=f"{value}")

    def written(self, exporter):
        scrape = exporter.scrape()
        return {word: scrape.value("ota_written_bytes_total", device=self.loop.name, role="slot", attribution=word) or 0
                for word in WORDS}

    def begun(self, exporter):
        return len(set(line.split("transaction=")[1].split()[0]
                       for line in exporter.lines_with(r"ota transaction=\d+ id=vendor-\S+ engine=vendor state=")))

    def test_an_update_from_its_first_process_to_the_confirmed_boot(self):
        device = self.loop.path
        with self.exporter() as exporter:
            self.other.start()
            self.assertEqual(self.other.write(device, 0, 1, "oflag=direct"), 0)
            self.assertEqual(self.states(exporter.scrape()), {"idle"})
            self.vendor.start()
            scrape = self.wait_for(exporter, self.states, {"applying"})
            self.assertEqual([labels["txid"].split("-")[0] for labels, _ in scrape.series("ota_transaction_info")],
                             ["vendor"])
            exporter.wait_for_line(f"ota transaction=1: following the cgroup /{NAME}-1.service")
            before = written_bytes(device)
            self.assertEqual(self.vendor.write(device, 0, 4, "oflag=direct"), 0)
            self.assertEqual(self.vendor.write(device, 4, 5), 0)
            self.assertEqual(self.other.write(device, 16, 2, "oflag=direct"), 0)
            self.assertEqual(self.other.write(device, 20, 1), 0)
            sync_device(device)
            self.assertEqual(self.written(exporter), {"exact": 9 * MIB, "inferred": 0, "other": 3 * MIB})
            self.assertEqual(written_bytes(device) - before, 12 * MIB)
            # The control: what is at work in no cgroup of the engine does not keep its update open.
            self.vendor.end()
            scrape = self.wait_for(exporter, self.states, {"rebooting"})
            self.assertEqual(self.results(scrape), {})
            self.assertEqual(scrape.value("ota_progress_ratio", engine="vendor"), 1)
            self.assertEqual(self.begun(exporter), 1)
        self.other.end()
        with self.exporter("--path.procfs", Boot(self.folder, "1").path) as exporter:
            self.assertEqual(self.states(exporter.scrape()), {"confirming"})
            self.ota("end", "confirmed")
            scrape = exporter.scrape()
            self.assertEqual((self.states(scrape), self.results(scrape)), ({"idle"}, {"succeeded": 1}))
            self.assertEqual([(entry["engine"], entry["result"]) for entry in self.history()], [("vendor", "succeeded")])

    def test_an_update_whose_device_has_failed(self):
        with self.exporter() as exporter:
            self.vendor.start()
            self.wait_for(exporter, self.states, {"applying"})
            self.assertEqual(self.vendor.write(self.loop.path, 0, 1, "oflag=direct"), 0)
            self.loop.truncate(8 * MIB)
            self.assertNotEqual(self.vendor.read_page(self.loop.path, 12 * MIB), 0)
            self.vendor.end()
            scrape = self.wait_for(exporter, self.results, {"failed": 1})
            self.assertEqual(self.states(scrape), {"idle"})
            self.assertEqual(scrape.value("ota_failures_total", engine="vendor", cause="io_error"), 1)
            self.assertEqual(scrape.value("ota_last_failure_offset_bytes"), 12 * MIB)
            self.assertEqual(self.history()[-1]["cause"], "io_error")

    def test_an_update_that_is_under_way_when_the_exporter_comes_and_goes_on_without_it(self):
        device = self.loop.path
        self.vendor.start()
        with self.exporter() as exporter:
            self.wait_for(exporter, self.states, {"applying"})
        self.assertEqual(self.vendor.write(device, 0, 1, "oflag=direct"), 0)  # seen by nobody
        with self.exporter() as exporter:
            self.wait_for(exporter, self.states, {"applying"})
            exporter.wait_for_line("ota transaction=1: following the cgroup")
            self.assertEqual(self.vendor.write(device, 1, 2, "oflag=direct"), 0)
            self.assertEqual(self.written(exporter), {"exact": 2 * MIB, "inferred": 0, "other": 0})
        self.vendor.end()
        with self.exporter() as exporter:
            self.wait_for(exporter, self.states, {"rebooting"})
            self.assertIn("transaction=1 ", exporter.lines_with("state=rebooting")[0])


if __name__ == "__main__":
    unittest.main()
