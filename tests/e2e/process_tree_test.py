# SPDX-License-Identifier: Apache-2.0
"""An update that is a process and what that started, where there is no cgroup to tell its writes by."""
import os
import signal
import subprocess
import tempfile
import unittest

from exporter_process import ExporterProcess, run_exporter
from machine import LoopDevice

MIB = 1 << 20
# Tells of itself, then does what it is told, a line each: its descendant writes a MiB past the page cache.
ENGINE = """while read -r device; do
  sh -c "dd if=/dev/zero of=$device bs=1M count=1 oflag=direct 2>/dev/null; true"
  echo done
done"""


class Engine(subprocess.Popen):
    def __init__(self):
        super().__init__(["sh", "-c", ENGINE], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def __exit__(self, *arguments):
        self.kill()
        super().__exit__(*arguments)

    def write(self, device):
        self.stdin.write(device.encode() + b"\n")
        self.stdin.flush()
        assert self.stdout.readline() == b"done\n"


class ProcessTree(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="kernel_exporter_ota_")
        self.addCleanup(folder.cleanup)
        self.socket = os.path.join(folder.name, "ota.sock")
        self.config = os.path.join(folder.name, "ota.yaml")
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(f"socket: {self.socket}\nledger: {folder.name}/ota.ledger\nengines: [custom]\n")

    def exporter(self, wrapper=()):
        return ExporterProcess(arguments=["--ota.config", self.config], wrapper=wrapper)

    def begin(self, device, process):
        return run_exporter("ota", "--socket", self.socket, "begin", "--id", "a", "--engine", "custom",
                            "--device", f"{device}=slot", "--process", str(process)).stderr.decode()

    @staticmethod
    def written(exporter):
        scrape = exporter.scrape()
        return tuple(scrape.sum("ota_written_bytes_total", attribution=word) // MIB
                     for word in ("exact", "other", "inferred"))

    def test_what_its_descendants_write_is_its_own_also_after_a_restart(self):
        with LoopDevice(4 * MIB) as loop, Engine() as engine, Engine() as stranger:
            with self.exporter() as exporter:
                self.assertEqual(self.begin(loop.path, engine.pid), "")
                engine.write(loop.path)
                stranger.write(loop.path)
                self.assertEqual(self.written(exporter), (1, 1, 0))
                exporter.send(signal.SIGKILL)
                exporter.wait()
            with self.exporter() as exporter:
                exporter.wait_for_line(f"following the process {engine.pid}")
                engine.write(loop.path)
                engine.write(loop.path)
                stranger.write(loop.path)
                self.assertEqual(self.written(exporter), (2, 1, 0))

    def test_a_process_that_has_ended_is_told(self):
        with LoopDevice(4 * MIB) as loop, self.exporter() as exporter:
            with Engine() as engine:
                pass
            self.assertIn(f"process {engine.pid} does not exist", self.begin(loop.path, engine.pid))
            with Engine() as stranger:
                stranger.write(loop.path)
            # Nobody is known to write for this update: then anybody may.
            self.assertEqual(self.written(exporter), (0, 0, 1))

    def test_an_exporter_that_calls_processes_by_other_numbers_says_so(self):
        with LoopDevice(4 * MIB) as loop, Engine() as engine, \
                self.exporter(["unshare", "--pid", "--fork", "--kill-child"]) as exporter:
            self.assertIn("cannot be followed, because the exporter runs in its own PID namespace",
                          self.begin(loop.path, engine.pid))
            engine.write(loop.path)
            self.assertEqual(self.written(exporter), (0, 0, 1))
            exporter.send(signal.SIGKILL)
            exporter.wait()


if __name__ == "__main__":
    unittest.main()
