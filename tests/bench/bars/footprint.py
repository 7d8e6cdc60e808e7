# SPDX-License-Identifier: Apache-2.0
"""Time to ready, size on disk, and what a scrape carries."""
import os
import time

from .bench import run
from .processes import start_node_exporter
from .report import Row, Sample


def start_times(start, times):
    values = []
    for _ in range(times):
        with start() as server:
            values.append(server.ready_after)
    return Sample(values)


def start_up(bench):
    times = bench.count(7, 3)
    ours = start_times(bench.vehicle, times)
    full = start_times(lambda: bench.vehicle("events-full"), times)
    theirs = start_times(start_node_exporter, times)
    bench.say(f"ready after {ours.text('ms', 1e3)}")
    return [
        Row(f"start to ready, default rules ({times} starts)", "≤ 300 ms", ours.text("ms", 1e3),
            f"node_exporter {theirs.text('ms', 1e3)}", ours.median <= 0.3),
        Row("– full profile", "", full.text("ms", 1e3)),
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
