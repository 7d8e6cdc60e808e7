# SPDX-License-Identifier: Apache-2.0
"""Other users, missing privileges, and a kernel that shows less than it should."""
import os
import shutil
import tempfile
import unittest

from exporter_process import (BINARY, CLASSIC, DEFAULT_RULES, FULL_RULES, ExporterProcess, RuleFolder,
                              run_exporter)
from machine import LoopDevice, add_veth, frame, network_namespace, programs, send_frames

PROBES = {"blockio", "netdrop", "runqueue", "softirq"}
CAPABILITIES = "+bpf,+perfmon"
AS_NOBODY = ("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--no-new-privs")
WITH_NONE = (*AS_NOBODY, "--inh-caps=-all", "--ambient-caps=-all", "--bounding-set=-all")
WITH_BPF = (*AS_NOBODY, "--inh-caps=-all," + CAPABILITIES, "--ambient-caps=-all," + CAPABILITIES,
            "--bounding-set=-all," + CAPABILITIES)


def unattached(scraped):
    return [labels["program"] for labels, value in scraped.series("kernel_exporter_probe_attached") if value != 1]


class OtherUsers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        """What another user can reach, wherever the build is."""
        cls.folder = tempfile.mkdtemp(prefix="kernel_exporter_user_")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        os.chmod(cls.folder, 0o755)
        cls.binary = shutil.copy(BINARY, cls.folder)
        os.chmod(cls.binary, 0o755)
        for name, rules in (("default", DEFAULT_RULES), ("full", FULL_RULES)):
            shutil.copytree(rules, os.path.join(cls.folder, name))

    def start(self, rules, wrapper):
        return self.enterContext(ExporterProcess(os.path.join(self.folder, rules), binary=self.binary, wrapper=wrapper))

    def test_two_capabilities_are_enough_for_all_four_probes(self):
        namespace = self.enterContext(network_namespace("kxuser"))
        peer = self.enterContext(network_namespace("kxpeer"))
        add_veth(namespace, "kxdrop1", peer, "kxsend1")
        for rules in ("default", "full"):
            with self.subTest(rules=rules):
                exporter = self.start(rules, WITH_BPF)
                first = exporter.scrape()
                self.assertEqual(unattached(first), [])
                probes = {labels["probe"] for labels, _ in first.series("kernel_exporter_probe_attached")}
                self.assertEqual(probes, PROBES)
                with LoopDevice() as loop:
                    loop.write()
                    send_frames(peer, "kxsend1", [frame()] * 10)
                    scraped = exporter.scrape()
                self.assertGreaterEqual(scraped.sum("kernel_netdrop_packets_total", reason="unhandled_proto"), 10)
                self.assertGreater(scraped.sum("kernel_blockio_bytes_total", device=loop.name, operation="write"), 0)
                self.assertGreater(scraped.sum("kernel_runqueue_latency_seconds_count"), 0)
                self.assertGreater(scraped.sum("kernel_softirq_duration_seconds_count"), 0)
                self.assertEqual(exporter.lines_with("error"), [])
                with open(f"/proc/{exporter.process.pid}/status", encoding="utf-8") as status:
                    self.assertIn("Uid:\t65534\t65534\t65534\t65534", status.read())

    def test_without_them_one_line_says_what_is_missing(self):
        for arguments in (("serve",), ("probes",), ("dump",)):
            with self.subTest(arguments=arguments):
                if arguments == ("serve",):
                    exporter = self.start("default", WITH_NONE)
                    scraped = exporter.scrape()
                    self.assertEqual(len(unattached(scraped)), len(scraped.series("kernel_exporter_probe_attached")))
                    self.assertIn("process_cpu_seconds", scraped.types)
                    self.assertEqual(exporter.get("/-/healthy").status, 200)
                    self.assertEqual(exporter.get("/-/ready").status, 503)
                    self.assertIn("CAP_BPF", exporter.get("/-/ready").text)
                    errors = exporter.lines_with("error|warning")
                else:
                    ended = run_exporter(*arguments, "--rules", os.path.join(self.folder, "default"),
                                         wrapper=WITH_NONE, binary=self.binary)
                    self.assertEqual(ended.returncode, 1 if arguments == ("probes",) else 0)
                    errors = ended.stderr.decode().splitlines()
                    if arguments == ("probes",):
                        self.assertNotIn(" attached ", ended.stdout.decode())
                        continue
                self.assertEqual(len(errors), 1, errors)
                self.assertIn("CAP_BPF", errors[0])

    def test_rules_can_be_checked_by_anybody(self):
        ended = run_exporter("check", os.path.join(self.folder, "full"), wrapper=WITH_NONE, binary=self.binary)
        self.assertEqual(ended.returncode, 0, ended.stderr)

    def test_rule_file_that_may_not_be_read(self):
        with RuleFolder() as rules:
            for name in os.listdir(DEFAULT_RULES):
                shutil.copy(os.path.join(DEFAULT_RULES, name), rules.path)
            os.chmod(os.path.join(rules.path, "blockio.yaml"), 0o600)
            with ExporterProcess(rules.path, binary=self.binary, wrapper=WITH_BPF) as exporter:
                scraped = exporter.scrape()
                lines = exporter.lines_with("error")
        self.assertEqual(len(lines), 1, lines)
        self.assertRegex(lines[0], "blockio.yaml.*Permission denied")
        self.assertEqual(scraped.value("kernel_exporter_rule_errors_total", rule="blockio"), 1)
        self.assertIn("kernel_softirq_latency_seconds", scraped.types)


class Kernel(unittest.TestCase):
    def test_required_probes_end_the_start_if_none_is_attached(self):
        required = ("--require-probes",)
        with tempfile.TemporaryDirectory() as empty:
            ended = run_exporter("serve", "--rules", DEFAULT_RULES, "--web.listen-address", "127.0.0.1:0",
                                 "--path.sysfs", empty, *required)
            self.assertEqual(ended.returncode, 1)
            self.assertIn("--require-probes: no probe is attached", ended.stderr.decode())
        with ExporterProcess(arguments=required) as exporter:
            self.assertEqual(exporter.get("/-/ready").status, 200)

    def test_without_btf_one_line_and_the_exporter_itself(self):
        with tempfile.TemporaryDirectory() as empty:
            with ExporterProcess(arguments=("--path.sysfs", empty)) as exporter:
                scraped = exporter.scrape()
                lines = exporter.lines_with("error|warning")
        self.assertEqual(len(lines), 1, lines)
        self.assertIn("CONFIG_DEBUG_INFO_BTF", lines[0])
        self.assertTrue(unattached(scraped))
        self.assertIn("kernel_exporter_build_info", scraped.types)
        self.assertIn("kernel_netdev_rx_dropped", scraped.types)

    def test_classic_tracepoint_counts(self):
        with RuleFolder(classic=CLASSIC) as rules, ExporterProcess(rules.path) as exporter:
            before = exporter.scrape().value("classic_execs_total")
            with programs(b"kxclassic") as execute:
                execute(b"kxclassic", 20)
            self.assertGreaterEqual(exporter.scrape().value("classic_execs_total") - before, 20)

    def test_without_tracefs_a_classic_tracepoint_is_missed_in_one_line(self):
        hidden = ("unshare", "--mount", "--propagation", "private", "sh", "-c",
                  'umount /sys/kernel/debug/tracing 2>/dev/null; umount /sys/kernel/tracing; exec "$@"', "sh")
        with RuleFolder(classic=CLASSIC) as rules:
            with ExporterProcess([rules.path, DEFAULT_RULES], wrapper=hidden) as exporter:
                scraped = exporter.scrape()
                lines = exporter.lines_with("error|warning")
        self.assertEqual(len(lines), 1, lines)
        self.assertRegex(lines[0], "classic_exec.*tracefs is not mounted")
        self.assertEqual(unattached(scraped), ["classic_exec"])
        self.assertIn("kernel_softirq_latency_seconds", scraped.types)


if __name__ == "__main__":
    unittest.main()
