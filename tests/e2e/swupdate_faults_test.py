# SPDX-License-Identifier: Apache-2.0
"""Installations by SWUpdate on a medium that goes bad: the right cause, its offset, no false one."""
import contextlib
import errno
import unittest

from exporter_process import run_exporter, wait_until
from faulty_medium import DETECTION_SECONDS, IMAGE, FaultyMedium, random_offset, two_offsets
from swupdate import SwupdateMachine, heard_by
from update import sync_device

CAUSES = {errno.EIO: "io_error", errno.ENODATA: "media_error", errno.ENOSPC: "no_space"}


class SwupdateFaults(FaultyMedium):
    def start_engine(self):
        self.machine = self.enter(SwupdateMachine(devices={"slot_b": self.slot.path}))
        self.image = self.machine.image("2.0", IMAGE)
        self.failures = 0
        return {"devices": self.machine.roles,
                "adapters": {"swupdate": {"progress_socket": self.machine.progress_socket,
                                          "control_socket": self.machine.control_socket}}}

    def seen(self):
        """The causes that the exporter has evidence of, in the last update."""
        update = max([*self.ota("history"), *self.open_updates()], key=lambda one: one["number"])
        return {entry["cause"] for entry in update.get("evidence", []) if entry["device"] == self.slot.name}

    def fail_an_installation(self, *causes):
        """SWUpdate 2022.12 does not wait for what it wrote to a raw device, and holds it for installed: whoever
        decides on the update hears of the cause from the exporter."""
        self.failures += 1
        self.machine.install(self.image, heard=heard_by(self.exporter))
        with contextlib.suppress(OSError):
            sync_device(self.slot.path)
        wait_until(lambda: self.seen() == set(causes), what=f"seed {self.seed}: {causes}")
        if self.open_updates():
            done = run_exporter("ota", "--socket", self.socket, "end", "failed")
            self.assertEqual(done.returncode, 0, done)
        scrape = self.exporter.scrape()
        self.assertEqual(scrape.value("ota_transactions_total", engine="swupdate", result="failed"), self.failures)
        return scrape

    def test_a_bad_block_is_the_cause_with_its_offset(self):
        for error, cause in CAUSES.items():
            with self.subTest(cause, seed=self.seed):
                bad = random_offset()
                self.slot.clear()
                self.slot.fail("write", bad, error)
                scrape = self.fail_an_installation(cause)
                self.assertEqual(scrape.value("ota_last_failure_info", engine="swupdate", cause=cause,
                                              device=self.slot.name), 1)
                ended = self.last()
                self.assertEqual((ended["cause"], ended["device"]), (cause, self.slot.name), self.exporter.log)
                self.check_offset(ended["offset"], bad)
                self.assertLessEqual(scrape.value("ota_cause_detection_seconds"), DETECTION_SECONDS)
        self.slot.clear()
        # The control: the same medium, healthy again, beside one that is not.
        self.other.fail("write", 0, errno.EIO)
        self.assertNotEqual(self.write(self.other.path), 0)
        self.assertEqual(self.machine.install(self.image, heard=heard_by(self.exporter)), 0, self.machine.log)
        wait_until(lambda: self.exporter.scrape().value("ota_state", engine="swupdate", state="rebooting"),
                   what="the reboot")
        self.assertEqual(self.exporter.scrape().sum("ota_failures_total", engine="swupdate"), self.failures)

    def test_of_two_faults_the_stronger_one_is_the_cause(self):
        first, second = two_offsets()
        self.slot.fail("write", first, errno.EIO)
        self.slot.fail("write", second, errno.ENODATA)
        self.fail_an_installation("io_error", "media_error")
        ended = self.last()
        self.assertEqual((ended["cause"], ended["device"]), ("media_error", self.slot.name),
                         f"seed {self.seed}: {self.exporter.log}")
        self.check_offset(ended["offset"], second)


if __name__ == "__main__":
    unittest.main()
