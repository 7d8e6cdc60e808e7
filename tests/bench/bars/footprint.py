# SPDX-License-Identifier: Apache-2.0
"""What a start costs, size on disk, and what a scrape carries."""
import os
import shutil
import tempfile
import time

from .bench import run
from .processes import cpu_ns, start_node_exporter, status_kib
from .report import Row, Sample

OBJECTS = 9
# One of many objects with a rule file each; the names must differ.
OBJECT_RULES = """
probe: started{number}
object: started{number}.bpf.o
metrics:
  - name: bench_started{number}_total
    help: Programs started, by the process that started them.
    type: counter
    map: started
    labels:
      parent: {{field: parent}}
"""


class Starts:
    """Repeated starts: seconds until ready; CPU seconds and the peak of resident memory (MB) until then."""

    def __init__(self, start, times):
        readings = [self._start(start) for _ in range(times)]
        self.ready, self.cpu, self.peak = (Sample(values) for values in zip(*readings))

    @staticmethod
    def _start(start):
        with start() as server:
            return server.ready_after, cpu_ns(server.pid) / 1e9, status_kib(server.pid, "VmHWM") * 1024 / 1e6

    def text(self):
        return f"{self.ready.text('ms', 1e3)}, {self.cpu.text('ms', 1e3)} of CPU, at most {self.peak.median:.1f} MB"


def separate_objects(bench, count):
    """A folder with so many rule files, each with an object of its own."""
    folder = tempfile.mkdtemp(dir=bench.scratch)
    for number in range(count):
        shutil.copy(os.path.join(bench.tools, "started.bpf.o"), os.path.join(folder, f"started{number}.bpf.o"))
        with open(os.path.join(folder, f"started{number}.yaml"), "w", encoding="utf-8") as file:
            file.write(OBJECT_RULES.format(number=number))
    return folder


def many_objects(bench, times):
    one, many = separate_objects(bench, 1), separate_objects(bench, OBJECTS)
    alone = Starts(lambda: bench.serve(one), times)
    together = Starts(lambda: bench.serve(many), times)
    ratio = together.cpu.median / alone.cpu.median
    return Row(f"– rule files with {OBJECTS} objects of their own: CPU, against one", "≤ 1.5x",
               f"{ratio:.2f}x ({together.cpu.text('ms', 1e3)}, one {alone.cpu.text('ms', 1e3)})", "", ratio <= 1.5)


def start_up(bench):
    times = bench.count(15, 3)
    ours = Starts(lambda: bench.serve(bench.rules("events")), times)
    vehicle = Starts(bench.vehicle, times)
    full = Starts(lambda: bench.vehicle("events-full"), times)
    theirs = Starts(start_node_exporter, times)
    bench.say(f"ready after {ours.text()}")
    return [
        Row(f"start to ready, default rules ({times} starts)", "≤ 100 ms", ours.ready.text("ms", 1e3),
            f"node_exporter {theirs.ready.text('ms', 1e3)}", ours.ready.median <= 0.1),
        Row("– CPU until then", "≤ 45 ms", ours.cpu.text("ms", 1e3),
            f"node_exporter {theirs.cpu.text('ms', 1e3)}", ours.cpu.median <= 0.045),
        Row("– resident memory, at most", "≤ 18 MB", ours.peak.text("MB", 1, 1),
            f"node_exporter {theirs.peak.text('MB', 1, 1)}", ours.peak.median <= 18),
        Row("– with updates followed", "≤ 300 ms", vehicle.text(), "", vehicle.ready.median <= 0.3),
        Row("– full profile, with updates followed", "", full.text()),
        many_objects(bench, times),
    ]


def size(bench):
    stripped = os.path.join(bench.scratch, "stripped")
    run("strip", "-o", stripped, bench.exporter)
    megabytes = os.path.getsize(stripped) / 1e6
    peer = os.path.getsize("/usr/bin/prometheus-node-exporter") / 1e6
    return [Row("binary, release, stripped", "≤ 3 MB", f"{megabytes:.2f} MB",
                f"node_exporter {peer:.1f} MB", megabytes <= 3)]


def exposition_after_load(bench, profile):
    with bench.vehicle(profile) as exporter:
        loads = [bench.load("mixed", bench.disk()), bench.load("drop", 0)]
        with loads[0], loads[1]:
            time.sleep(1)
        return exporter.exposition()


def series(bench):
    count, plain, zipped = exposition_after_load(bench, "events")
    full = exposition_after_load(bench, "events-full")
    with start_node_exporter() as node:
        theirs = node.exposition()
    devices = len(os.listdir("/sys/class/net"))
    where = f"this machine, {devices} network devices, a loop disk"
    return [
        Row(f"series, default rules ({where})", "≤ 150", f"{count}",
            f"node_exporter {theirs[0]}", count <= 150),
        Row("– bytes of a scrape, gzip level 1 (plain)", "≤ 3 kB", f"{zipped} ({plain})",
            f"node_exporter {theirs[2]} ({theirs[1]})", zipped <= 3000),
        Row("– full profile: series, gzip bytes (plain)", "",
            f"{full[0]}, {full[2]} ({full[1]})"),
    ]
