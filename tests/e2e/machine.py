# SPDX-License-Identifier: Apache-2.0
"""What the tests need of the machine: network namespaces, loop devices, cgroups, the kernel's log, odd programs. All
of it ends with the `with` block that made it."""
import contextlib
import ctypes
import errno
import os
import re
import select
import shutil
import socket
import struct
import subprocess
import tempfile
import time

MIB = 1 << 20
CLONE_NEWNET = 0x40000000
UNKNOWN_ETHERTYPE = 0x88B5  # IEEE 802, for local experiments


def run(*command, **arguments):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          **arguments).stdout.decode()


@contextlib.contextmanager
def network_namespace(name):
    """A named network namespace of its own with lo up."""
    name = f"{name}{os.getpid()}"
    run("ip", "netns", "add", name)
    try:
        # What IPv6 says on its own is not for a test to count.
        run("ip", "netns", "exec", name, "sh", "-c",
            "echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6; ip link set lo up")
        yield name
    finally:
        run("ip", "netns", "del", name)


def add_veth(namespace, device, peer_namespace, peer, address=None):
    """A pair of devices, both up; `address` (with prefix length) is for `device`."""
    run("ip", "link", "add", device, "netns", namespace, "type", "veth", "peer", "name", peer,
        "netns", peer_namespace)
    run("ip", "-n", namespace, "link", "set", device, "up")
    run("ip", "-n", peer_namespace, "link", "set", peer, "up")
    if address:
        run("ip", "-n", namespace, "address", "add", address, "dev", device)


@contextlib.contextmanager
def inside(namespace):
    """Runs the block's thread in a network namespace; sockets made there stay there."""
    libc = ctypes.CDLL(None, use_errno=True)

    def enter(file):
        if libc.setns(file.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), f"setns {file.name}")
    with open("/proc/thread-self/ns/net", "rb") as own, open(f"/run/netns/{namespace}", "rb") as other:
        enter(other)
        try:
            yield
        finally:
            enter(own)


def frame(size=60, ethertype=UNKNOWN_ETHERTYPE, destination=b"\xff" * 6, payload=b""):
    """An Ethernet frame of `size` bytes."""
    head = destination + bytes.fromhex("020000000001") + struct.pack("!H", ethertype)
    return (head + payload).ljust(size, b"\0")


def ipv4(destination, payload=b"", protocol=17, checksum=None, source="192.0.2.1"):
    """An IPv4 header before `payload`; a `checksum` of one's own may be wrong."""
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 0, 0, 64, protocol, 0,
                       socket.inet_aton(source), socket.inet_aton(destination))
    if checksum is None:
        total = sum(struct.unpack("!10H", head))
        total = (total & 0xFFFF) + (total >> 16)
        checksum = ~(total + (total >> 16)) & 0xFFFF
    return head[:10] + struct.pack("!H", checksum) + head[12:] + payload


def udp(port, payload=b""):
    return struct.pack("!HHHH", 9, port, 8 + len(payload), 0) + payload


def packet_socket(namespace, device):
    with inside(namespace):
        packets = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        packets.bind((device, 0))
    return packets


def send_frames(namespace, device, frames):
    with packet_socket(namespace, device) as packets:
        for data in frames:
            packets.send(data)


class LoopDevice:
    """A loop device on a file of its own."""

    def __init__(self, size=4 << 20):
        self._file = tempfile.NamedTemporaryFile(prefix="kernel_exporter_loop_")
        self._file.truncate(size)
        self.path = None
        self.attach()

    def attach(self):
        self.path = run("losetup", "--find", "--show", self._file.name).strip()
        self.name = os.path.basename(self.path)

    def detach(self):
        run("losetup", "--detach", self.path)
        self.path = None

    @contextlib.contextmanager
    def partitions(self, count):
        """The device in `count` equal parts behind its first MiB; yields their paths."""
        sectors = int(run("blockdev", "--getsz", self.path))
        size = (sectors - 2048) // count
        for i in range(count):
            run("addpart", self.path, str(i + 1), str(2048 + i * size), str(size))
        try:
            yield [f"{self.path}p{i + 1}" for i in range(count)]
        finally:
            for i in range(count):
                run("delpart", self.path, str(i + 1))

    def truncate(self, size):
        """Cuts the file below the device: what lies beyond becomes an error of the medium."""
        self._file.truncate(size)

    def write(self, size=1 << 20):
        """Writes that have reached the device when this returns."""
        with open(self.path, "r+b", buffering=0) as device:
            device.write(os.urandom(4096) * (size // 4096))
            os.fsync(device.fileno())

    def read(self, size=1 << 20):
        """Reads that the device has answered, not the page cache."""
        with open(self.path, "rb", buffering=0) as device:
            os.posix_fadvise(device.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            assert len(device.read(size)) == size

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.path:
            self.detach()
        self._file.close()


class KernelLog:
    """What the kernel logs from now on."""

    def __enter__(self):
        self._file = os.open("/dev/kmsg", os.O_RDWR | os.O_NONBLOCK)
        os.lseek(self._file, 0, os.SEEK_END)
        # Its clock is its own: a line of ours tells the difference.
        begin, mark = time.monotonic(), f"kernel_exporter test {os.getpid()}"
        os.write(self._file, f"{mark}\n".encode())
        self._difference = 0
        self._difference = begin - self.wait_for(mark)
        return self

    def __exit__(self, *_):
        os.close(self._file)

    def wait_for(self, pattern, seconds=30):
        """When the kernel logged what matches, as time.monotonic() has it and not later than that."""
        deadline = time.monotonic() + seconds
        while select.select([self._file], [], [], max(0, deadline - time.monotonic()))[0]:
            head, text = os.read(self._file, 8192).decode("utf-8", "replace").split(";", 1)
            if re.search(pattern, text):
                return int(head.split(",")[2]) / 1e6 + self._difference
        raise AssertionError(f"the kernel has not logged {pattern} in {seconds} s")


def cgroup2_mount():
    """Where the cgroup2 hierarchy is."""
    with open("/proc/self/mountinfo", encoding="utf-8") as mounts:
        for line in mounts:
            fields = line.split()
            if fields[fields.index("-") + 1] == "cgroup2":
                return fields[4]
    raise AssertionError("no cgroup2 is mounted")


def remove_cgroup(path, seconds=10):
    """Once its processes are gone: one that was waited for leaves its cgroup a moment later."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return os.rmdir(path)
        except OSError as error:
            if error.errno != errno.EBUSY or time.monotonic() > deadline:
                raise
        time.sleep(0.01)


@contextlib.contextmanager
def programs(*names):
    """Copies of `true` by these names (bytes, any but / and NUL); yields a function that runs one of them."""
    folder = tempfile.mkdtemp(prefix="kernel_exporter_programs_").encode()
    try:
        for name in names:
            shutil.copy("/bin/true", os.path.join(folder, name))

        def execute(name, times=1):
            for _ in range(times):
                subprocess.run([os.path.join(folder, name)], check=True)
        yield execute
    finally:
        shutil.rmtree(folder)
