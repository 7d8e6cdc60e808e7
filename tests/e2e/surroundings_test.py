# SPDX-License-Identifier: Apache-2.0
"""Careless surroundings: closed standard files, paths that are something else, limits, signals in between."""
import contextlib
import os
import resource
import signal
import socket
import stat
import subprocess
import tempfile
import threading
import time
import unittest

from exporter_process import BINARY, DEFAULT_RULES, LIFECYCLE, ExporterProcess, RuleFolder, run_exporter, wait_until

OTA = "socket: {0}/agent.sock\nledger: {0}/ledger\n"
AT_ONCE = 3.0
LONGEST_END = 5.0


class Folder(unittest.TestCase):
    def setUp(self):
        self.folder = self.enterContext(tempfile.TemporaryDirectory(prefix="kernel_exporter_"))
        self.config = self.path("ota.yaml")
        self.write(self.config, OTA.format(self.folder))

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, path, text):
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)

    def content(self, path):
        with open(path, "rb") as file:
            return file.read()

    def serving(self, **arguments):
        return ExporterProcess(arguments=("--ota.config", self.config), **arguments)


class StandardFiles(Folder):
    def test_a_closed_one_is_no_place_for_the_log(self):
        """The ledger would be the next file that is opened, and get the number 2."""
        rows = {"<&-": (0,), ">&-": (1,), "2>&-": (2,), "<&- >&- 2>&-": (0, 1, 2)}
        for closed, numbers in rows.items():
            with self.subTest(closed=closed):
                self.write(self.path("ledger"), "")
                command = ["sh", "-c", f'exec "$0" "$@" {closed}', BINARY, "serve", "--rules", DEFAULT_RULES,
                           "--ota.config", self.config, "--web.listen-address", "127.0.0.1:0"]
                with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
                    try:
                        wait_until(lambda: os.path.exists(self.path("agent.sock")), 20, "the agents' socket")
                        for number in numbers:
                            self.assertEqual(os.readlink(f"/proc/{process.pid}/fd/{number}"), "/dev/null")
                    finally:
                        process.terminate()
                self.assertEqual(process.returncode, 0)
                self.assertNotIn(b"info:", self.content(self.path("ledger")))
                os.unlink(self.path("ledger"))


def make_fifo(path):
    os.mkfifo(path)


def make_device(path):
    os.mknod(path, 0o666 | stat.S_IFCHR, os.makedev(1, 3))  # as /dev/null


def make_link(path):
    with open(path + ".target", "w", encoding="utf-8") as file:
        file.write("precious")
    os.symlink(path + ".target", path)


def make_link_to_a_device(path):
    os.symlink("/dev/zero", path)


class OtherThanFiles(Folder):
    KINDS = (make_fifo, make_device, make_link, make_link_to_a_device)

    def refused(self, path, *arguments):
        """At once, with one line that names the path, and nothing is replaced."""
        before = os.lstat(path)
        start = time.monotonic()
        ended = run_exporter("serve", "--rules", DEFAULT_RULES, "--web.listen-address", "127.0.0.1:0", *arguments)
        self.assertLess(time.monotonic() - start, AT_ONCE)
        self.assertEqual(ended.returncode, 1, ended.stderr)
        self.assertIn(path, ended.stderr.decode().splitlines()[-1])
        after = os.lstat(path)
        self.assertEqual((before.st_ino, before.st_mode, before.st_rdev), (after.st_ino, after.st_mode, after.st_rdev))

    def test_in_place_of_the_ledger(self):
        for make in self.KINDS:
            for name in ("ledger", "ledger.new", "ledger.lock", "ledger.unreadable"):
                with self.subTest(kind=make.__name__, name=name):
                    make(self.path(name))
                    self.refused(self.path(name), "--ota.config", self.config)
                    os.unlink(self.path(name))
        self.assertEqual(self.content(self.path("ledger.target")), b"precious")

    def test_in_place_of_the_socket(self):
        for make in self.KINDS:
            with self.subTest(kind=make.__name__):
                make(self.path("agent.sock"))
                self.refused(self.path("agent.sock"), "--ota.config", self.config)
                os.unlink(self.path("agent.sock"))

    def test_in_place_of_what_is_read(self):
        for make in (make_fifo, make_device, make_link_to_a_device):
            path = self.path("odd.yaml")
            with self.subTest(kind=make.__name__):
                make(path)
                self.refused(path, "--ota.config", path)
                for arguments in (("check", path), ("check", "--ota.config", path)):
                    ended = run_exporter(*arguments, seconds=AT_ONCE)
                    self.assertEqual(ended.returncode, 1)
                    self.assertIn(path, ended.stderr.decode())
                with ExporterProcess((DEFAULT_RULES, path)) as exporter:
                    self.assertEqual(len(exporter.lines_with("odd.yaml: is not a regular file")), 1, exporter.log)
                os.unlink(path)

    def test_links_to_what_is_read_are_followed(self):
        """As Kubernetes mounts a configuration: a link to a file in a folder that is a link itself."""
        os.mkdir(self.path("..data_1"))
        os.symlink("..data_1", self.path("..data"))
        os.rename(self.config, self.path("..data/ota.yaml"))
        os.symlink("..data/ota.yaml", self.config)
        with self.serving() as exporter:
            exporter.scrape()


class Limits(Folder):
    def test_a_file_size_limit_does_not_end_it(self):
        limit = ("sh", "-c", 'ulimit -f 0; exec "$@"', "sh")
        with self.serving(wrapper=limit) as exporter:
            exporter.wait_for_line(r"ledger .*File too large; continuing without the ledger")
            exporter.scrape()

    def test_the_soft_limit_of_open_files_is_raised(self):
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        with ExporterProcess(wrapper=("sh", "-c", 'ulimit -Sn 40; exec "$@"', "sh")) as exporter:
            self.assertEqual(resource.prlimit(exporter.process.pid, resource.RLIMIT_NOFILE), (hard, hard))
            self.assertEqual(exporter.lines_with("open files"), [])

    def test_few_open_files_are_named(self):
        with ExporterProcess(wrapper=("sh", "-c", 'ulimit -n 40; exec "$@"', "sh")) as exporter:
            self.assertEqual(len(exporter.lines_with(r"error: only 40 open files are allowed \(ulimit -n")), 1, exporter.log)
            with contextlib.ExitStack() as stack:
                for _ in range(100):
                    stack.enter_context(socket.create_connection(("127.0.0.1", exporter.port)))
            exporter.scrape()


# The largest rule file, which takes long to read.
LARGE = "probe: softirq\nlist:\n" + "  - {a: 1, b: [1, 2]}\n" * 7000


class Signals(Folder):
    def test_sigterm_ends_a_start_at_any_time(self):
        for delay in (0.01, 0.02, 0.05, 0.1, 0.2):
            with self.subTest(delay=delay):
                exporter = self.serving(ready=False)
                time.sleep(delay)
                start = time.monotonic()
                # Before the program is there, the signal is the C library's.
                self.assertIn(exporter.stop(), (0, -signal.SIGTERM))
                self.assertLess(time.monotonic() - start, 1)

    def test_sigterm_ends_a_long_start(self):
        rules = self.enterContext(RuleFolder(**{f"large{i}": LARGE for i in range(40)}))
        exporter = ExporterProcess(rules.path, ready=False)
        time.sleep(0.5)
        self.assertIsNone(exporter.process.poll(), "the start was not long enough")
        start = time.monotonic()
        self.assertEqual(exporter.stop(), 0)
        self.assertLess(time.monotonic() - start, 1)

    def test_sigterm_ends_a_long_reload(self):
        for how in ("signal", "request"):
            rules = self.enterContext(RuleFolder())
            with open(os.path.join(DEFAULT_RULES, "softirq.yaml"), encoding="utf-8") as file:
                rules.write("a", file.read())
            with self.subTest(how=how), ExporterProcess(rules.path, arguments=LIFECYCLE) as exporter:
                for i in range(100):
                    rules.write(f"large{i}", LARGE)
                if how == "signal":
                    exporter.send(signal.SIGHUP)
                else:
                    threading.Thread(target=self.ask_for_a_reload, args=(exporter,), daemon=True).start()
                time.sleep(0.3)
                start = time.monotonic()
                exporter.scrape()
                self.assertLess(time.monotonic() - start, 1)  # meanwhile, scrapes go on
                self.assertEqual(exporter.stop(), 0)
                self.assertLess(time.monotonic() - start, LONGEST_END + 1)
                self.assertEqual(exporter.lines_with("reload failed"), [], "the reload was not long enough")

    def ask_for_a_reload(self, exporter):
        with contextlib.suppress(OSError):
            exporter.get("/-/reload", method="POST")


if __name__ == "__main__":
    unittest.main()
