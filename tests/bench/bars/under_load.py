# SPDX-License-Identifier: Apache-2.0
"""What all default probes together cost a machine at work, and whether the run-queue sum is true."""
import os
import time

from .kernel_cost import ProgramStats, differences, in_cgroup, load_in_cgroup
from .processes import MeasurementError, descriptors
from .report import Row, Sample


def rate(load, seconds):
    start, before = time.monotonic(), int(load.ask())
    time.sleep(seconds)
    after, end = int(load.ask()), time.monotonic()
    if after == before:
        raise MeasurementError("the mixed load does nothing")
    return (after - before) / (end - start)


def rate_with_probes(bench, load, seconds):
    with bench.vehicle():
        time.sleep(0.1)
        return rate(load, seconds)


def rate_without(load, seconds):
    time.sleep(0.1)
    return rate(load, seconds)


def throughput(bench):
    """Pairs in turn begin with and without, so that a drift of the machine falls on both."""
    losses, seconds = [], bench.count(1.0, 0.5)
    with bench.load("mixed", bench.disk()) as load:
        rate_without(load, 1.0)
        for pair in range(bench.count(30, 3)):
            if pair % 2:
                loaded = rate_with_probes(bench, load, seconds)
                free = rate_without(load, seconds)
            else:
                free = rate_without(load, seconds)
                loaded = rate_with_probes(bench, load, seconds)
            losses.append(1 - loaded / free)
            if pair % 5 == 4:
                bench.say(f"mixed load, {pair + 1} pairs: loss {Sample(losses).text('%', 100, 2)}")
        share, net_share = cpu_share(bench, load)
    loss = Sample(losses)
    error = 1.25 * loss.noise * 1.48 / len(losses) ** 0.5
    return [
        Row("mixed load, all default probes: throughput lost", "≤ 1 %",
            f"{loss.text('%', 100, 2)} a pair, {len(losses)} pairs, "
            f"standard error of the median {100 * error:.2f} %", "", loss.median <= 0.01),
        Row("– CPU time in our programs under that load", "(0.3 % during an OTA)",
            f"{100 * net_share:.2f} % net of empty programs, {100 * share:.2f} % as the kernel counts"),
    ]


def cpu_share(bench, load):
    """Share of all CPUs' time: as the kernel counts, and net of empty programs on the same hooks."""
    with ProgramStats(bench) as stats, bench.vehicle() as exporter:
        programs = list(descriptors(exporter.pid, "prog_id"))
        hooks = sorted({hook for hook, _, _ in stats.read(programs).values()})
        empty = [stats.attach_empty(hook) for hook in hooks]
        int(load.ask())
        start, before = time.monotonic(), stats.read(programs + empty)
        time.sleep(bench.count(4.0, 1.0))
        delta = differences(before, stats.read(programs + empty))
        capacity = (time.monotonic() - start) * 1e9 * os.cpu_count()
        idle = {program: delta.pop(program) for program in empty}
        nothing = {hook: ns / runs for hook, ns, runs in idle.values() if runs}
        gross = sum(ns for _, ns, _ in delta.values())
        net = sum(ns - runs * nothing.get(hook, 0) for hook, ns, runs in delta.values())
        return gross / capacity, net / capacity


def wait_error(bench, kind):
    """Relative error of our sum for one cgroup against schedstat of its threads; migrations seen."""
    _, name = bench.cgroup()
    series = f'kernel_runqueue_cgroup_latency_seconds_sum{{cgroup="{name}"}}'
    migrations = "kernel_runqueue_queued_migrations_total"
    seconds = bench.count(4, 1)
    with bench.serve(*in_cgroup(bench, "[1ms]")) as exporter:
        exporter.scrape()
        with load_in_cgroup(bench, "wait", 8, kind, seconds) as load:
            load.hear()
            before = exporter.value(series), exporter.value(migrations)
            truth = int(load.ask()) / 1e9
            ours = exporter.value(series) - before[0]
            moved = exporter.value(migrations) - before[1]
    return (ours - truth) / truth, moved, truth


def run_delay(bench):
    still = Sample([wait_error(bench, "pinned")[0] for _ in range(bench.count(3, 1))])
    free = [wait_error(bench, "free") for _ in range(bench.count(3, 1))]
    moving = Sample([error for error, _, _ in free])
    moved = Sample([count for _, count, _ in free])
    bench.say(f"run-queue sum: {100 * still.median:+.2f} % pinned, {100 * moving.median:+.2f} % free")
    return [
        Row("run-queue sum against the kernel's run_delay, no migrations", "within 2 %",
            f"{100 * still.median:+.2f} %", "", abs(still.median) <= 0.02),
        Row("– threads not pinned", "", f"{100 * moving.median:+.2f} % with "
            f"{moved.median:.0f} queued migrations"),
    ]
