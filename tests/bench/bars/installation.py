"""What following an update costs: real installations by RAUC, with the exporter and without it in turn."""
import os
import sys
import tempfile
import time

from .kernel_cost import ProgramStats, differences
from .processes import cpu_ns, descriptors
from .report import Row, Sample

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "..", "e2e"))
from rauc import MIB, RaucMachine  # noqa: E402

SIZE = 256 * MIB


class Car:
    """A machine that RAUC updates, and an exporter that follows it when it is asked to."""

    def __init__(self, bench):
        self.bench = bench
        self.size = bench.count(SIZE, 32 * MIB)
        # The slots in memory: a disk's own moods would hide what is looked for.
        tempfile.tempdir = "/dev/shm" if os.path.isdir("/dev/shm") else bench.scratch
        bench.undo.callback(setattr, tempfile, "tempdir", None)
        self.machine = bench.undo.enter_context(RaucMachine(size=self.size + 8 * MIB))
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
    slower, noise, exact = [], [], []
    for pair in range(pairs):
        if pair % 2:
            (seconds, share), alone = followed(car), car.install()
        else:
            alone, (seconds, share) = car.install(), followed(car)
        again = car.install()
        slower.append(seconds / alone - 1)
        noise.append(again / alone - 1)
        exact.append(share)
    return Sample(slower), Sample(noise), Sample(exact)


def cpu_share(car):
    """Shares of all CPUs' time during an installation: the process, and its programs as the kernel counts."""
    with ProgramStats(car.bench) as stats, car.exporter() as exporter:
        programs = list(descriptors(exporter.pid, "prog_id"))
        before, spent, start = stats.read(programs), cpu_ns(exporter.pid), time.monotonic()
        car.install()
        capacity = (time.monotonic() - start) * 1e9 * os.cpu_count()
        delta = differences(before, stats.read(programs))
        return (cpu_ns(exporter.pid) - spent) / capacity, sum(ns for _, ns, _ in delta.values()) / capacity


def installation(bench):
    car = Car(bench)
    for _ in range(3):
        car.install()  # the page cache, the loop devices' files
    slower, noise, exact = slowdown(car, bench.count(12, 3))
    shares = [cpu_share(car) for _ in range(bench.count(5, 2))]
    process, programs = (Sample(share) for share in zip(*shares))
    total = Sample([sum(share) for share in shares])
    bench.say(f"installation: {slower.text('%', 100, 2)} slower, noise {noise.text('%', 100, 2)}")
    megabytes = car.size // MIB
    return [
        Row(f"RAUC installation of {megabytes} MiB into memory, followed or not: wall time", "< 1 %, within noise",
            f"{slower.text('%', 100, 2)} slower, {len(slower.values)} pairs; not followed twice: "
            f"{noise.text('%', 100, 2)}", "", slower.median < 0.01),
        Row("– CPU of exporter and programs meanwhile, of all CPUs", "< 0.3 %",
            f"{total.text('%', 100, 2)}: process {100 * process.median:.2f} %, "
            f"programs {100 * programs.median:.2f} %", "", total.median < 0.003),
        Row("– payload attributed exactly", "≥ 99 %", f"{100 * exact.median:.1f} %", "", min(exact.values) >= 0.99),
    ]
