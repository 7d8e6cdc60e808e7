# SPDX-License-Identifier: Apache-2.0
"""One real installation by RAUC, from the first write to the confirmed boot, as the metrics tell it."""
import json
import os
import subprocess
import tempfile
import unittest

from exporter_process import ExporterProcess, run_exporter, wait_until
from machine import LoopDevice
from rauc import MIB, RaucMachine
from update import Boot, follow, reboot_in_a_namespace, seconds_since_boot, sync_device, written_bytes

SIZE = 24 * MIB
WORDS = ("exact", "inferred", "other")


class RaucUpdate(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="kernel_exporter_ota_")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.socket = os.path.join(self.folder, "ota.sock")
        self.start_machine()

    def start_machine(self, **options):
        self.machine = self.enterContext(RaucMachine(size=SIZE + 8 * MIB, **options))
        self.config = os.path.join(self.folder, "ota.yaml")
        with open(self.config, "w", encoding="utf-8") as file:
            json.dump({"socket": self.socket, "ledger": os.path.join(self.folder, "ota.ledger"),
                       "adapters": {"rauc": {"bus": self.machine.address}}}, file)

    def exporter(self, *arguments):
        return ExporterProcess(arguments=["--ota.config", self.config, *arguments])

    def history(self):
        return json.loads(run_exporter("ota", "--socket", self.socket, "history", "--json").stdout)

    def wait_for_state(self, exporter, state):
        return wait_until(lambda: (scrape := exporter.scrape()).value("ota_state", engine="rauc", state=state) and scrape,
                          what=f"state {state}")

    def written(self, scrape, device):
        return {word: scrape.value("ota_written_bytes_total", device=os.path.basename(device), role="slot",
                                   attribution=word) or 0 for word in WORDS}

    def states_of(self, exporter):
        """The states in the order of the log, each once in a row."""
        lines = exporter.lines_with(r"ota transaction=\d+ id=rauc-\S+ engine=rauc state=")
        states = [line.split("state=")[1] for line in lines]
        return [state for at, state in enumerate(states) if at == 0 or states[at - 1] != state]

    def test_an_update_is_followed_from_the_first_write_to_the_confirmed_boot(self):
        device = self.machine.target_device
        bundle = self.machine.bundle("2.0", SIZE)
        with LoopDevice(8 * MIB) as bystander, self.exporter() as exporter:
            self.assertEqual(exporter.scrape().value("ota_transactions_total", engine="rauc", result="succeeded"), 0)
            before = written_bytes(device)
            began = seconds_since_boot()
            with self.machine.start_install(bundle) as client:
                scrape, under_way = follow(exporter, "rauc")
                self.assertEqual(client.wait(60), 0)
                client.stdout.read()
            self.write_directly(bystander.path, 4 * MIB)
            # The device has no writeback left: what was written is final, and so are the metrics of it.
            sync_device(device)
            truth = written_bytes(device) - before
            scrape = exporter.scrape()
            written = self.written(scrape, device)
            self.assertGreaterEqual(truth, SIZE)
            self.assertAlmostEqual(sum(written.values()), truth, delta=truth // 100)
            self.assertGreaterEqual(written["exact"], SIZE * 99 // 100, written)
            self.assertEqual(self.written(scrape, bystander.path), dict.fromkeys(WORDS, 0))
            infos = scrape.series("ota_transaction_info", engine="rauc")
            self.assertEqual([(labels["to"], value) for labels, value in infos], [("2.0", 1)])
            self.assertRegex(infos[0][0]["txid"], r"^rauc-\d{8}T\d{6}Z$")
            self.assertEqual(scrape.value("ota_progress_ratio", engine="rauc"), 1)
            self.assertEqual(self.states_of(exporter), ["idle", "verifying", "applying", "rebooting"])
            # Installed is not succeeded.
            self.assertEqual(scrape.sum("ota_transactions_total", engine="rauc"), 0)
            reboot_in_a_namespace()
            self.assertEqual(exporter.scrape().series("ota_reboot_triggers_total"), [({"command": "restart"}, 1)])
        before_boot = seconds_since_boot() - began
        self.machine.stop_service()
        boot = Boot(self.folder, "1")
        with self.exporter("--path.procfs", boot.path) as exporter:
            self.wait_for_state(exporter, "confirming")
            self.machine.boot("B")
            confirming = seconds_since_boot()
            self.machine.mark("good")
            scrape = wait_until(lambda: (now := exporter.scrape()).value(
                "ota_transactions_total", engine="rauc", result="succeeded") and now, what="the confirmation")
            confirmed = seconds_since_boot()
            self.assertEqual(scrape.sum("ota_transactions_total", engine="rauc"), 1)
            self.assertEqual(scrape.sum("ota_failures_total", engine="rauc"), 0)
            self.assertEqual(scrape.value("ota_last_result_info", engine="rauc", to="2.0", result="succeeded",
                                          cause="none"), 1)
            ended = self.history()[-1]
            self.assertEqual([(entry["path"], entry["role"]) for entry in ended["devices"]], [(device, "slot")])
            self.assertEqual(ended["cgroup"], self.machine.cgroup)
            seconds = ended["state_ns"]
            self.assertEqual(set(seconds) - {"idle"}, {"verifying", "applying", "rebooting", "confirming"})
            self.assertAlmostEqual(sum(seconds.values()), ended["elapsed_ns"], delta=1000)
            took = scrape.value("ota_last_duration_seconds", engine="rauc")
            self.assertEqual(took, ended["elapsed_ns"] / 1e9)
            # For the exporter the new boot was the machine's own.
            self.assertGreaterEqual(took, under_way + confirming)
            self.assertLessEqual(took, before_boot + confirmed)
        with self.exporter("--path.procfs", boot.path) as exporter:
            scrape = exporter.scrape()
            self.assertEqual(scrape.value("ota_transactions_total", engine="rauc", result="succeeded"), 1)
            self.assertEqual(scrape.value("ota_last_duration_seconds", engine="rauc"), took)

    def test_a_service_in_the_root_cgroup_is_told_by_its_process(self):
        self.start_machine(own_cgroup=False)
        device = self.machine.target_device
        with self.exporter() as exporter:
            self.machine.install(self.machine.bundle("2.0", SIZE))
            self.wait_for_state(exporter, "rebooting")
            sync_device(device)
            written = self.written(exporter.scrape(), device)
            self.assertGreaterEqual(written["exact"], SIZE * 99 // 100, written)
            self.write_directly(device, 4 * MIB)
            self.assertEqual(self.written(exporter.scrape(), device), {**written, "other": written["other"] + 4 * MIB})
            self.assertTrue(exporter.lines_with(f"following the process {self.machine.service.pid}"))

    def test_the_old_slot_after_a_boot_is_a_rollback(self):
        with self.exporter() as exporter:
            self.machine.install(self.machine.bundle("2.0", MIB))
            self.wait_for_state(exporter, "rebooting")
        boot = Boot(self.folder, "1")
        with self.exporter("--path.procfs", boot.path) as exporter:
            scrape = wait_until(lambda: (now := exporter.scrape()).value(
                "ota_transactions_total", engine="rauc", result="rolled_back") and now, what="the rollback")
            self.assertEqual(scrape.sum("ota_transactions_total", engine="rauc"), 1)

    def test_a_corrupt_bundle_is_a_failed_verification(self):
        bundle = self.machine.bundle("2.0", 8 * MIB)
        self.machine.corrupt(bundle)
        with self.exporter() as exporter:
            self.assertIn("signature verification failed", self.machine.install(bundle, check=False))
            scrape = wait_until(lambda: (now := exporter.scrape()).value(
                "ota_transactions_total", engine="rauc", result="failed") and now, what="the failure")
            self.assertEqual(scrape.value("ota_failures_total", engine="rauc", cause="verify_failed"), 1)
            self.assertEqual(scrape.sum("ota_failures_total", engine="rauc"), 1)
            self.assertEqual(sum(self.written(scrape, self.machine.target_device).values()), 0)
            self.assertIn("signature verification failed", self.history()[-1]["detail"])

    def test_a_service_or_a_bus_that_comes_later_is_followed(self):
        self.machine.stop_service()
        self.machine.bus.stop()
        with self.exporter() as exporter:
            exporter.wait_for_line(r"rauc: unix:path=.*retrying")
            connected = "kernel_exporter_ota_adapter_connected"
            self.assertEqual(exporter.scrape().value(connected, engine="rauc"), 0)
            self.machine.bus.start()
            self.machine.start_service()
            wait_until(lambda: exporter.scrape().value(connected, engine="rauc"), what="the service")
            bundle = self.machine.bundle("2.0", MIB)
            self.machine.install(bundle)
            self.wait_for_state(exporter, "rebooting")

    @staticmethod
    def write_directly(path, size):
        subprocess.run(["dd", "if=/dev/zero", f"of={path}", "bs=1M", f"count={size // MIB}", "oflag=direct"],
                       check=True, capture_output=True)


if __name__ == "__main__":
    unittest.main()
