# SPDX-License-Identifier: Apache-2.0
"""What a scrape costs the exporter's process, and how many bpf() calls it makes."""
import collections
import os
import re
import shutil
import signal
import time

from .processes import MeasurementError, Process, descriptors, start_node_exporter, status_kib
from .report import Row, Sample

LARGE_HASH = """
probe: large
object: {object}
metrics:
  - name: bench_large_total
    help: Entries of a large hash.
    type: counter
    map: {map}
    series_limit: 100000
    labels:
      id: {{field: id}}
      group: {{field: group}}
"""


def default_rules(bench, node):
    with bench.vehicle() as exporter:
        exporter.scrape_cpu_ns(20, 1, compressed=True)
        scrapes = bench.count(500, 50)
        ours = Sample(exporter.scrape_cpu_ns(scrapes, 10, compressed=True))
        resident, peak = memory(exporter)
        calls, most = bpf_calls(bench, exporter)
    with node:
        node.scrape_cpu_ns(5, 1, compressed=True)
        theirs = Sample(node.scrape_cpu_ns(bench.count(100, 10), 10, compressed=True))
        their_memory = memory(node)
    ratio = theirs.median / ours.median
    bench.say(f"scrape: {ours.text('ms', 1e-6, 2)}, node_exporter {theirs.text('ms', 1e-6, 1)}")
    return [
        Row(f"scrape, default rules, gzip: CPU ({scrapes} scrapes)", "≤ 0.4 ms",
            ours.text("ms", 1e-6, 2),
            f"node_exporter {theirs.text('ms', 1e-6, 2)}, {ratio:.1f}x ours", ours.median <= 0.4e6),
        Row("– bpf() calls per map, at most", "≤ 2", f"{most:g}, {calls:g} per scrape for all maps", "",
            most <= 2),
        Row("resident memory after these scrapes", "≤ 8 MB",
            f"{resident:.1f} MB (at most {peak:.1f} MB at the start)",
            f"node_exporter {their_memory[0]:.1f} MB (at most {their_memory[1]:.1f} MB)",
            resident <= 8),
    ]


def memory(server):
    """Resident memory now and at its highest, in MB."""
    return tuple(status_kib(server.pid, field) * 1024 / 1e6 for field in ("VmRSS", "VmHWM"))


def bpf_calls(bench, exporter):
    """Calls of one scrape that read a map: all together, and of the map with the most."""
    if not shutil.which("strace"):
        raise MeasurementError("strace is not installed")
    output, scrapes = os.path.join(bench.scratch, "strace"), 20
    command = ["strace", "-f", "-e", "trace=bpf", "-o", output, "-p", str(exporter.pid)]
    with Process(command, end_signal=signal.SIGINT) as tracer:
        wait_for_tracer(exporter.pid, tracer)
        for _ in range(scrapes):
            exporter.scrape()
    with open(output, encoding="utf-8") as file:
        maps = re.findall(r"bpf\(BPF_MAP_\w*(?:LOOKUP|NEXT)\w*,.*?map_fd=(\d+)", file.read())
    if not maps:
        raise MeasurementError("strace saw no read of a map")
    calls = collections.Counter(maps)
    return len(maps) / scrapes, max(calls.values()) / scrapes


def wait_for_tracer(pid, tracer):
    """Until every thread is traced."""
    for _ in range(500):
        threads = os.listdir(f"/proc/{pid}/task")
        statuses = [open(f"/proc/{pid}/task/{thread}/status", encoding="ascii").read()
                    for thread in threads]
        if all(f"TracerPid:\t{tracer.pid}\n" in status for status in statuses):
            return
        time.sleep(0.01)
    raise MeasurementError("strace does not attach to the exporter")


def large_hash(bench, name, entries):
    rules = LARGE_HASH.format(object=os.path.join(bench.tools, "large_hash.bpf.o"), map=name)
    rounds = bench.count(30, 5)
    with bench.serve(bench.written_rules(name, rules)) as exporter:
        maps = descriptors(exporter.pid, "map_id")
        ids = [number for number, info in maps.items() if int(info["max_entries"]) == entries]
        if len(ids) != 1:
            raise MeasurementError(f"{len(ids)} maps with {entries} entries, expected 1")
        bench.tool("map_floor", "fill", ids[0], entries)
        series = exporter.scrape().count(b"\nbench_large_total{")
        if series != entries:
            raise MeasurementError(f"{series} series of a map with {entries} entries")
        ours = Sample(exporter.scrape_cpu_ns(rounds, rounds, compressed=False))
        zipped = Sample(exporter.scrape_cpu_ns(rounds // 2, rounds // 2, compressed=True))
        floor, seen = map(int, bench.tool("map_floor", "read", ids[0], rounds).split())
        if seen != entries:
            raise MeasurementError(f"the floor read {seen} of {entries} entries")
    limit = 1.5 * floor + 500 * entries
    bench.say(f"{entries} entries: {ours.text('ms', 1e-6, 2)}, floor {floor / 1e6:.2f} ms")
    return Row(f"scrape of a hash of {entries:,} entries: CPU",
               f"≤ {limit / 1e6:.1f} ms (1.5 floor + 0.5 us a series)",
               f"{ours.text('ms', 1e-6, 2)} (with gzip {zipped.median / 1e6:.1f} ms)",
               f"batch floor in C {floor / 1e6:.2f} ms", ours.median <= limit)


def scrape(bench):
    rows = default_rules(bench, start_node_exporter())
    rows.append(large_hash(bench, "hash_10k", 10000))
    rows.append(large_hash(bench, "hash_50k", 50000))
    return rows
