# SPDX-License-Identifier: Apache-2.0
"""Updates told by the command line, seen in /metrics, kept over restarts of the exporter."""
import json
import os
import signal
import subprocess
import tempfile
import unittest

from exporter_process import DEFAULT_RULES, ExporterProcess, run_exporter, wait_until
from machine import LoopDevice, cgroup2_mount, remove_cgroup


class Ota(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="kernel_exporter_ota_")
        self.addCleanup(folder.cleanup)
        self.socket = os.path.join(folder.name, "ota.sock")
        self.ledger = os.path.join(folder.name, "state", "ota.ledger")
        self.config = os.path.join(folder.name, "ota.yaml")
        self.write_config(f"socket: {self.socket}\nledger: {self.ledger}\nengines: [custom, rauc]\n")

    def write_config(self, text):
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(text)

    def exporter(self):
        return ExporterProcess(arguments=["--ota.config", self.config])

    def ota(self, *arguments, code=0):
        done = run_exporter("ota", "--socket", self.socket, *arguments)
        self.assertEqual(done.returncode, code, done)
        return done.stdout.decode() if code == 0 else done.stderr.decode()

    def begin(self, name):
        return self.ota("begin", "--id", name, "--engine", "custom", "--from", "1.0", "--to", "2.0",
                        "--payload-bytes", "1000", "--device", "/dev/null=slot", "--cgroup", "/ota.slice")

    def test_counters_and_the_open_update_outlive_the_exporter(self):
        with self.exporter() as exporter:
            for cause in ("media_error", "power_loss", "engine_error"):
                self.assertEqual(exporter.scrape().value("ota_failures_total", engine="rauc", cause=cause), 0)
            self.assertEqual(self.begin("2026-11"), "transaction 1: idle\n")
            self.ota("set", "downloading", "applying", "--progress", "40", "--downloaded-bytes", "400")
            scrape = exporter.scrape()
            self.assertEqual(scrape.value("ota_transaction_info", engine="custom", txid="2026-11",
                                          **{"from": "1.0", "to": "2.0"}), 1)
            self.assertEqual(scrape.value("ota_progress_ratio", engine="custom"), 0.4)
            for state, value in (("idle", 0), ("downloading", 1), ("applying", 1)):
                self.assertEqual(scrape.value("ota_state", engine="custom", state=state), value)
            self.assertEqual(self.ota("end", "failed", "--cause", "verify_failed"),
                             "transaction 1: failed, verify_failed\n")
            self.begin("2026-12")
            self.ota("set", "applying")
            exporter.send(signal.SIGKILL)
            exporter.wait()
        with self.exporter() as exporter:
            scrape = exporter.scrape()
            self.assertEqual(scrape.value("ota_transactions_total", engine="custom", result="failed"), 1)
            self.assertEqual(scrape.value("ota_failures_total", engine="custom", cause="verify_failed"), 1)
            self.assertEqual(scrape.value("ota_state", engine="custom", state="applying"), 1)
            self.assertEqual(scrape.value("kernel_exporter_ota_ledger_writable"), 1)
            self.assertIn("applying", self.ota("status"))
            self.assertEqual(self.ota("end", "installed"), "transaction 2: rebooting\n")
            self.assertIn("not possible in state rebooting", self.ota("end", "confirmed", code=1))
            refused = "kernel_exporter_ota_messages_refused_total"
            self.assertEqual(exporter.scrape().value(refused, reason="not_possible"), 1)
            history = json.loads(self.ota("history", "--json"))
            self.assertEqual([(entry["id"], entry["result"], entry["cause"]) for entry in history],
                             [("2026-11", "failed", "verify_failed")])
            self.assertRegex(self.ota("history"), r"(?m)^1 .*custom +2026-11 +1\.0 -> 2\.0 .*failed +verify_failed")
        self.assertRegex(self.ota("history", "--ledger", self.ledger), r"(?m)^2 .* open: rebooting")
        with open(self.ledger, "a", encoding="ascii") as file:
            file.write("torn")
        torn = run_exporter("ota", "history", "--ledger", self.ledger)
        self.assertEqual((torn.returncode, torn.stderr.decode()),
                         (0, f"kernel_exporter ota: warning: ledger {self.ledger}: 1 damaged part skipped\n"))
        self.assertIn("--ota.config FILE` running?", self.ota("history", code=1))

    def test_only_ota_when_only_ota_is_asked(self):
        with self.exporter() as exporter:
            families = exporter.scrape("/metrics?collect[]=ota").types
            self.assertIn("ota_state", families)
            self.assertEqual([name for name in families if not name.startswith(("ota_", "kernel_exporter_ota_"))], [])

    def test_without_configuration_there_is_no_trace(self):
        probes = ("firmware", "mtd", "otafail", "otasync", "otawrite", "reboot")
        with ExporterProcess() as exporter:
            exporter.wait_for_line("not loaded without --ota.config: " + ", ".join(probes))
            scrape = exporter.scrape()
            self.assertEqual([name for name in scrape.types if "ota_" in name], [])
            self.assertEqual(scrape.series("kernel_exporter_probe_idle"), [])
            for probe in probes:
                self.assertEqual(scrape.series("kernel_exporter_probe_attached", probe=probe), [])
            for name in ("ota", *probes):
                self.assertEqual(exporter.get(f"/metrics?collect[]={name}").status, 400)
        only = os.path.join(DEFAULT_RULES, "otawrite.yaml")
        done = run_exporter("serve", "--rules", only, "--web.listen-address", "127.0.0.1:0")
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stderr.decode(), "error: no usable rule file without --ota.config\n")
        # What could be attached is told all the same.
        self.assertIn("otawrite_rq_complete", run_exporter("probes", "--rules", only).stdout.decode())

    def test_a_faulty_configuration_is_refused_with_its_line(self):
        self.write_config("engines: [custom]\nsoket: /run/x\nleger: /x\n")
        done = run_exporter("serve", "--rules", DEFAULT_RULES, "--ota.config", self.config, "--web.listen-address", "127.0.0.1:0")
        self.assertEqual(done.returncode, 1)
        faults = [line for line in done.stderr.decode().splitlines() if self.config in line]
        self.assertEqual([line.split(" in OTA")[0] for line in faults],
                         [f"error: --ota.config: {self.config}:{line}: unknown key \"{key}\""
                          for line, key in ((2, "soket"), (3, "leger"))])

    def test_a_ledger_that_cannot_be_written_is_said_and_overcome(self):
        with open(os.path.dirname(self.ledger), "w", encoding="utf-8"):
            pass  # a file where a folder should be
        with self.exporter() as exporter:
            self.assertEqual(exporter.scrape().value("kernel_exporter_ota_ledger_writable"), 0)
            exporter.wait_for_line(r"continuing without the ledger")
            self.begin("2026-11")
            os.unlink(os.path.dirname(self.ledger))
            self.ota("set", "applying")
            self.assertEqual(exporter.scrape().value("kernel_exporter_ota_ledger_writable"), 1)
        self.assertRegex(self.ota("history", "--ledger", self.ledger), "open: applying")

    def test_written_bytes_belong_to_the_update_and_a_failed_write_is_the_cause(self):
        cgroup = os.path.join(cgroup2_mount(), "kernel_exporter_ota_test")
        os.makedirs(cgroup, exist_ok=True)
        self.addCleanup(remove_cgroup, cgroup)
        with LoopDevice(16 << 20) as loop, self.exporter() as exporter:
            name = os.path.basename(loop.path)
            self.write(loop.path, 1 << 20)  # the control: nothing is bound yet
            self.assertNotIn("ota_written_bytes_total", exporter.scrape().types)
            self.ota("begin", "--id", "a", "--engine", "custom", "--device", f"{loop.path}=slot",
                     "--cgroup", "/kernel_exporter_ota_test")
            self.ota("set", "applying")
            self.write(loop.path, 4 << 20, cgroup)
            self.write(loop.path, 1 << 20)
            scrape = exporter.scrape()
            written = {word: scrape.value("ota_written_bytes_total", device=name, role="slot", attribution=word)
                       for word in ("exact", "other")}
            self.assertEqual(written, {"exact": 4 << 20, "other": 1 << 20})
            self.assertNotIn("ota_last_failure_offset_bytes", scrape.types)
            loop.truncate(8 << 20)
            offset = 12 << 20
            self.assertNotEqual(self.read(loop.path, offset), 0)
            wait_until(lambda: exporter.scrape().value("ota_last_failure_offset_bytes") == offset,
                       what="the failed request's offset")
            self.ota("end", "failed")
            failed = exporter.scrape()
            self.assertEqual(failed.value("ota_failures_total", engine="custom", cause="io_error"), 1)
            self.assertEqual(failed.value("ota_failures_total", engine="custom", cause="engine_error"), 0)
            self.assertEqual(failed.value("ota_last_failure_info", engine="custom", cause="io_error", device=name), 1)

    def test_a_cgroup_may_be_made_after_the_update_has_begun_and_made_anew(self):
        name = "kernel_exporter_ota_late"
        cgroup = os.path.join(cgroup2_mount(), name)
        with LoopDevice(16 << 20) as loop, self.exporter() as exporter:
            begun = run_exporter("ota", "--socket", self.socket, "begin", "--id", "a", "--engine", "custom",
                                 "--device", f"{loop.path}=slot", "--cgroup", "/" + name)
            self.assertEqual(begun.returncode, 0, begun)
            self.assertIn(f"cgroup /{name} does not exist yet", begun.stderr.decode())
            for times in (1, 2):
                os.mkdir(cgroup)
                self.addCleanup(lambda: os.path.isdir(cgroup) and remove_cgroup(cgroup))
                wait_until(lambda: exporter.log.count(f"following the cgroup /{name}") == times,
                           what="the cgroup to be found")
                self.write(loop.path, 1 << 20, cgroup)
                self.assertEqual(exporter.scrape().sum("ota_written_bytes_total", attribution="exact"), times << 20)
                remove_cgroup(cgroup)

    def test_writes_to_the_boot_environment_are_seen_without_an_update(self):
        def written(path):
            subprocess.run(["dd", "if=/dev/zero", f"of={path}", "bs=4096", "count=5", "oflag=direct"],
                           check=True, capture_output=True)

        def requests(name):
            with open(f"/sys/block/{name}/stat", encoding="ascii") as file:
                return int(file.read().split()[4])
        with LoopDevice(4 << 20) as bootenv, LoopDevice(4 << 20) as slot:
            self.write_config(f"socket: {self.socket}\nledger: {self.ledger}\n"
                              f"devices: {{{bootenv.path}: bootenv, {slot.path}: slot}}\n")
            name = os.path.basename(bootenv.path)
            with self.exporter() as exporter:
                before = requests(name)
                written(bootenv.path)
                written(slot.path)
                scrape = exporter.scrape()
                self.assertEqual(scrape.value("ota_bootenv_writes_total", device=name), 5)
                self.assertEqual(requests(name) - before, 5)
                self.assertEqual(len(scrape.series("ota_written_bytes_total")), 1)
                self.assertEqual(len(scrape.series("ota_transaction_info")), 0)
                # An update of another device leaves it watched.
                for _ in range(2):
                    self.ota("begin", "--id", "a", "--engine", "custom", "--device", f"{slot.path}=slot")
                    self.ota("end", "failed")
                written(bootenv.path)
                self.assertEqual(exporter.scrape().value("ota_bootenv_writes_total", device=name), 10)

    def test_an_update_that_gets_no_cpu_is_starved(self):
        cgroup = os.path.join(cgroup2_mount(), "kernel_exporter_ota_starved")
        os.makedirs(cgroup, exist_ok=True)
        self.addCleanup(remove_cgroup, cgroup)
        self.write_config(f"socket: {self.socket}\nledger: {self.ledger}\nthresholds: {{starved: 300ms}}\n")
        spin = "while :; do :; done"

        def process(words):
            child = subprocess.Popen(["sh", "-c", words])
            self.addCleanup(child.wait)
            self.addCleanup(child.kill)
            return child

        def clock(child, field):  # of schedstat: 0 is what it ran, 1 what it waited, in seconds
            with open(f"/proc/{child.pid}/schedstat", encoding="ascii") as file:
                return int(file.read().split()[field]) / 1e9

        def is_asleep(child):
            with open(f"/proc/{child.pid}/stat", encoding="ascii") as file:
                return "(sleep) S" in file.read()
        cpu = min(os.sched_getaffinity(0))
        enter = f"echo $$ > {cgroup}/cgroup.procs; exec taskset -c {cpu}"
        with self.exporter() as exporter:
            # The control: an update that waits for something else, beside others that take the CPU.
            sleeper = process(f"{enter} sleep 1000")
            wait_until(lambda: is_asleep(sleeper), seconds=60, what="a process that sleeps")
            self.ota("begin", "--id", "a", "--engine", "custom", "--cgroup", "/kernel_exporter_ota_starved")
            hogs = [process(f"exec taskset -c {cpu} sh -c '{spin}'") for _ in range(3)]
            wait_until(lambda: clock(hogs[0], 0) > 0.7, seconds=60, what="a hog's 0.7 s of CPU")
            self.assertNotIn("ota_last_failure_info", exporter.scrape().types)
            update = process(f"{enter} nice -n 19 sh -c '{spin}'")
            wait_until(lambda: exporter.scrape().series("ota_last_failure_info", cause="starved"), seconds=60,
                       what="the evidence of want of CPU")
            # The kernel adds a wait to the process when it is over.
            wait_until(lambda: clock(update, 1) > 0.3, seconds=60, what="0.3 s that the update waited")
            self.assertEqual(self.ota("end", "failed"), "transaction 1: failed, starved\n")

    @staticmethod
    def write(path, size, cgroup=None):
        enter = f"echo $$ > {cgroup}/cgroup.procs; " if cgroup else ""
        subprocess.run(["sh", "-c", f"{enter}exec dd if=/dev/zero of={path} bs=1M count={size >> 20} oflag=direct"],
                       check=True, capture_output=True)

    @staticmethod
    def read(path, offset):
        return subprocess.run(["dd", f"if={path}", "of=/dev/null", "bs=4096", "count=1", f"skip={offset >> 12}",
                               "iflag=direct"], capture_output=True).returncode


if __name__ == "__main__":
    unittest.main()
