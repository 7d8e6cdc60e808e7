# SPDX-License-Identifier: Apache-2.0
"""What the exporter gives up: read in every thread's status, then tried in the running process itself."""
import errno
import os
import re
import shutil
import socket
import tempfile
import unittest

from exporter_process import BINARY, DEFAULT_RULES, LIFECYCLE, ExporterProcess, RuleFolder, wait_until
from machine import LoopDevice, run
from system_call_injection import inject

CAPABILITIES = {name: 1 << bit for name, bit in
                {"net_bind_service": 10, "syslog": 34, "perfmon": 38, "bpf": 39}.items()}
AS_NOBODY = ("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--inh-caps=-all,+bpf,+perfmon",
             "--ambient-caps=-all,+bpf,+perfmon", "--bounding-set=-all,+bpf,+perfmon")

# arch/x86/entry/syscalls/syscall_64.tbl. Nothing here may have an effect, because test_keep_all_is_the_control makes
# these calls where nothing denies them, as root: pointers are null, descriptors -1, ids those of no process. Never a
# process id of -1 for kill, which means all of them: it is asked with signal 0 and the exporter's own id.
BPF, SOCKET, CLONE = 321, 41, 56
NONE = -1
NO_PROCESS = 2**22 + 1  # above PID_MAX_LIMIT
DENIED = {
    "execve": (59,), "execveat": (322, NONE), "a new process": (CLONE, 0x800), "ptrace": (101, 2, NO_PROCESS),
    "process_vm_writev": (311, NO_PROCESS), "executable memory": (10, 0, 0, 4),
    "mount": (165,), "umount2": (166,), "pivot_root": (155,), "chroot": (161,), "unshare": (272,),
    "setns": (308, NONE, 0x40000000), "setresuid": (117, NONE, NONE, NONE), "capset": (126,),
    "perf_event_open": (298,), "memfd_create": (319,), "ioctl": (16, NONE), "listen": (50, NONE),
    "a TCP socket": (SOCKET, socket.AF_INET, socket.SOCK_STREAM), "a UDP socket": (SOCKET, socket.AF_INET6, 2),
    "a netlink socket beside routing's": (SOCKET, socket.AF_NETLINK, 3, 15),
    "BPF_MAP_CREATE": (BPF, 0), "BPF_PROG_LOAD": (BPF, 5), "BPF_OBJ_PIN": (BPF, 6), "BPF_OBJ_GET": (BPF, 7),
    "BPF_PROG_ATTACH": (BPF, 8), "BPF_PROG_GET_FD_BY_ID": (BPF, 13), "BPF_MAP_GET_FD_BY_ID": (BPF, 14),
    "BPF_BTF_LOAD": (BPF, 18),
}
# They get as far as the kernel's own complaint, or succeed.
ALLOWED = {
    "read": (0, NONE), "fdatasync": (75, NONE), "getpid": (39,), "connect": (42, NONE),
    "BPF_MAP_LOOKUP_ELEM": (BPF, 1), "BPF_MAP_UPDATE_ELEM": (BPF, 2), "BPF_MAP_LOOKUP_BATCH": (BPF, 24),
    "BPF_LINK_CREATE": (BPF, 28), "BPF_RAW_TRACEPOINT_OPEN": (BPF, 17),
}
# So many threads that one which keeps a privilege is not missed.
WORKERS = ("--web.threads", "8", *LIFECYCLE)


def threads(exporter):
    return sorted(int(name) for name in os.listdir(f"/proc/{exporter.process.pid}/task"))


def statuses(exporter, *fields):
    """The different values of the fields over all threads."""
    values = set()
    for thread in threads(exporter):
        with open(f"/proc/{exporter.process.pid}/task/{thread}/status", encoding="utf-8") as status:
            found = dict(line.rstrip("\n").split(":\t", 1) for line in status if ":\t" in line)
        values.add(tuple(int(found[field], 16) for field in fields))
    return values


def mask(*names):
    return sum(CAPABILITIES[name] for name in names)


class EveryThread(unittest.TestCase):
    def check(self, exporter, *capabilities):
        """As `capabilities` says or less: CAP_BPF stays on kernels that want it for lookups."""
        self.assertGreater(len(threads(exporter)), 8)
        expected = mask(*capabilities)
        if exporter.lines_with("capabilities kept: .*CAP_BPF"):
            expected |= mask("bpf")
        self.assertEqual(statuses(exporter, "CapEff", "CapPrm", "CapInh", "CapAmb"), {(expected, expected, 0, 0)})
        self.assertEqual(statuses(exporter, "NoNewPrivs", "Seccomp", "Seccomp_filters"), {(1, 2, 1)})

    def check_it_still_works(self, exporter):
        def switches():
            return exporter.scrape().sum("kernel_runqueue_latency_seconds_count")
        before = switches()
        wait_until(lambda: switches() > before, what="more context switches")
        self.assertEqual(exporter.get("/").status, 200)
        self.assertEqual(exporter.get("/-/reload", method="POST").status, 200)
        seen = len(exporter.lines)
        exporter.send(1)
        exporter.wait_for_line("rules reloaded", after=seen)
        exporter.scrape()
        # Where the folder for temporary files is in memory, so is the ledger.
        self.assertEqual(exporter.lines_with("(warning|error): (?!the ledger .* is on)"), [])

    def test_as_root_nothing_is_left_that_the_rules_do_not_need(self):
        with ExporterProcess(arguments=WORKERS) as exporter:
            self.check(exporter)
            self.assertEqual(statuses(exporter, "CapBnd"), statuses(exporter, "CapEff"))
            self.check_it_still_works(exporter)
            self.check(exporter)

    def test_symbols_keep_one(self):
        rules = self.enterContext(RuleFolder(runqueue="""
probe: runqueue
metrics:
  - {name: kernel_runqueue_queued_migrations_total, help: Moved., type: counter, map: runqueue,
     value: queued_migrations, labels: {cpu: {field: key, decode: ksym}}}
"""))
        with ExporterProcess(rules.path, arguments=WORKERS) as exporter:
            self.check(exporter, "syslog")
            exporter.scrape()

    def test_as_another_user_with_two_capabilities(self):
        folder = tempfile.mkdtemp(prefix="kernel_exporter_user_")
        self.addCleanup(shutil.rmtree, folder)
        os.chmod(folder, 0o755)
        binary = shutil.copy(BINARY, folder)
        rules = shutil.copytree(DEFAULT_RULES, os.path.join(folder, "rules"))
        with ExporterProcess(rules, binary=binary, wrapper=AS_NOBODY, arguments=WORKERS) as exporter:
            self.check(exporter)
            self.check_it_still_works(exporter)

    def test_updates_are_followed_in_threads_that_have_given_up_too(self):
        folder = self.enterContext(tempfile.TemporaryDirectory(prefix="kernel_exporter_ota_"))
        config, agent = os.path.join(folder, "ota.yaml"), os.path.join(folder, "ota.sock")
        with open(config, "w", encoding="utf-8") as file:
            file.write(f"socket: {agent}\nledger: {folder}/ledger/ota.ledger\n")
        arguments = ("--ota.config", config, *WORKERS)
        with ExporterProcess(arguments=arguments) as exporter, LoopDevice() as loop:
            self.check(exporter)

            def ota(*arguments):
                return run(BINARY, "ota", *arguments, "--socket", agent)
            ota("begin", "--id", "1", "--engine", "custom", "--device", f"{loop.path}=slot")
            loop.write(1 << 20)
            scraped = exporter.scrape()
            self.assertEqual(scraped.sum("ota_written_bytes_total", device=loop.name), 1 << 20)
            ota("end", "failed")
            self.assertIn("failed", ota("history"))
            self.assertEqual(exporter.scrape().value("kernel_exporter_ota_ledger_writable"), 1)
            self.check(exporter)


class RunningProcess(unittest.TestCase):
    """System calls made by the exporter's own threads."""

    @classmethod
    def setUpClass(cls):
        # See CMakeLists.txt: a mistake in the table above must not reach other processes.
        with open("/proc/1/cmdline", "rb") as first:
            assert b"least_privilege_test" in first.read(), "run this in a PID namespace of its own, by ctest"

    def outcomes(self, exporter, calls):
        main = exporter.process.pid
        self.assertEqual(threads(exporter)[0], main)
        worker = threads(exporter)[-1]
        calls = {**calls, "kill": (62, main, 0)} if calls is DENIED else calls
        return {(name, "main" if thread == main else "worker"): inject(main, thread, *call)
                for name, call in calls.items() for thread in (main, worker)}

    def test_what_it_never_does_is_denied(self):
        with ExporterProcess() as exporter:
            for name, outcome in self.outcomes(exporter, DENIED).items():
                self.assertEqual(outcome, -errno.EPERM, name)
            exporter.scrape()

    def test_what_it_does_is_let_through(self):
        with ExporterProcess() as exporter:
            for name, outcome in self.outcomes(exporter, ALLOWED).items():
                self.assertNotIn(outcome, (-errno.EPERM, -errno.ENOSYS), name)
            self.assertEqual(inject(exporter.process.pid, exporter.process.pid, *ALLOWED["getpid"]),
                             exporter.process.pid)

    def test_keep_all_is_the_control(self):
        with ExporterProcess(arguments=("--privileges.keep-all",)) as exporter:
            self.assertEqual(statuses(exporter, "NoNewPrivs", "Seccomp"), {(0, 0)})
            with open("/proc/self/status", encoding="utf-8") as status:
                own = int(re.search("CapEff:\t(.*)", status.read()).group(1), 16)
            self.assertEqual(statuses(exporter, "CapEff"), {(own,)})
            for name, outcome in self.outcomes(exporter, DENIED).items():
                self.assertNotEqual(outcome, -errno.EPERM, name)


if __name__ == "__main__":
    unittest.main()
