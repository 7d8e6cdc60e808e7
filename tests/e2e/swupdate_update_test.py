# SPDX-License-Identifier: Apache-2.0
"""Real installations by SWUpdate, streamed over HTTP, as the metrics tell them."""
import json
import os
import signal
import tempfile
import unittest

from exporter_process import ExporterProcess, run_exporter, wait_until
from swupdate import MIB, SwupdateMachine, heard_by
from update import Boot, follow, reboot_in_a_namespace, seconds_since_boot, sync_device, writes, written_bytes

SIZE = 24 * MIB
DATA = 4 * MIB
STATES = ["idle", "downloading", "verifying", "applying", "rebooting", "confirming"]
SECOND = 10**9


class SwupdateUpdate(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="kernel_exporter_ota_")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.socket = os.path.join(self.folder, "ota.sock")
        self.machine = SwupdateMachine()
        self.machine.__enter__()
        self.addCleanup(self.machine.__exit__)

    def exporter(self, *arguments, **thresholds):
        config = os.path.join(self.folder, "ota.yaml")
        with open(config, "w", encoding="utf-8") as file:
            json.dump({"socket": self.socket, "ledger": os.path.join(self.folder, "ota.ledger"),
                       "devices": self.machine.roles, "thresholds": thresholds,
                       "adapters": {"swupdate": {"progress_socket": self.machine.progress_socket,
                                                 "control_socket": self.machine.control_socket}}}, file)
        return ExporterProcess(arguments=["--ota.config", config, *arguments])

    def ota(self, *arguments):
        done = run_exporter("ota", "--socket", self.socket, *arguments)
        self.assertEqual(done.returncode, 0, done)
        return done.stdout.decode()

    def last(self):
        return json.loads(self.ota("history", "--json"))[-1]

    def wait_for(self, exporter, name, **labels):
        return wait_until(lambda: (now := exporter.scrape()).value(name, engine="swupdate", **labels) and now,
                          what=f"{name}{labels}")

    def assert_cause(self, exporter, cause):
        """The only failure there is has this cause."""
        scrape = self.wait_for(exporter, "ota_transactions_total", result="failed")
        self.assertEqual([labels["cause"] for labels, value in scrape.series("ota_failures_total") if value], [cause],
                         f"{exporter.log}\n{self.machine.log}")

    @staticmethod
    def states(exporter):
        """The states in the order of the log, each once in a row."""
        lines = exporter.lines_with(r"ota transaction=\d+ .*engine=swupdate state=")
        states = [line.split("state=")[1] for line in lines]
        return [state for at, state in enumerate(states) if at == 0 or states[at - 1] != state]

    def written(self, scrape):
        """By device and attribution, and the sum of all."""
        table = {}
        for labels, value in scrape.series("ota_written_bytes_total"):
            table[labels["device"], labels["attribution"]] = value
        return table, sum(table.values())

    def assert_written(self, exporter, before, payload):
        devices = self.machine.devices.values()
        for device in devices:
            sync_device(device)
        truth = {device: written_bytes(device) - before[device] for device in devices}
        table, total = self.written(exporter.scrape())
        self.assertGreaterEqual(truth[self.machine.devices["slot_b"]], SIZE)
        self.assertAlmostEqual(total, sum(truth.values()), delta=sum(truth.values()) / 100, msg=table)
        exact = sum(value for (_, word), value in table.items() if word == "exact")
        self.assertGreaterEqual(exact, payload * 99 / 100, table)

    def test_the_whole_story_of_an_update(self):
        image = self.machine.image("2.0", SIZE, DATA)
        before = {device: written_bytes(device) for device in self.machine.devices.values()}
        with self.exporter() as exporter:
            self.assertEqual(exporter.scrape().value("ota_transactions_total", engine="swupdate", result="succeeded"), 0)
            bootenv = self.machine.devices["bootenv"]
            writes_before = writes(bootenv)
            began = seconds_since_boot()
            engine = self.machine.start_install(image, heard=heard_by(exporter))
            scrape, under_way = follow(exporter, "swupdate")
            self.assertEqual(self.machine.wait(engine), 0, self.machine.log)
            self.assertEqual(self.states(exporter), ["idle", "verifying", "downloading", "downloading+applying",
                                                     "applying", "rebooting"])
            size = os.path.getsize(image)
            self.assertEqual(scrape.value("ota_payload_bytes", engine="swupdate"), size)
            self.assertEqual(scrape.value("ota_downloaded_bytes_total", engine="swupdate"), size)
            self.assertEqual(scrape.value("ota_progress_ratio", engine="swupdate"), 1)
            self.assertEqual(scrape.sum("ota_transaction_info", engine="swupdate", to="2.0"), 1)
            self.assertEqual(self.machine.read_environment()["slot"], "B")
            self.assert_written(exporter, before, SIZE + DATA)
            scrape = exporter.scrape()
            self.assertGreater(writes(bootenv), writes_before)
            self.assertEqual(scrape.series("ota_bootenv_writes_total"),
                             [({"device": os.path.basename(bootenv)}, writes(bootenv) - writes_before)])
            # Installed is not succeeded.
            self.assertEqual(scrape.sum("ota_transactions_total", engine="swupdate"), 0)
            self.assertEqual(scrape.sum("ota_reboot_triggers_total"), 0)
            reboot_in_a_namespace()
            self.assertEqual(exporter.scrape().series("ota_reboot_triggers_total"), [({"command": "restart"}, 1)])
        before_boot = seconds_since_boot() - began
        boot = Boot(self.folder, "1")
        with self.exporter("--path.procfs", boot.path) as exporter:
            self.wait_for(exporter, "ota_state", state="confirming")
            confirming = seconds_since_boot()
            self.ota("end", "confirmed")
            confirmed = seconds_since_boot()
            scrape = exporter.scrape()
            self.assertEqual(scrape.value("ota_transactions_total", engine="swupdate", result="succeeded"), 1)
            self.assertEqual(scrape.sum("ota_failures_total", engine="swupdate"), 0)
            self.assertEqual(scrape.value("ota_last_result_info", engine="swupdate", to="2.0", result="succeeded",
                                          cause="none"), 1)
            ended = self.last()
            self.assertEqual(ended["cgroup"], self.machine.cgroup)
            seconds = ended["state_ns"]
            self.assertEqual(set(seconds), set(STATES))
            self.assertGreaterEqual(sum(seconds.values()), ended["elapsed_ns"] - 1000)  # two at a time for a while
            took = scrape.value("ota_last_duration_seconds", engine="swupdate")
            self.assertAlmostEqual(took, ended["elapsed_ns"] / SECOND, places=6)
            # For the exporter the new boot was the machine's own.
            self.assertGreaterEqual(took, under_way + confirming)
            self.assertLessEqual(took, before_boot + confirmed)
        with self.exporter("--path.procfs", boot.path) as exporter:
            scrape = exporter.scrape()
            self.assertEqual(scrape.value("ota_transactions_total", engine="swupdate", result="succeeded"), 1)
            self.assertEqual(scrape.value("ota_last_duration_seconds", engine="swupdate"), took)

    def test_a_corrupt_image_fails_its_verification(self):
        image = self.machine.image("2.0", 8 * MIB)
        self.machine.corrupt(image, 4 * MIB)
        with self.exporter() as exporter:
            self.assertNotEqual(self.machine.install(image, heard=heard_by(exporter)), 0)
            self.assert_cause(exporter, "verify_failed")
            self.assertIn("HASH mismatch", self.last()["detail"])

    def test_a_frozen_server_is_a_network_stall(self):
        image = self.machine.image("2.0", 16 * MIB)
        self.machine.server.freeze(8 * MIB)
        with self.exporter(stall="1s") as exporter:
            # The engine gives up on its own after four seconds without a byte, twice.
            engine = self.machine.start_install(image, "-r 1 -t 4", heard_by(exporter))
            self.addCleanup(self.machine.kill, engine)
            evidence = exporter.wait_for_line(r"evidence cause=(\S+).* for (\d+) s", 20)
            self.assertEqual(evidence.group(1), "network_stall")
            self.assertLessEqual(int(evidence.group(2)), 2)
            self.assertNotEqual(self.machine.wait(engine), 0)
            self.assert_cause(exporter, "network_stall")
            self.machine.server.thaw()
            self.assertEqual(self.machine.install(image, heard=heard_by(exporter)), 0, self.machine.log)
            self.wait_for(exporter, "ota_state", state="rebooting")

    def test_a_killed_engine_fails_its_update_and_the_next_one_is_followed(self):
        image = self.machine.image("2.0", 16 * MIB)
        self.machine.server.freeze(8 * MIB)
        with self.exporter() as exporter:
            engine = self.machine.start_install(image, heard=heard_by(exporter))
            self.addCleanup(self.machine.kill, engine)
            wait_until(lambda: (exporter.scrape().value("ota_progress_ratio", engine="swupdate") or 0) > 0.1,
                       what="an installation under way")
            self.assertEqual(self.machine.kill(engine), -signal.SIGKILL)
            self.assert_cause(exporter, "signal_killed")
            self.assertIn("process ended", self.last()["detail"])
            self.machine.server.thaw()
            self.assertEqual(self.machine.install(image, heard=heard_by(exporter)), 0, self.machine.log)
            scrape = self.wait_for(exporter, "ota_state", state="rebooting")
            self.assertEqual(scrape.value("ota_transactions_total", engine="swupdate", result="failed"), 1)


if __name__ == "__main__":
    unittest.main()
