# SPDX-License-Identifier: Apache-2.0
"""What the tests of whole updates share: a boot that did not happen, and what others than the exporter say: the
kernel's own counts of what was written, a clock of ours."""
import os
import subprocess
import time

from exporter_process import wait_until


class Boot:
    """A procfs as it is after a boot: everything links to the machine's but the name of the boot."""

    def __init__(self, folder, name):
        self.path = os.path.join(folder, "proc-" + name)
        kernel = os.path.join(self.path, "sys", "kernel")
        os.makedirs(os.path.join(kernel, "random"))
        self._link("/proc", self.path, without=("sys",))
        self._link("/proc/sys", os.path.join(self.path, "sys"), without=("kernel",))
        self._link("/proc/sys/kernel", kernel, without=("random",))
        with open(os.path.join(kernel, "random", "boot_id"), "w", encoding="utf-8") as file:
            file.write(f"00000000-0000-4000-8000-{name:>012}\n")

    @staticmethod
    def _link(source, target, without):
        for name in os.listdir(source):
            # Processes come and go.
            if name not in without and not name.isdigit():
                os.symlink(os.path.join(source, name), os.path.join(target, name))


def reboot_in_a_namespace():
    """reboot(2) by the first process of a PID namespace: the kernel ends that process, and nothing else."""
    restart = "import ctypes, os; assert os.getpid() == 1; ctypes.CDLL(None).reboot(0x01234567)"  # RB_AUTOBOOT
    subprocess.run(["unshare", "--pid", "--fork", "/usr/bin/python3", "-c", restart], check=False)


def seconds_since_boot():
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def follow(exporter, engine):
    """Until an update waits for its boot. Returns the last scrape, and for how many seconds the update was seen under
    way: it took as long or longer."""
    first = last = None

    def waits():
        nonlocal first, last
        looked = seconds_since_boot()
        scrape = exporter.scrape()
        if scrape.value("ota_state", engine=engine, state="rebooting"):
            return scrape
        if scrape.series("ota_transaction_info", engine=engine):
            first, last = first or seconds_since_boot(), looked
        return None
    scrape = wait_until(waits, seconds=60, what="an update that waits for its boot")
    return scrape, last - first if first else 0


def written_bytes(device):
    """What the kernel itself counts: bytes that the device was given to write."""
    with open("/proc/diskstats", encoding="utf-8") as file:
        for line in file:
            fields = line.split()
            if fields[2] == os.path.basename(device):
                return int(fields[9]) * 512
    raise AssertionError(f"no {device} in /proc/diskstats")


def writes(device):
    """What the kernel itself counts: ended writes, also those merged into another; to it a flush is a write, too."""
    with open(f"/sys/block/{os.path.basename(device)}/stat", encoding="ascii") as file:
        fields = list(map(int, file.read().split()))
    return fields[4] + fields[5] - fields[15]


def sync_device(device):
    """Returns when nothing of the device waits for writeback."""
    with open(device, "rb") as file:
        os.fsync(file.fileno())
