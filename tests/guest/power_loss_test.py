#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Updates over a power cut and over reboots, on a machine that is QEMU: its disks outlive it, its memory does not.

The power is cut by killing QEMU in the middle of an installation by RAUC. What happens inside the guest, and is
asserted there, is in power_loss_guest.py, one function a boot.
"""
import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
KERNEL = "6.12"
BOOT_SECONDS = 300
PHASE_SECONDS = 300
ENDED_ALONE = 125  # boot: the guest was off before its command ended
MIB = 1 << 20


class PowerLoss(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="kernel_exporter_power_")
        self.addCleanup(folder.cleanup)
        self.results = os.path.join(folder.name, "results")
        os.mkdir(self.results)
        data = self.disk(folder.name, "data", 96 * MIB)
        subprocess.run(["mkfs.ext4", "-q", "-F", data], check=True)
        # So slow that an installation takes long enough to be cut.
        self.disks = [data] + [self.disk(folder.name, name, 32 * MIB) + f",throttling.bps-write={4 * MIB}"
                               for name in ("A", "B")]

    @staticmethod
    def disk(folder, name, size):
        path = os.path.join(folder, name)
        with open(path, "wb") as file:
            file.truncate(size)
        return path

    def boot(self, phase):
        for name in ("ready", "done"):
            if os.path.exists(self.result(name)):
                os.unlink(self.result(name))
        command = [os.path.join(HERE, "boot"), "--results", self.results, "--boot-timeout", str(BOOT_SECONDS),
                   "--timeout", str(PHASE_SECONDS)]
        for disk in self.disks:
            command += ["--disk", disk]
        guest = ["/usr/bin/python3", "-B", os.path.join(HERE, "power_loss_guest.py"), phase, self.results]
        environment = f"KERNEL_EXPORTER_BUILD={os.environ.get('KERNEL_EXPORTER_BUILD', 'build')}"
        machine = subprocess.Popen([*command, KERNEL, "--", "/usr/bin/env", environment, *guest],
                                   stdin=subprocess.DEVNULL)
        self.addCleanup(self.switch_off, machine)
        return machine

    @staticmethod
    def switch_off(machine):
        """boot takes QEMU with it."""
        if machine.poll() is None:
            machine.terminate()
        machine.wait()

    def result(self, name):
        return os.path.join(self.results, name)

    def wait_for(self, machine, name):
        deadline = time.monotonic() + BOOT_SECONDS + PHASE_SECONDS
        while not os.path.exists(self.result(name)):
            self.assertIsNone(machine.poll(), "the machine is off")
            self.assertLess(time.monotonic(), deadline, f"{name}: not in time")
            time.sleep(0.05)

    def test_updates_outlive_a_power_cut_and_reboots(self):
        machine = self.boot("cut")
        self.wait_for(machine, "ready")
        with open(self.result("qemu.pid"), encoding="ascii") as file:
            os.kill(int(file.read()), signal.SIGKILL)
        self.assertEqual(machine.wait(PHASE_SECONDS), ENDED_ALONE)
        self.assertFalse(os.path.exists(self.result("done")), "the update was over before the power was cut")
        for phase in ("interrupted", "confirm"):
            machine = self.boot(phase)
            self.assertEqual(machine.wait(BOOT_SECONDS + PHASE_SECONDS), ENDED_ALONE, phase)
            self.assertTrue(os.path.exists(self.result("done")), f"{phase}: rebooted too early")
        self.assertEqual(self.boot("roll_back").wait(BOOT_SECONDS + PHASE_SECONDS), 0)


if __name__ == "__main__":
    sys.stdout.reconfigure(line_buffering=True)
    unittest.main()
