"""What the tests of whole updates share: a boot that did not happen, and the kernel's own count of what was
written."""
import os


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


def written_bytes(device):
    """What the kernel itself counts: bytes that the device was given to write."""
    with open("/proc/diskstats", encoding="utf-8") as file:
        for line in file:
            fields = line.split()
            if fields[2] == os.path.basename(device):
                return int(fields[9]) * 512
    raise AssertionError(f"no {device} in /proc/diskstats")


def sync_device(device):
    """Returns when nothing of the device waits for writeback."""
    with open(device, "rb") as file:
        os.fsync(file.fileno())
