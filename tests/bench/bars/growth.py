# SPDX-License-Identifier: Apache-2.0
"""How a scrape and memory grow with what a machine has: of each kind many, against none, in one run."""
import contextlib
import ctypes
import fcntl
import os
import tempfile

from .bench import run
from .kernel_cost import EXPONENTIAL, runqueue_rules
from .processes import MeasurementError, descriptors, status_kib
from .report import Row, Sample

PROCESSES, NAMESPACES, CGROUPS, DISKS, DEVICES = 5000, 300, 1000, 200, 1000
CPUS, GUEST_CPUS = 256, 128
GUEST = "5.10"
CLONE_NEWNET = 0x40000000
LOOP_CTL_REMOVE = 0x4c81
PER_CPU_TYPES = (5, 6, 10)  # BPF_MAP_TYPE_PERCPU_HASH, _PERCPU_ARRAY, _LRU_PERCPU_HASH


def map_memory(pid):
    """MB of a process's BPF maps, by the kernel's count."""
    return sum(int(info["memlock"]) for info in descriptors(pid, "map_id").values()) / 1e6


class Cost:
    """CPU time of a scrape with gzip (ns); resident memory and that of BPF maps then (MB)."""

    def __init__(self, exporter):
        exporter.scrape_cpu_ns(5, 1, compressed=True)
        self.cpu = Sample(exporter.scrape_cpu_ns(100, 10, compressed=True))
        self.resident = status_kib(exporter.pid, "VmRSS") * 1024 / 1e6
        self.maps = map_memory(exporter.pid)
        self.series = exporter.exposition()[0]

    def text(self):
        return f"{self.cpu.text('ms', 1e-6, 2)}, {self.resident:.1f} MB, {self.series} series"


def ratio_row(bench, what, bar, none, many):
    """At most `bar` times the CPU of none."""
    ratio = many.cpu.median / none.cpu.median
    bench.say(f"{what}: {many.text()}; none: {none.text()}")
    return Row(what, f"≤ {bar:g}x none", f"{ratio:.2f}x ({many.text()}; none: {none.text()})", "", ratio <= bar)


def item_row(bench, what, bar, items, none, many):
    """At most `bar` microseconds of CPU for each item: 0.5 for each of its series, as in scraping.py."""
    each = (many.cpu.median - none.cpu.median) / 1e3 / items
    kilobytes = (many.resident - none.resident) * 1e3 / items
    maps = (many.maps - none.maps) * 1e3 / items
    bench.say(f"{what}: {many.text()}; none: {none.text()}")
    return Row(what, f"≤ {bar:g} us each", f"{each:.1f} us and {kilobytes:.1f} kB each, {maps:.1f} kB of BPF maps "
               f"({many.text()}; none: {none.cpu.text('ms', 1e-6, 2)})", "", each <= bar)


@contextlib.contextmanager
def crowd(bench, count, namespaces):
    with bench.conversation("crowd", count, namespaces) as processes:
        processes.hear()
        yield


def processes_and_namespaces(bench):
    with bench.serve(bench.rules("events")) as exporter:
        none = Cost(exporter)
        with crowd(bench, PROCESSES, 0):
            processes = Cost(exporter)
            with crowd(bench, NAMESPACES, NAMESPACES):
                both = Cost(exporter)
            gone = Cost(exporter)
    return [
        ratio_row(bench, f"scrape with {PROCESSES:,} processes", 1.5, none, processes),
        ratio_row(bench, f"– and {NAMESPACES} network namespaces that dropped packets", 1.5, none, both),
        ratio_row(bench, "– when these namespaces have vanished", 1.5, none, gone),
    ]


@contextlib.contextmanager
def many_cgroups(bench):
    """Children of the bench's own cgroup, and the glob for them."""
    directory, name = bench.cgroup()
    children = [os.path.join(directory, f"child{number}") for number in range(CGROUPS)]
    with contextlib.ExitStack() as undo:
        for child in children:
            os.mkdir(child)
            undo.callback(os.rmdir, child)
        yield f"{name}/*"


def cgroups(bench):
    _, name = bench.cgroup()
    settings = f"max_entries: {{runqueue_cgroup: {CGROUPS}}}\n"
    rules = bench.written_rules("cgroups", settings + runqueue_rules(EXPONENTIAL, f"{name}/*"))
    with bench.serve(bench.rules("events")) as default, bench.serve(rules) as selecting:
        none, none_selected = Cost(default), Cost(selecting)
        with many_cgroups(bench):
            many, selected = Cost(default), Cost(selecting)
        if selected.series - none_selected.series < CGROUPS:
            raise MeasurementError(f"{selected.series} series of {CGROUPS} cgroups")
    return [
        ratio_row(bench, f"scrape with {CGROUPS:,} cgroups, default rules", 1.2, none, many),
        item_row(bench, f"– a run-queue histogram for each ({CGROUPS:,} selected)", 14, CGROUPS, none_selected,
                 selected),
    ]


@contextlib.contextmanager
def many_disks(bench):
    """Loop devices; those that the kernel made for this go again."""
    before = set(os.listdir("/sys/block"))
    with contextlib.ExitStack() as undo:
        folder = undo.enter_context(tempfile.TemporaryDirectory(dir="/dev/shm"))
        disks = []
        for number in range(DISKS):
            image = os.path.join(folder, str(number))
            with open(image, "wb") as file:
                file.truncate(1 << 20)
            disks.append(run("losetup", "--find", "--show", image).strip())
            undo.callback(detach, disks[-1], os.path.basename(disks[-1]) not in before)
        yield disks


def detach(disk, added):
    run("losetup", "--detach", disk)
    if added:
        with open("/dev/loop-control", "wb") as control:
            fcntl.ioctl(control, LOOP_CTL_REMOVE, int(disk.removeprefix("/dev/loop")))


def use(disk):
    """A read and a write past the page cache."""
    run("dd", f"if={disk}", "of=/dev/null", "bs=4k", "count=1", "iflag=direct")
    run("dd", "if=/dev/zero", f"of={disk}", "bs=4k", "count=1", "oflag=direct")


def disks(bench):
    rules = bench.rules("events", "blockio")
    with bench.serve(rules) as exporter:
        none = Cost(exporter)
    with many_disks(bench) as found, bench.serve(rules) as exporter:
        for disk in found:
            use(disk)
        many = Cost(exporter)
        seen = exporter.scrape().count(b"\nkernel_blockio_bytes_total{")
        if seen < 2 * DISKS:
            raise MeasurementError(f"{seen} series of {DISKS} disks")
    return [item_row(bench, f"scrape with {DISKS} disks, read and written", 8, DISKS, none, many)]


@contextlib.contextmanager
def network_namespace():
    """This process, and what it starts, in a new one."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open("/proc/self/ns/net", "rb") as before:
        if libc.unshare(CLONE_NEWNET):
            raise MeasurementError(f"unshare: {os.strerror(ctypes.get_errno())}")
        try:
            run("ip", "link", "set", "lo", "up")
            yield
        finally:
            libc.setns(before.fileno(), CLONE_NEWNET)


def devices(bench):
    pairs = "".join(f"link add a{number} type veth peer name b{number}\n" for number in range(DEVICES // 2))
    batch = os.path.join(bench.scratch, "devices")
    with open(batch, "w", encoding="ascii") as file:
        file.write(pairs)
    with network_namespace(), bench.serve(bench.rules("events", "netdrop")) as exporter:
        none = Cost(exporter)
        run("ip", "-batch", batch)
        many = Cost(exporter)
    return [item_row(bench, f"scrape with {DEVICES:,} network devices, default rules", 4, DEVICES, none, many)]


def memory_in_guest(bench):
    """MB of BPF maps where GUEST_CPUS are possible."""
    program = os.path.join(bench.source, "tests", "bench", "map_memory")
    said = run(os.path.join(bench.source, "tests", "guest", "boot"), "--possible-cpus", GUEST_CPUS, GUEST, "--",
               program, bench.exporter, bench.rules("events"))
    possible, memory = map(float, said.split()[-2:])
    if possible != GUEST_CPUS:
        raise MeasurementError(f"{possible:g} possible CPUs in the guest, expected {GUEST_CPUS}")
    return memory


def map_bytes(maps, cpus):
    """Of keys and values, with so many possible CPUs."""
    total = 0
    for info in maps:
        entries, key, value = (int(info[name]) for name in ("max_entries", "key_size", "value_size"))
        per_cpu = int(info["map_type"]) in PER_CPU_TYPES
        total += entries * (key + (-(-value // 8) * 8 * cpus if per_cpu else value))
    return total


def possible_cpus(bench):
    with bench.serve(bench.rules("events")) as exporter:
        maps = descriptors(exporter.pid, "map_id").values()
    largest, each = (size / 1e6 for size in (map_bytes(maps, CPUS), map_bytes(maps, 1) - map_bytes(maps, 0)))
    return [
        Row(f"BPF maps, default rules, {CPUS} possible CPUs (from their sizes)", "≤ 64 MB",
            f"{largest:.1f} MB, {each:.2f} MB a CPU", "", largest <= 64),
        Row(f"– with {GUEST_CPUS} possible CPUs, 2 of them there, in a guest", "",
            f"{memory_in_guest(bench):.1f} MB by the kernel's count, "
            f"by their sizes {map_bytes(maps, GUEST_CPUS) / 1e6:.1f} MB"),
    ]


def growth(bench):
    return [row for part in (processes_and_namespaces, cgroups, disks, devices, possible_cpus) for row in part(bench)]
