# SPDX-License-Identifier: Apache-2.0
"""What the service manager hears: the exporter under a socket that plays systemd's part."""
import os
import signal
import socket
import tempfile
import unittest

from exporter_process import DEFAULT_RULES, ExporterProcess, RuleFolder
from machine import LoopDevice
from system_call_injection import stopped

BLOCKIO = os.path.join(DEFAULT_RULES, "blockio.yaml")
SOFTIRQ = os.path.join(DEFAULT_RULES, "softirq.yaml")
WATCHDOG_SECONDS = 1.0


class Manager:
    """The socket of NOTIFY_SOCKET; messages come in order."""

    def __init__(self, watchdog_seconds=None):
        self._folder = tempfile.TemporaryDirectory(prefix="kernel_exporter_notify_")
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(os.path.join(self._folder.name, "notify"))
        self.environment = {"NOTIFY_SOCKET": self._socket.getsockname()}
        if watchdog_seconds:
            self.environment["WATCHDOG_USEC"] = str(int(watchdog_seconds * 1e6))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._socket.close()
        self._folder.cleanup()

    @property
    def wrapper(self):
        return ("env", *(f"{name}={value}" for name, value in self.environment.items()))

    def heard(self, seconds=10):
        """The next message, None when none came in that time."""
        self._socket.settimeout(seconds)
        try:
            return self._socket.recv(4096).decode()
        except TimeoutError:
            return None

    def forget(self):
        while self.heard(0.001):
            pass


def thread_named(exporter, name):
    for thread in os.listdir(f"/proc/{exporter.process.pid}/task"):
        with open(f"/proc/{exporter.process.pid}/task/{thread}/comm", encoding="utf-8") as comm:
            if comm.read().strip() == name:
                return int(thread)
    raise AssertionError(f"no thread {name}")


class States(unittest.TestCase):
    def test_ready_reload_stop(self):
        rules = self.enterContext(RuleFolder())
        with open(SOFTIRQ, encoding="utf-8") as file:
            good = file.read()
        rules.write("softirq", good)
        with Manager() as manager, ExporterProcess(rules.path, wrapper=manager.wrapper) as exporter:
            serving = f"READY=1\nSTATUS=serving http://127.0.0.1:{exporter.port}"
            self.assertEqual(manager.heard(), serving)
            exporter.send(signal.SIGHUP)
            self.assertRegex(manager.heard(), r"\ARELOADING=1\nSTATUS=.*\nMONOTONIC_USEC=[0-9]+\Z")
            self.assertEqual(manager.heard(), serving)
            rules.write("softirq", "probe: [")
            exporter.send(signal.SIGHUP)
            self.assertTrue(manager.heard().startswith("RELOADING=1\n"))
            self.assertEqual(manager.heard(), serving + "; reload failed, the previous rules stay active")
            exporter.stop()
            self.assertTrue(manager.heard().startswith("STOPPING=1\n"))

    def test_reloads_when_a_disk_has_come(self):
        # The sizes of blockio's maps, which a reload cannot change, depend on the number of disks.
        with Manager() as manager, ExporterProcess(BLOCKIO, wrapper=manager.wrapper) as exporter, LoopDevice():
            serving = manager.heard()
            exporter.send(signal.SIGHUP)
            self.assertTrue(manager.heard().startswith("RELOADING=1\n"))
            self.assertEqual(manager.heard(), serving)

    def test_a_start_that_fails_is_never_ready(self):
        with Manager() as manager:
            exporter = ExporterProcess("/no/such/folder", wrapper=manager.wrapper, ready=False)
            self.assertEqual(exporter.wait(), 1)
            exporter.process.stderr.close()
            self.assertIsNone(manager.heard(0.1))


class Watchdog(unittest.TestCase):
    def setUp(self):
        self.manager = self.enterContext(Manager(WATCHDOG_SECONDS))
        # systemd names the process; a wrapper becomes it.
        self.exporter = self.enterContext(ExporterProcess(SOFTIRQ, wrapper=self.manager.wrapper))
        self.assertTrue(self.manager.heard().startswith("READY=1"))

    def test_signs_of_life_come_while_it_serves(self):
        for _ in range(3):
            self.assertEqual(self.manager.heard(), "WATCHDOG=1")
        self.exporter.scrape()

    def test_none_comes_while_the_server_takes_no_connection(self):
        self.assertEqual(self.manager.heard(), "WATCHDOG=1")
        with stopped(thread_named(self.exporter, "civetweb-master")):
            self.exporter.wait_for_line("no keep-alive to the watchdog: own GET /-/healthy")
            self.manager.forget()
            self.exporter.wait_for_line("no keep-alive", after=len(self.exporter.lines))
            self.assertIsNone(self.manager.heard(0.01))
        self.assertEqual(self.manager.heard(), "WATCHDOG=1")
        self.exporter.scrape()


if __name__ == "__main__":
    unittest.main()
