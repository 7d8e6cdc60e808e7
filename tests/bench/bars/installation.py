# SPDX-License-Identifier: Apache-2.0
"""What following an update costs: real installations by RAUC, with the exporter and without it in turn."""
import os
import sys
import tempfile
import time

from .kernel_cost import ProgramStats, differences
from .processes import cpu_ns, descriptors
from .report import Row, Sample

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "..", "e2e"))
from fault_device import FaultDevice  # noqa: E402
from rauc import MIB, RaucMachine  # noqa: E402

SIZE = 256 * MIB
# A medium that takes so long for each write, as those of vehicles do.
SLOW_WRITE_MS = 10


class Car:
    """A machine that RAUC updates, and an exporter that follows it when it is asked to."""

    def __init__(self, bench, size, write_ms=0):
        self.bench = bench
        self.size = size
        slots = {}
        if write_ms:
            device = bench.undo.enter_context(FaultDevice(size + 8 * MIB))
            device.delay(write_ms)
            slots["B"] = device.path
        self.machine = bench.undo.enter_context(RaucMachine(size=size + 8 * MIB, slots=slots))
        self.bundle = self.machine.bundle("2.0", self.size)

    def exporter(self):
        return self.bench.vehicle(adapters={"rauc": {"bus": self.machine.address}})

    def install(self):
        """Seconds that it took."""
        os.sync()
        start = time.monotonic()
        self.machine.install(self.bundle)
        return time.monotonic() - start


def exact_bytes(exporter):
    lines = exporter.scrape().decode().splitlines()
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines
               if line.startswith("ota_written_bytes_total{") and 'attribution="exact"' in line)


def followed(car):
    with car.exporter() as exporter:
        seconds = car.install()
        return seconds, exact_bytes(exporter) / car.size


def slowdown(car, pairs):
    """Relative differences of neighbours, and of two installations that nobody follows: the noise."""
    slower, noise, exact, seconds_alone = [], [], [], []
    for pair in range(pairs):
        if pair % 2:
            (seconds, share), alone = followed(car), car.install()
        else:
            alone, (seconds, share) = car.install(), followed(car)
        again = car.install()
        slower.append(seconds / alone - 1)
        noise.append(again / alone - 1)
        exact.append(share)
        seconds_alone.append(alone)
    return Sample(slower), Sample(noise), Sample(exact), Sample(seconds_alone)


def cpu_share(car):
    """Shares of all CPUs' time during an installation: the process, its programs net of empty ones, and as the kernel
    counts them."""
    with ProgramStats(car.bench) as stats, car.exporter() as exporter:
        programs = list(descriptors(exporter.pid, "prog_id"))
        hooks = {hook for hook, _, _ in stats.read(programs).values()} - {"-"}
        empty = {hook: stats.attach_empty(hook) for hook in sorted(hooks)}
        everything = programs + list(empty.values())
        before, spent, start = stats.read(everything), cpu_ns(exporter.pid), time.monotonic()
        car.install()
        capacity = (time.monotonic() - start) * 1e9 * os.cpu_count()
        delta = differences(before, stats.read(everything))
        nothing = {hook: delta[program][1] / max(delta[program][2], 1) for hook, program in empty.items()}
        gross = sum(delta[program][1] for program in programs)
        net = gross - sum(delta[program][2] * nothing.get(delta[program][0], 0) for program in programs)
        return (cpu_ns(exporter.pid) - spent) / capacity, net / capacity, gross / capacity


def rows(bench, car, what, pairs):
    for _ in range(2):
        car.install()  # the page cache, the loop devices' files
    slower, noise, exact, alone = slowdown(car, pairs)
    process, net, gross = (Sample(share) for share in zip(*[cpu_share(car) for _ in range(bench.count(5, 2))]))
    total = process.median + net.median
    megabytes = car.size / MIB
    row = f"RAUC installation of {megabytes:.0f} MiB {what}, {megabytes / alone.median:.0f} MiB/s"
    bench.say(f"{row}: {slower.text('%', 100, 2)} slower, noise {noise.text('%', 100, 2)}")
    return [
        Row(f"{row}: slowdown while it is followed", "< 1 %, within noise",
            f"{slower.text('%', 100, 2)} slower, {len(slower.values)} pairs; two runs that are not followed: "
            f"{noise.text('%', 100, 2)}", "", slower.median < 0.01),
        Row("– CPU of exporter and programs, of all CPUs", "< 0.3 %",
            f"{100 * total:.2f} %: process {100 * process.median:.2f} %, programs {100 * net.median:.2f} % net of empty "
            f"ones ({100 * gross.median:.2f} % as the kernel counts)", "", total < 0.003),
        Row("– payload attributed exactly", "≥ 99 %", f"{100 * exact.median:.1f} %", "", min(exact.values) >= 0.99),
    ]


def installation(bench):
    # The slots' files in memory: a disk's own moods would hide what is looked for.
    tempfile.tempdir = "/dev/shm" if os.path.isdir("/dev/shm") else bench.scratch
    bench.undo.callback(setattr, tempfile, "tempdir", None)
    vehicle = Car(bench, bench.count(SIZE, 64 * MIB), SLOW_WRITE_MS)
    memory = Car(bench, bench.count(SIZE, 32 * MIB))
    return (rows(bench, vehicle, "to a slow medium", bench.count(7, 2)) +
            rows(bench, memory, "into memory", bench.count(12, 3)))
