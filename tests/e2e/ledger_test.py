# SPDX-License-Identifier: Apache-2.0
"""A ledger that cannot be written: its disk full, its file system read-only, and what is known when that is over."""
import json
import os
import signal
import subprocess
import tempfile
import unittest

from exporter_process import ExporterProcess, run_exporter, wait_until
from machine import MIB, LoopDevice, run

FULL = r"ledger {}(\.new)?: No space left on device \(free space on its file system\); continuing without the ledger"
READ_ONLY = (r"ledger {}(\.new)?: Read-only file system \(mount its file system writable; .*\); "
             "continuing without the ledger")
# Twice what the exporter waits before it tries again, and time for a busy machine.
SECONDS = 60


class Ledger(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="kernel_exporter_ledger_")
        self.addCleanup(folder.cleanup)
        self.place = os.path.join(folder.name, "place")
        os.mkdir(self.place)
        run("mount", "-t", "tmpfs", "-o", "size=64k", "none", self.place)
        self.addCleanup(run, "umount", self.place)
        self.filler = os.path.join(self.place, "filler")
        self.configure(folder.name, os.path.join(self.place, "ota.ledger"))

    def configure(self, folder, ledger):
        self.ledger = ledger
        self.socket = os.path.join(folder, "ota.sock")
        self.config = os.path.join(folder, "ota.yaml")
        with open(self.config, "w", encoding="utf-8") as file:
            json.dump({"socket": self.socket, "ledger": ledger, "engines": ["custom"]}, file)

    def exporter(self):
        return ExporterProcess(arguments=["--ota.config", self.config])

    def fail_an_update(self):
        """Returns the warnings."""
        said = ""
        for words in (("begin", "--id", "a", "--engine", "custom"), ("end", "failed")):
            done = run_exporter("ota", "--socket", self.socket, *words)
            self.assertEqual(done.returncode, 0, done)
            said += done.stderr.decode()
        return said

    def failed(self, exporter):
        scrape = exporter.scrape()
        causes = scrape.value("ota_failures_total", engine="custom", cause="engine_error")
        self.assertEqual(scrape.value("ota_transactions_total", engine="custom", result="failed"), causes)
        return causes

    @staticmethod
    def is_writable(exporter):
        return exporter.scrape().value("kernel_exporter_ota_ledger_writable") == 1

    def fill(self, exporter):
        """Until the ledger cannot be written any more; how many updates it has, and how many there were."""
        self.assertEqual(self.fail_an_update(), "")
        self.assertTrue(self.is_writable(exporter))
        with open(self.filler, "wb", buffering=0) as file:
            with self.assertRaisesRegex(OSError, "No space left"):
                while True:
                    file.write(bytes(4096))
        updates, known, said = 1, 1, ""
        # There is room in the last page of the ledger for a few.
        while self.is_writable(exporter):
            known = updates
            self.assertLess(updates, 40)
            said = self.fail_an_update()
            updates += 1
        exporter.wait_for_line(FULL.format(self.ledger))
        self.assertRegex(said, "warning: ledger .*: No space left on device")
        return known, updates

    def test_the_exporter_goes_on_with_a_full_disk_and_makes_up_for_it(self):
        with self.exporter() as exporter:
            _, updates = self.fill(exporter)
            self.fail_an_update()
            updates += 1
            self.assertEqual(self.failed(exporter), updates)
            self.assertEqual(len(exporter.lines_with("continuing without the ledger")), 1)
            self.assertEqual(exporter.lines_with("is writable again"), [])
            os.unlink(self.filler)
            exporter.wait_for_line(f"ledger {self.ledger} is writable again", SECONDS)
            self.assertTrue(self.is_writable(exporter))
            exporter.send(signal.SIGKILL)
            exporter.wait()
        with self.exporter() as exporter:
            self.assertEqual(self.failed(exporter), updates)
            self.assertTrue(self.is_writable(exporter))
            self.assertNotIn("kernel_exporter_ota_ledger_records_skipped_total", exporter.scrape().types)

    def test_an_exporter_that_is_stopped_uses_the_room_that_was_made(self):
        with self.exporter() as exporter:
            _, updates = self.fill(exporter)
            os.unlink(self.filler)
        exporter.wait_for_line(f"ledger {self.ledger} is writable again")
        with self.exporter() as exporter:
            self.assertEqual(self.failed(exporter), updates)

    def test_what_a_full_disk_has_not_taken_is_not_known_after_a_restart(self):
        with self.exporter() as exporter:
            known, updates = self.fill(exporter)
            self.assertLess(known, updates)
        with self.exporter() as exporter:
            self.assertEqual(self.failed(exporter), known)
            self.assertFalse(self.is_writable(exporter))
            exporter.wait_for_line(FULL.format(self.ledger))

    def test_a_ledger_that_is_read_only_from_the_start(self):
        with self.exporter() as exporter:
            self.assertEqual(self.fail_an_update(), "")
        run("mount", "-o", "remount,ro", self.place)
        with self.exporter() as exporter:
            exporter.wait_for_line(READ_ONLY.format(self.ledger))
            self.assertEqual(self.failed(exporter), 1)
            self.assertRegex(self.fail_an_update(), "warning: ledger .*: Read-only file system")
            self.assertFalse(self.is_writable(exporter))
            self.assertEqual(self.failed(exporter), 2)
            run("mount", "-o", "remount,rw", self.place)
            exporter.wait_for_line(f"ledger {self.ledger} is writable again", SECONDS)
            self.assertTrue(self.is_writable(exporter))
            exporter.send(signal.SIGKILL)
            exporter.wait()
        with self.exporter() as exporter:
            self.assertEqual(self.failed(exporter), 2)

    def warnings_of_its_place(self, devices=None):
        with open(self.config, encoding="utf-8") as file:
            config = {**json.load(file), "devices": devices or {}}
        with open(self.config, "w", encoding="utf-8") as file:
            json.dump(config, file)
        with self.exporter() as exporter:
            self.fail_an_update()
        return exporter.lines_with("the ledger .* is on")

    def test_a_ledger_in_memory_is_warned_of(self):
        line, = self.warnings_of_its_place()
        self.assertIn(f"warning: the ledger {self.ledger} is on a tmpfs, which a boot or an update may discard", line)
        self.assertIn("move it with `ledger` in --ota.config", line)

    def test_a_ledger_on_an_overlay_is_warned_of(self):
        layers = {name: os.path.join(self.place, name) for name in ("lower", "upper", "work", "merged")}
        for folder in layers.values():
            os.mkdir(folder)
        run("mount", "-t", "overlay", "-o", "lowerdir={lower},upperdir={upper},workdir={work}".format(**layers),
            "overlay", layers["merged"])
        self.addCleanup(run, "umount", layers["merged"])
        self.configure(os.path.dirname(self.place), os.path.join(layers["merged"], "new", "ota.ledger"))
        line, = self.warnings_of_its_place()
        self.assertIn("is on an overlay", line)

    def test_a_ledger_on_a_slot_is_warned_of(self):
        mount = os.path.join(self.place, "state")
        os.mkdir(mount)
        self.configure(os.path.dirname(self.place), os.path.join(mount, "folder", "ota.ledger"))
        with LoopDevice(8 * MIB) as loop, LoopDevice() as other:
            run("mkfs.ext4", "-q", "-F", loop.path)
            run("mount", loop.path, mount)
            self.addCleanup(run, "umount", mount)
            at_start, *_ = self.warnings_of_its_place({loop.path: "slot"})
            self.assertIn(f"warning: the ledger {self.ledger} is on {loop.path}, which updates write or leave behind",
                          at_start)
            self.assertEqual(self.warnings_of_its_place({other.path: "slot"}), [])
            self.doCleanups()

    def test_a_file_system_that_the_kernel_makes_read_only(self):
        """As on a vehicle: ext4 finds itself damaged while the ledger is open. Its mount point is read-only, too."""
        mount = os.path.join(self.place, "state")
        os.mkdir(mount)
        run("mount", "-o", "remount,ro", self.place)
        self.configure(os.path.dirname(self.place), os.path.join(mount, "ota.ledger"))
        with LoopDevice(8 * MIB) as loop:
            run("mkfs.ext4", "-q", "-F", loop.path)
            run("mount", "-o", "errors=remount-ro", loop.path, mount)
            try:
                self.check_recovery_of(mount, loop)
            finally:
                self.unmount(mount)

    def check_recovery_of(self, mount, loop):
        with self.exporter() as exporter:
            self.assertEqual(self.fail_an_update(), "")
            self.assertTrue(self.is_writable(exporter))
            with open(f"/sys/fs/ext4/{loop.name}/trigger_fs_error", "w", encoding="ascii") as file:
                file.write("1")
            self.assertRegex(self.fail_an_update(), "warning: ledger .*: Read-only file system")
            exporter.wait_for_line(READ_ONLY.format(self.ledger))
            self.assertFalse(self.is_writable(exporter))
            self.assertEqual(self.failed(exporter), 2)
            self.unmount(mount)
            run("mount", loop.path, mount)
            exporter.wait_for_line(f"ledger {self.ledger} is writable again", SECONDS)
            exporter.send(signal.SIGKILL)
            exporter.wait()
        with self.exporter() as exporter:
            self.assertEqual(self.failed(exporter), 2)
            self.assertTrue(self.is_writable(exporter))

    @staticmethod
    def unmount(mount):
        """The exporter may have its try at the ledger just now."""
        wait_until(lambda: subprocess.run(["umount", mount], capture_output=True, check=False).returncode == 0,
                   what=f"unmounting {mount}")


class Neighbours(unittest.TestCase):
    """Two exporters, each with a socket of its own, that were given the same ledger."""

    def setUp(self):
        self.folder = self.enterContext(tempfile.TemporaryDirectory(prefix="kernel_exporter_ledger_"))
        self.ledger = os.path.join(self.folder, "ota.ledger")

    def exporter(self, name):
        config = os.path.join(self.folder, f"{name}.yaml")
        with open(config, "w", encoding="utf-8") as file:
            json.dump({"socket": self.socket(name), "ledger": self.ledger, "engines": ["custom"]}, file)
        return self.enterContext(ExporterProcess(arguments=["--ota.config", config]))

    def socket(self, name):
        return os.path.join(self.folder, f"{name}.sock")

    def begin(self, name):
        done = run_exporter("ota", "--socket", self.socket(name), "begin", "--id", name, "--engine", "custom")
        self.assertEqual(done.returncode, 0, done)

    def ids(self):
        history = run_exporter("ota", "history", "--ledger", self.ledger, "--json")
        self.assertEqual(history.returncode, 0, history)
        return [update["id"] for update in json.loads(history.stdout)]

    def test_the_second_leaves_the_ledger_of_the_first_alone(self):
        first = self.exporter("first")
        second = self.exporter("second")
        second.wait_for_line(rf"ledger {self.ledger}: in use by another exporter \(process {first.process.pid}\)")
        self.begin("first")
        self.begin("second")
        self.assertTrue(Ledger.is_writable(first))
        self.assertFalse(Ledger.is_writable(second))
        self.assertEqual(self.ids(), ["first"])

    def test_a_lock_that_another_user_left_behind_still_locks(self):
        lock = self.ledger + ".lock"
        with open(lock, "w", encoding="utf-8"):
            pass
        os.chmod(lock, 0o444)
        os.chown(lock, 65534, 65534)
        first = self.exporter("first")
        self.begin("first")
        self.assertTrue(Ledger.is_writable(first))
        self.assertFalse(Ledger.is_writable(self.exporter("second")))
        self.assertEqual(self.ids(), ["first"])


if __name__ == "__main__":
    unittest.main()
