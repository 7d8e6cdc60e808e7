# SPDX-License-Identifier: Apache-2.0
"""Nanoseconds that programs take in the kernel, by the kernel's own count, net of an empty program."""
import glob
import os
import re
import signal
import time

from .processes import Conversation, MeasurementError, Process, descriptors
from .report import Row, Sample

RUNQUEUE = """
probe: runqueue
metrics:
  - name: kernel_runqueue_queued_migrations_total
    help: Tasks that changed their CPU while they waited.
    type: counter
    map: runqueue
    value: queued_migrations
  - name: kernel_runqueue_latency_seconds
    help: Time that a task waited on a run queue before it ran.
    type: histogram
    map: runqueue
    value: latency
    unit: nanoseconds
    buckets: {buckets}
"""
EXPONENTIAL = "{exponential: {from: 1us, to: 16s}}"
LINEAR = "{linear: {from: 10us, width: 10us, count: 30}}"

PER_CGROUP = """
constants: {{runqueue_per_cgroup: true}}
cgroups: {{map: runqueue_cgroup, match: ["{name}"]}}
"""
CGROUP_METRIC = """
  - name: kernel_runqueue_cgroup_latency_seconds
    help: Time that a task of the cgroup waited on a run queue before it ran.
    type: histogram
    map: runqueue_cgroup
    value: latency
    unit: nanoseconds
    buckets: {buckets}
    labels:
      cgroup: {{field: cgroup, decode: cgroup}}
"""


def runqueue_rules(buckets, cgroup=""):
    text = RUNQUEUE.replace("{buckets}", buckets)
    if cgroup:
        text += CGROUP_METRIC.format(buckets=buckets) + PER_CGROUP.format(name=cgroup)
    return text


class ProgramStats(Conversation):
    """The kernel counts run time of all programs while this lives."""

    def __init__(self, bench):
        super().__init__(os.path.join(bench.tools, "program_stats"))
        self.names = {}  # of the programs that were read, as the kernel cuts them

    def attach_empty(self, hook):
        return int(self.ask(f"empty {hook}"))

    def read(self, programs):
        """Program id to (hook, ns, runs)."""
        self.tell("read " + " ".join(map(str, programs)))
        found = {}
        while (line := self.hear()) != "end":
            program, name, hook, run_time, runs = line.split()
            self.names[int(program)] = name
            found[int(program)] = (hook, int(run_time), int(runs))
        return found


def differences(before, after):
    return {program: (hook, run_time - before[program][1], runs - before[program][2])
            for program, (hook, run_time, runs) in after.items()}


def net_of_slice(measured, empty, event):
    """Net nanoseconds of each program, for each time that the hook `event` fired."""
    cost_of_nothing = {hook: run_time / runs for hook, run_time, runs in empty.values() if runs}
    events = sum(runs for hook, _, runs in empty.values() if hook == event)
    if not events:
        raise MeasurementError(f"{event} never fired under its load")
    return {program: (run_time - runs * cost_of_nothing[hook]) / events if runs else 0
            for program, (hook, run_time, runs) in measured.items()}


def programs_of(process):
    """Ids of the programs that a process that was just started loads."""
    for _ in range(500):
        if descriptors(process.pid, "prog_id"):
            break
        time.sleep(0.01)
    time.sleep(0.5)
    programs = list(descriptors(process.pid, "prog_id"))
    if not programs:
        raise MeasurementError(f"{process.name} has no BPF program: it ended or cannot run here")
    return programs


def net_cost(bench, subject, load, event):
    """`subject` and `load` are started and ended here. Of each slice of time the net nanoseconds of each program with
    its name, and those of the empty program."""
    with ProgramStats(bench) as stats, subject() as process, load():
        programs = programs_of(process)
        hooks = {hook for hook, _, _ in stats.read(programs).values()}
        if "-" in hooks:
            raise MeasurementError(f"{process.name} uses programs other than tp_btf here")
        empty = [stats.attach_empty(hook) for hook in sorted(hooks | {event})]
        slices, gross_empty = [], []
        for _ in range(bench.count(30, 5)):
            before = stats.read(programs + empty)
            time.sleep(0.2)
            delta = differences(before, stats.read(programs + empty))
            idle = {program: delta.pop(program) for program in empty}
            slices.append([(stats.names[program], net) for program, net in net_of_slice(delta, idle, event).items()])
            gross_empty.append(sum(ns for hook, ns, _ in idle.values() if hook == event) /
                               sum(runs for hook, _, runs in idle.values() if hook == event))
        return slices, Sample(gross_empty)


def together(slices, prefix=""):
    """All programs whose names begin so."""
    return Sample([sum(net for name, net in piece if name.startswith(prefix)) for piece in slices])


def peer(name):
    return lambda: Process([name, "100000"], end_signal=signal.SIGINT)


class Cost:
    """Measures our rules and a peer's tool under one load."""

    def __init__(self, bench, event, load):
        self.bench, self.event, self.load = bench, event, load

    def ours(self, label, *rules, load=None):
        slices, empty = net_cost(self.bench, lambda: self.bench.serve(*rules), load or self.load, self.event)
        net = together(slices)
        self.bench.say(f"{label}: {net.text('ns')} net (an empty program: {empty.median:.0f} ns)")
        return net

    def theirs(self, name):
        net = together(net_cost(self.bench, peer(name), self.load, self.event)[0])
        self.bench.say(f"{name}: {net.text('ns')} net")
        return net


def against(net, name, theirs):
    return f"{name} {theirs.text('ns')}, {theirs.median / max(net.median, 1):.1f}x ours"


def runqueue(bench):
    cost = Cost(bench, "sched_switch", lambda: bench.load("pipe", 0))
    exponential = cost.ours("run queue, exponential",
                            bench.written_rules("runqueue", runqueue_rules(EXPONENTIAL)))
    zones = cost.ours("run queue, default zones", bench.rules("events", "runqueue"))
    linear = cost.ours("run queue, linear", bench.written_rules("runqueue", runqueue_rules(LINEAR)))
    grouped = cost.ours("run queue, per cgroup", *in_cgroup(bench, EXPONENTIAL),
                        load=lambda: load_in_cgroup(bench, "pipe", 0))
    theirs = cost.theirs("runqlat")
    return [
        Row("run queue, per switch, exponential buckets", "≤ 60 ns net", exponential.text("ns"),
            against(exponential, "runqlat", theirs), exponential.median <= 60),
        Row("– default zones", "", zones.text("ns")),
        Row("– linear buckets", "", linear.text("ns")),
        Row("– exponential, and per cgroup", "", grouped.text("ns")),
    ]


def in_cgroup(bench, buckets):
    _, name = bench.cgroup()
    return [bench.written_rules("runqueue", runqueue_rules(buckets, name))]


def load_in_cgroup(bench, *arguments):
    load = bench.load(*arguments)
    directory, _ = bench.cgroup()
    with open(os.path.join(directory, "cgroup.procs"), "w", encoding="ascii") as procs:
        procs.write(str(load.pid))
    return load


def softirq(bench):
    cost = Cost(bench, "softirq_entry", lambda: bench.load("udp", 0))
    zones = cost.ours("softirq, default zones", bench.rules("events", "softirq"))
    full = cost.ours("softirq, full profile", bench.rules("events-full", "softirq"))
    theirs = cost.theirs("softirqs")
    limit = 680 / 3
    return [
        Row("softirq, raise + entry + exit, default rules", f"≤ {limit:.0f} ns net (680 / 3)",
            zones.text("ns"), against(zones, "softirqs (entry + exit only)", theirs),
            zones.median <= limit),
        Row("– exponential buckets (full profile)", f"≤ {limit:.0f} ns net", full.text("ns"), "",
            full.median <= limit),
    ]


def blockio(bench):
    disk = bench.disk()
    cost = Cost(bench, "block_rq_complete", lambda: bench.load("write", 0, disk))
    zones = cost.ours("block I/O, default zones", bench.rules("events", "blockio"))
    full = cost.ours("block I/O, full profile", bench.rules("events-full", "blockio"))
    theirs = cost.theirs("biolatency")
    limit = 4100 / 8
    return [
        Row("block I/O, per request, default rules", f"≤ {limit:.0f} ns net (4.1 us / 8)",
            zones.text("ns"), against(zones, "biolatency", theirs), zones.median <= limit),
        Row("– exponential, queue and service apart (full profile)", f"≤ {limit:.0f} ns net",
            full.text("ns"), "", full.median <= limit),
    ]


def named_loads(source):
    """Probe -> the load of tests/bench/load.c that causes its event, from `# Load: NAME` in its default rule file."""
    found = {}
    for path in sorted(glob.glob(os.path.join(source, "rules", "events", "*.yaml"))):
        with open(path, encoding="utf-8") as file:
            load = re.search(r"(?m)^# Load: (\w+)$", file.read())
        if load:
            found[os.path.basename(path)[:-len(".yaml")]] = load[1]
    return found


def probe(name, load):
    """Measures the default rules of a probe, per event of its first hook."""
    def measure(bench):
        with open(os.path.join(bench.source, "bpf", f"{name}.bpf.c"), encoding="utf-8") as file:
            event = re.search(r'(?m)^SEC\("\??tp_btf/(\w+)"\)', file.read())[1]
        cost = Cost(bench, event, lambda: bench.load(load, 0))
        net = cost.ours(name, bench.rules("events", name))
        return [Row(f"{name}, per {event}", "", net.text("ns"))]
    return measure
