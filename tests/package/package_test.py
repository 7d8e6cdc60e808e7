# SPDX-License-Identifier: Apache-2.0
"""The Debian package: what lintian and systemd-analyze say of it, and what it does in a clean system under systemd."""
import functools
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BUILD = os.path.join(ROOT, "build-release")
BOOT_SECONDS = 500
MOST_EXPOSURE = 25  # tenths
MOST_BYTES = 3_000_000
NO_CAPABILITY = "0000000000000000"
# Runs the scripts that the kernel's command line names.
CHECKS = """for name in $(sed -n 's/.*checks=\\([^ ]*\\).*/\\1/p' /proc/cmdline | tr , ' '); do /bin/bash /$name; done
printf '\\n=== end\\n'
"""

sys.path.insert(0, os.path.join(ROOT, "tests", "e2e"))
from exposition import Exposition  # noqa: E402  (beside the tests that it was made for)
import engines  # noqa: E402
import hardening  # noqa: E402


def run(*command, **arguments):
    """Output of a command that must succeed; standard error is in the message when it does not."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
                          cwd=ROOT, check=False, **arguments)
    if done.returncode != 0:
        raise AssertionError(f"{command} ended with {done.returncode}:\n"
                             f"{done.stdout.decode()[-4000:]}\n{done.stderr.decode()[-4000:]}")
    return done.stdout.decode()


@functools.cache
def package():
    """The path of the package, built from this tree without tests and benchmarks."""
    run("cmake", "--preset", "release", "-DKERNEL_EXPORTER_TESTS=OFF")
    run("cmake", "--build", "--preset", "release")
    output = os.path.join(BUILD, "package")
    shutil.rmtree(output, ignore_errors=True)
    run("cpack", "--config", os.path.join(BUILD, "CPackConfig.cmake"), "-B", output)
    path, = glob.glob(os.path.join(output, "*.deb"))
    return path


class Archive(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="kernel_exporter_package_")
        cls.addClassCleanup(folder.cleanup)
        cls.tree = os.path.join(folder.name, "tree")
        run("dpkg-deb", "-x", package(), cls.tree)

    def path(self, name):
        return os.path.join(self.tree, name)

    def test_lintian_has_no_errors(self):
        run("lintian", "--allow-root", "--fail-on", "error", package())

    def test_lintian_would_have_found_some(self):
        with tempfile.TemporaryDirectory() as folder:
            broken = os.path.join(folder, "tree")
            run("dpkg-deb", "-R", package(), broken)
            os.remove(os.path.join(broken, "usr/share/doc/kernel-exporter/copyright"))
            run("dpkg-deb", "--root-owner-group", "-b", broken, os.path.join(folder, "broken.deb"))
            with self.assertRaisesRegex(AssertionError, "no-copyright-file"):
                run("lintian", "--allow-root", "--fail-on", "error", os.path.join(folder, "broken.deb"))

    def exposure(self, *edits):
        with open(self.path("usr/lib/systemd/system/kernel_exporter.service"), encoding="utf-8") as file:
            text = file.read()
        for old, new in edits:
            self.assertIn(old, text)
            text = text.replace(old, new)
        with tempfile.TemporaryDirectory() as folder:
            unit = os.path.join(folder, "kernel_exporter.service")
            with open(unit, "w", encoding="utf-8") as file:
                file.write(text)
            answer = subprocess.run(["systemd-analyze", "security", "--offline=yes", "--no-pager", unit],
                                    stdout=subprocess.PIPE, check=False).stdout.decode()
        return float(re.search(r"Overall exposure level for \S+: ([0-9.]+)", answer).group(1)), answer

    def test_the_unit_is_confined(self):
        exposure, answer = self.exposure()
        self.assertLessEqual(exposure * 10, MOST_EXPOSURE, answer)
        without, _ = self.exposure(("User=kernel_exporter\nGroup=kernel_exporter\n", ""), ("ProtectSystem=strict\n", ""),
                                   ("ProtectHome=yes\n", ""), ("NoNewPrivileges=yes\n", ""))
        self.assertGreater(without * 10, MOST_EXPOSURE)

    def test_each_point_that_is_left_has_its_reason(self):
        with open(self.path("usr/share/doc/kernel-exporter/packaging/README.md"), encoding="utf-8") as file:
            reasons = file.read().replace("\\|", "|")
        points = [line.split()[1] for line in self.exposure()[1].splitlines() if line.startswith("✗")]
        self.assertGreater(len(points), 5)
        for point in points:
            self.assertIn(point.split("/")[0], reasons)

    def test_its_documents_find_each_other(self):
        folder = self.path("usr/share/doc/kernel-exporter")
        links = []
        for document in glob.glob(folder + "/**/*.md", recursive=True):
            with open(document, encoding="utf-8") as file:
                here = re.findall(r"\]\((?!https?:)([^)#]+)", file.read())
            links += [os.path.join(os.path.dirname(document), link) for link in here]
        self.assertGreaterEqual(len(links), 9)
        self.assertEqual([link for link in links if not os.path.exists(link)], [])

    def test_the_binary_is_hardened(self):
        self.assertEqual(hardening.missing(self.path("usr/bin/kernel_exporter")), [])

    def test_the_binary_is_small(self):
        self.assertLess(os.path.getsize(self.path("usr/bin/kernel_exporter")), MOST_BYTES)

    def test_it_needs_the_libraries_that_it_was_linked_with(self):
        depends = run("dpkg-deb", "-f", package(), "Depends")
        for library in ("libc6 (>=", "libbpf1", "libcap2", "libseccomp2", "libsystemd0", "libyaml-cpp", "zlib1g"):
            self.assertIn(library, depends)

    def test_what_an_administrator_may_change_is_kept(self):
        conffiles = run("dpkg-deb", "-I", package(), "conffiles").split()
        self.assertEqual(conffiles, ["/etc/default/kernel_exporter", "/etc/kernel_exporter/ota.yaml"])
        for name in conffiles:
            self.assertTrue(os.path.isfile(self.path(name[1:])), name)

    def test_the_rules_that_it_brings_have_no_fault(self):
        rules = self.path("usr/share/kernel_exporter/rules")
        for profile in ("events", "events-full"):
            run(self.path("usr/bin/kernel_exporter"), "check", os.path.join(rules, profile))

    def test_it_brings_what_the_monitoring_loads(self):
        share = self.path("usr/share/kernel_exporter")
        alerts = glob.glob(os.path.join(share, "rules/prometheus/*.rules.yml"))
        self.assertEqual(len(alerts), 4)
        run("promtool", "check", "rules", *alerts)
        for name in ("rules/prometheus/alertmanager.yml", "fleet/prometheus-agent.yml", "fleet/prometheus-agent.service",
                     "fleet/prometheus-receiver.yml", "dashboards/update.json", "dashboards/runbook.md",
                     "dashboards/provisioning/dashboards.yml"):
            self.assertTrue(os.path.isfile(os.path.join(share, name)), name)
        self.assertTrue(os.access(os.path.join(share, "rules/prometheus/install"), os.X_OK))

    def test_it_brings_the_scripts_for_mender(self):
        with tempfile.TemporaryDirectory() as folder:
            run(self.path("usr/share/kernel_exporter/mender/install"), folder, "rootfs")
            script = os.path.join(folder, "Download_Enter_50_kernel_exporter")
            self.assertTrue(os.access(script, os.X_OK))


class Booted(unittest.TestCase):
    """A clean Debian with the package, started by its own systemd: what the scripts check* said there."""
    KERNEL = "6.12"
    BOOTS = ("checks=check rw",)  # the words of each, one after the other on the same disks
    PACKAGES = ()
    DISKS = 0
    WITHOUT = ("mtd",)  # probes that need root on this kernel

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="kernel_exporter_boot_")
        cls.addClassCleanup(folder.cleanup)
        cls.folder, root = folder.name, os.path.join(folder.name, "root")
        run(os.path.join(HERE, "root"), package(), root, *cls.PACKAGES)
        for name in ("functions", "check", "check_engines", "check_booted", "check_read_only"):
            shutil.copy(os.path.join(HERE, name), root)
        with open(os.path.join(root, "checks"), "w", encoding="utf-8") as file:
            file.write(CHECKS)
        shutil.copy(os.path.join(HERE, "check.service"), os.path.join(root, "etc/systemd/system"))
        cls.prepare(root)
        run("systemctl", f"--root={root}", "enable", "kernel_exporter.service", "check.service")
        cls.disks = [os.path.join(folder.name, f"disk{i}") for i in range(1 + cls.DISKS)]
        megabytes = int(run("du", "-sm", root).split()[0]) * 5 // 4 + 64
        run("mke2fs", "-q", "-t", "ext4", "-O", "^has_journal", "-d", root, cls.disks[0], f"{megabytes}M")
        for disk in cls.disks[1:]:
            with open(disk, "wb") as file:
                file.truncate(engines.SLOT_BYTES)
        cls.sections = {}
        for words in cls.BOOTS:
            cls.sections |= cls.boot(words)

    @classmethod
    def prepare(cls, root):
        """What the machine has beside the package."""

    @classmethod
    def boot(cls, words):
        """What is said until the machine switches itself off, by section."""
        console = os.path.join(cls.folder, "console")
        try:
            run(os.path.join(HERE, "boot"), cls.KERNEL, console, str(BOOT_SECONDS), words, *cls.disks)
        finally:
            cls.console = ""
            if os.path.exists(console):
                with open(console, encoding="utf-8", errors="replace", newline="") as file:
                    cls.console = file.read().replace("\r", "")
        parts = re.split(r"^=== (\w+)\n", cls.console, flags=re.MULTILINE)
        sections = dict(zip(parts[1::2], parts[2::2]))
        if "end" not in sections:
            raise AssertionError(f"the check did not come to its end:\n{cls.console[-6000:]}")
        return sections

    def section(self, name):
        return self.sections[name]

    def unit(self, name):
        return dict(line.split("=", 1) for line in self.section(name).splitlines() if re.match(r"[A-Za-z]+=", line))

    def metrics(self, name):
        head, body = self.section(name).split("\n\n", 1)
        self.assertIn("200 OK", head)
        return Exposition(body.rstrip("\n") + "\n", "text/plain; version=0.0.4")

    def statuses(self, field):
        return re.findall(rf"^{field}:\t(.*)$", self.section("status"), re.MULTILINE)

    def test_the_unit_is_active_with_a_watchdog(self):
        unit = self.unit("unit")
        self.assertEqual((unit["ActiveState"], unit["SubState"], unit["Type"]), ("active", "running", "notify"))
        self.assertEqual(unit["StatusText"], "serving http://127.0.0.1:10435")
        self.assertEqual(unit["WatchdogUSec"], "1min")
        self.assertEqual((unit["User"], unit["NRestarts"]), ("kernel_exporter", "0"))

    def test_nothing_is_amiss_in_its_log(self):
        journal = self.section("journal")
        self.assertRegex(journal, "info: listening on http://127.0.0.1:10435")
        # No kprobes for this user: packaging/README.md.
        self.assertEqual([line for line in journal.splitlines() if re.match("warning|error", line)
                          and not re.search(f"not attached: ({'|'.join(self.WITHOUT)})_", line)], [])
        self.assertIn("kprobes are refused: Permission denied (kernel.perf_event_paranoid is 3", journal)

    def test_every_thread_is_another_user_without_privilege(self):
        users = {tuple(ids.split()) for ids in self.statuses("Uid")}
        self.assertEqual(len(users), 1, users)
        self.assertEqual(len(set(*users)), 1, users)
        self.assertNotEqual(users.pop()[0], "0")
        self.assertGreater(len(self.statuses("Pid")), 5)
        for field in ("CapEff", "CapPrm", "CapInh", "CapAmb"):
            self.assertEqual(set(self.statuses(field)), {NO_CAPABILITY}, field)
        self.assertEqual(set(self.statuses("NoNewPrivs")), {"1"})
        self.assertEqual(set(self.statuses("Seccomp")), {"2"})

    def test_its_directories_are_its_own(self):
        owners = [line.split() for line in self.section("ownership").splitlines() if line]
        self.assertEqual([(name, mode) for name, _, mode in owners],
                         [("/run/kernel_exporter", "755"), ("/run/kernel_exporter/ota.sock", "666"),
                          ("/var/lib/kernel_exporter", "750")])
        self.assertEqual({user for _, user, _ in owners}, {self.statuses("Uid")[0].split()[0]})

    def test_every_program_of_the_default_rules_is_attached(self):
        programs = self.metrics("first").series("kernel_exporter_probe_attached")
        attached = {labels["probe"] for labels, value in programs if value == 1}
        every = {"softirq", "runqueue", "netdrop", "blockio", "otawrite", "firmware"}
        self.assertLessEqual(every - set(self.WITHOUT), attached)
        missing = {labels["probe"] for labels, value in programs if value == 0}
        self.assertLessEqual(missing, set(self.WITHOUT))

    def dropped(self, name):
        return self.metrics(name).sum("kernel_netdrop_packets_total", device="lo", reason="no_socket")

    def test_drops_are_counted_as_the_kernel_counts_them(self):
        def no_ports(name):
            names, values = (line.split() for line in self.section(name).splitlines() if line.startswith("Udp:"))
            return int(values[names.index("NoPorts")])
        truth = no_ports("udp_after") - no_ports("udp_before")
        self.assertEqual(truth, 40)
        self.assertEqual(self.dropped("second") - self.dropped("first"), truth)

    def test_kernel_counts_go_up(self):
        first, second = self.metrics("first"), self.metrics("second")
        for name in ("kernel_runqueue_latency_seconds_count", "kernel_softirq_duration_seconds_count"):
            self.assertGreater(second.sum(name), first.sum(name), name)

    def test_an_update_is_followed_and_outlives_the_exporter(self):
        third = self.metrics("third")
        self.assertGreaterEqual(third.sum("ota_written_bytes_total", device="vda"), 512 * 4096)
        self.assertEqual(third.value("kernel_exporter_ota_ledger_writable"), 1)
        self.assertEqual(third.value("ota_failures_total", engine="custom", cause="verify_failed"), 1)
        self.assertRegex(self.section("restart"), "2026-11.*verify_failed")

    def test_reload_restart_and_stop(self):
        first = self.unit("unit")["MainPID"]
        self.assertIn("reloaded", self.section("reload"))
        self.assertEqual(self.unit("reload")["ActiveState"], "active")
        self.assertEqual(self.unit("reload")["MainPID"], first)
        self.assertIn("restarted", self.section("restart"))
        self.assertEqual(self.unit("restart")["ActiveState"], "active")
        self.assertNotEqual(self.unit("restart")["MainPID"], first)
        self.assertEqual((self.unit("stop")["ActiveState"], self.unit("stop")["Result"]), ("inactive", "success"))


class BootedWithEngines(Booted):
    """Debian 12 as it is: its own kernel, its RAUC and its SWUpdate."""
    KERNEL = "6.1"
    BOOTS = ("checks=check,check_engines rauc.slot=A rw", "checks=check_booted rauc.slot=B rw",
             "checks=check_read_only rauc.slot=B ro")
    PACKAGES = engines.PACKAGES
    DISKS = 3
    WITHOUT = ("mtd", "firmware")

    @classmethod
    def prepare(cls, root):
        engines.prepare(root, cls.folder)
        unpacked = os.path.join(cls.folder, "upgrade")
        run("dpkg-deb", "-R", package(), unpacked)
        control = os.path.join(unpacked, "DEBIAN/control")
        with open(control, encoding="utf-8") as file:
            text = re.sub(r"(?m)^(Version: .*)$", r"\1+1", file.read())
        with open(control, "w", encoding="utf-8") as file:
            file.write(text)
        run("dpkg-deb", "--root-owner-group", "-b", unpacked, os.path.join(root, "upgrade.deb"))

    def test_nothing_was_waited_for_in_vain(self):
        self.assertEqual([name for name, text in self.sections.items() if "NOT SEEN" in text], [])

    def test_both_engines_are_connected(self):
        start = self.metrics("engines_start")
        for engine in ("rauc", "swupdate"):
            self.assertEqual(start.value("kernel_exporter_ota_adapter_connected", engine=engine), 1, engine)

    def test_a_killed_service_is_seen(self):
        killed = self.metrics("kill")
        self.assertEqual(killed.value("ota_process_failures_total", failure="signal_killed"), 1)
        # It was slowed down before: if it starved to its end, that is the root, and the kill what came of it.
        causes = {labels["cause"]: value for labels, value in killed.series("ota_failures_total")
                  if labels["engine"] == "rauc" and value}
        self.assertIn(causes, ({"signal_killed": 1}, {"starved": 1}))
        self.assertIn("signal_killed", self.section("kill_history"))

    def check_bytes(self, name, device, before):
        """What the kernel has written to the device, against what was attributed to the update for certain. `before`:
        the section with the metrics before it."""
        truth = int(self.section(f"{name}_after")) - int(self.section(f"{name}_before"))
        self.assertGreaterEqual(truth, engines.IMAGE_BYTES)
        def written(**labels):
            before_and_after = [self.metrics(section).sum("ota_written_bytes_total", device=device, **labels)
                                for section in (before, name)]
            return before_and_after[1] - before_and_after[0]
        self.assertEqual(written(), truth)
        self.assertGreaterEqual(written(attribution="exact"), 0.99 * truth)

    def test_a_starved_installation_by_rauc(self):
        self.check_bytes("starve", "vdc", "kill")
        starved = self.metrics("starve")
        self.assertEqual(starved.value("ota_last_failure_info", engine="rauc", cause="starved", device=""), 1)
        self.assertEqual(starved.value("ota_state", engine="rauc", state="rebooting"), 1)
        info, = [labels for labels, value in starved.series("ota_transaction_info") if labels["engine"] == "rauc"]
        self.assertEqual(info["to"], "2")

    def test_an_installation_by_swupdate(self):
        self.check_bytes("swupdate", "vdd", "upgrade")
        info, = [labels for labels, value in self.metrics("swupdate").series("ota_transaction_info")
                 if labels["engine"] == "swupdate"]
        self.assertEqual(info["to"], "5.0")

    def test_an_upgrade_of_the_package_in_the_middle_of_an_installation(self):
        before, after = self.unit("unit")["MainPID"], self.unit("upgrade")
        self.assertEqual(after["ActiveState"], "active")
        self.assertNotEqual(after["MainPID"], before)
        upgraded = self.metrics("upgrade")
        self.assertEqual(upgraded.value("ota_state", engine="rauc", state="rebooting"), 1)

    def test_the_new_slot_is_confirmed_after_a_reboot(self):
        booted = self.metrics("metrics_booted")
        self.assertEqual(booted.value("ota_transactions_total", engine="rauc", result="succeeded"), 1)
        self.assertEqual(booted.value("ota_last_result_info", engine="rauc", to="3", result="succeeded", cause="none"), 1)

    def test_a_read_only_root_costs_the_ledger_alone(self):
        unit = self.unit("read_only")
        self.assertEqual((unit["ActiveState"], unit["NRestarts"]), ("active", "0"))
        metrics = self.metrics("read_only_metrics")
        self.assertEqual(metrics.value("kernel_exporter_ota_ledger_writable"), 0)
        self.assertGreater(metrics.sum("kernel_runqueue_latency_seconds_count"), 0)

    def test_a_faulty_rule_fails_the_reload(self):
        self.assertIn("reload failed", self.section("faulty_reload"))
        self.assertIn('broken.yaml:1: unknown key "nonsense"', self.section("faulty_reload"))

    def test_purge_leaves_what_is_mounted(self):
        self.assertIn("purged", self.section("purge"))


if __name__ == "__main__":
    unittest.main()
