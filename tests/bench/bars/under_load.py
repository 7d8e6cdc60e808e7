# SPDX-License-Identifier: Apache-2.0
"""What the default rules cost a machine at work, and whether the run-queue sum is true."""
import contextlib
import math
import os
import time

from .kernel_cost import ProgramStats, differences, in_cgroup, load_in_cgroup, peer, programs_of
from .processes import Conversation, MeasurementError
from .report import Row, Sample


BCC = ("runqlat", "softirqs", "biolatency")
SLICE = 0.06  # seconds
RATIO_LIMIT = 1.7


class Toggle(Conversation):
    """Sets of loaded programs, of which at most one is attached."""

    def __init__(self, bench):
        super().__init__(os.path.join(bench.tools, "toggle"))
        self.sets = 0

    def add(self, line):
        """The number of the new set, and the tracepoints of its programs."""
        hooks = self.ask(line).split()
        if "-" in hooks:
            raise MeasurementError(f"programs other than tp_btf: {line}")
        self.sets += 1
        return self.sets - 1, hooks

    def empty(self, hooks):
        return self.add("empty " + " ".join(hooks))

    def take(self, processes):
        """The programs that these processes have loaded; the processes end here, their programs stay."""
        with contextlib.ExitStack() as running:
            programs = [program for process in processes for program in programs_of(running.enter_context(process))]
            return self.add("take " + " ".join(map(str, programs)))


def units_per_cpu_second(load):
    units, cpu_ns = map(int, load.ask().split())
    time.sleep(SLICE)
    later, later_cpu_ns = map(int, load.ask().split())
    if later == units:
        raise MeasurementError("the mixed load does nothing")
    return 1e9 * (later - units) / (later_cpu_ns - cpu_ns)


def units_with(toggle, number, load):
    toggle.ask(f"attach {number}")
    speed = units_per_cpu_second(load)
    toggle.ask("detach")
    return speed


def losses(toggle, load, numbers, rounds, say=lambda text: None):
    """For each set of programs the share of its work that the load no longer does in a CPU second. Each slice of time
    with programs is compared with those before and after it, which have none, so that a drift of the machine is not
    taken for a loss."""
    found = {number: [] for number in numbers}
    free = units_per_cpu_second(load)
    for count in range(rounds):
        first = count % len(numbers)
        for number in numbers[first:] + numbers[:first]:
            loaded, before, free = units_with(toggle, number, load), free, units_per_cpu_second(load)
            found[number].append(1 - 2 * loaded / (before + free))
        if count % 100 == 99:
            say(f"mixed load, {count + 1} of {rounds} rounds")
    return [Sample(found[number]) for number in numbers]


def loss_text(loss):
    return f"{100 * loss.median:.2f} ± {100 * loss.error:.2f} %"


def throughput(bench):
    """What the programs cost as the exporter loads them. The exporter itself has ended by then: scrapes have a row of
    their own."""
    with Toggle(bench) as toggle, bench.load("mixed", bench.disk()) as load:
        ours, hooks = toggle.take([bench.serve(bench.rules("events"))])
        empty, _ = toggle.empty(hooks)
        bcc, bcc_hooks = toggle.take([peer(name)() for name in BCC])
        loss, floor, theirs = losses(toggle, load, [ours, empty, bcc], bench.count(400, 20), bench.say)
        share, net_share = cpu_share(bench, load)
    if floor.median <= 0:
        raise MeasurementError(f"empty programs seem to cost nothing ({loss_text(floor)}): too much noise")
    ratio = loss.median / floor.median
    error = ratio * math.hypot(loss.error / loss.median, floor.error / floor.median)
    return [
        Row(f"mixed load, default rules ({len(hooks)} programs): work lost per CPU second",
            f"≤ {RATIO_LIMIT} times the loss with empty programs",
            f"{loss_text(loss)}, with empty programs on the same hooks {loss_text(floor)}: "
            f"{ratio:.2f} ± {error:.2f} times ({len(loss.values)} slices of time each; ± is the standard error)",
            f"{', '.join(BCC)} ({len(bcc_hooks)} programs) {loss_text(theirs)}", ratio <= RATIO_LIMIT),
        Row("– CPU time in our programs under that load", "",
            f"{100 * net_share:.2f} % net of empty programs, {100 * share:.2f} % as the kernel counts"),
    ]


def cpu_share(bench, load):
    """Share of all CPUs' time: as the kernel counts, and net of empty programs on the same hooks."""
    with ProgramStats(bench) as stats, bench.serve(bench.rules("events")) as exporter:
        programs = programs_of(exporter)
        hooks = sorted({hook for hook, _, _ in stats.read(programs).values()})
        empty = [stats.attach_empty(hook) for hook in hooks]
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
