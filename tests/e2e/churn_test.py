# SPDX-License-Identifier: Apache-2.0
"""Keys that come and go while they are read: cgroups made and removed a thousand times a second with a rule that
follows each of them, and a map whose keys change a hundred thousand times a second."""
import contextlib
import os
import subprocess
import sys
import threading
import time
import unittest

from exporter_process import FIXTURES, OPENMETRICS, ExporterProcess, RuleFolder
from machine import add_veth, cgroup2_mount, frame, network_namespace, packet_socket, remove_cgroup

SECONDS = 30
RATE = 1000
PREFIX = f"kxchurn{os.getpid()}"

RULES = f"""
probe: runqueue
constants:
  runqueue_per_cgroup: true
cgroups:
  map: runqueue_cgroup
  match: ["/{PREFIX}", "/{PREFIX}/**"]
metrics:
  - name: kernel_runqueue_latency_seconds
    help: Time that a task waited on a run queue before it ran.
    type: histogram
    map: runqueue
    value: latency
    unit: nanoseconds
    buckets: [10us, 100us, 1ms, 10ms, 100ms, 1s]
  - name: kernel_runqueue_cgroup_latency_seconds
    help: Time that a task of the cgroup waited on a run queue before it ran.
    type: histogram
    map: runqueue_cgroup
    value: latency
    unit: nanoseconds
    buckets: [10us, 100us, 1ms, 10ms, 100ms, 1s]
    series_limit: 100
    labels:
      cgroup: {{field: cgroup, decode: cgroup}}
"""

# Keeps pace with the clock, and says at the end how many it made.
CHURNER = """
import os, sys, time
folder, seconds, rate = sys.argv[1], float(sys.argv[2]), float(sys.argv[3])
start = time.monotonic()
made = 0
while True:
    passed = time.monotonic() - start
    if passed >= seconds and made >= seconds * rate or passed > 5 * seconds:
        break
    if made > passed * rate:
        time.sleep(0.001)
        continue
    path = os.path.join(folder, "churn%d" % (made % 7))
    os.mkdir(path)
    os.rmdir(path)
    made += 1
print(made, time.monotonic() - start)
"""

# Joins the cgroup named by its argument, then waits on the run queue some dozens of times.
WORKER = """
import os, sys, time
with open(os.path.join(sys.argv[1], "cgroup.procs"), "w") as procs:
    procs.write(str(os.getpid()))
for _ in range(50):
    time.sleep(0.0005)
"""


@contextlib.contextmanager
def cgroup(path):
    os.mkdir(path)
    try:
        yield path
    finally:
        remove_cgroup(path)


class Workers(threading.Thread):
    """Runs one short process after the other, each in a cgroup of its own that goes with it, every tenth of them
    after a whole scrape. `scrapes` tells how many there were."""

    def __init__(self, folder, scrapes):
        super().__init__()
        self._folder = folder
        self._scrapes = scrapes
        self.stop = threading.Event()
        self.cgroups = 0
        self.start()

    def run(self):
        while not self.stop.is_set():
            with cgroup(os.path.join(self._folder, f"worker{self.cgroups}")) as path:
                subprocess.run([sys.executable, "-S", "-c", WORKER, path], check=True)
                if self.cgroups % 10 == 0:
                    self._wait_for_a_scrape()
            self.cgroups += 1

    def _wait_for_a_scrape(self):
        one_under_way_and_another = self._scrapes() + 2
        while self._scrapes() < one_under_way_and_another and not self.stop.wait(0.01):
            pass


MAP_SECONDS = 10
MAP_RATE = 100_000
STABLE_KEYS = 512
MAP_RULES = f"""
probe: churn
object: {FIXTURES}/churn.bpf.o
metrics:
  - name: churn_stable_total
    help: Frames, by a key that stays.
    type: counter
    map: churn
    labels:
      key: {{field: key}}
    where: key < 4096
  - name: churn_unstable_total
    help: Keys made of those that come and go, as far as they were seen.
    type: counter
    map: churn
    where: key >= 4096
  - name: churn_steps_total
    help: What the program did.
    type: counter
    map: churn_counts
    labels:
      step: {{field: key, decode: {{enum: {{strip: CHURN_}}}}}}
"""


class Sender(threading.Thread):
    """Sends frames as fast as it can."""

    def __init__(self, packets):
        super().__init__()
        self._packets = packets
        self.cpu_seconds = 0
        self.stop = threading.Event()
        self.start()

    def run(self):
        data = frame()
        while not self.stop.is_set():
            for _ in range(64):
                self._packets.send(data)
        self.cpu_seconds = time.thread_time()


class MapChurn(unittest.TestCase):
    def test_keys_that_stay_are_right_among_keys_that_go(self):
        namespace = self.enterContext(network_namespace("kxkeys"))
        peer = self.enterContext(network_namespace("kxpeer"))
        add_veth(namespace, "kxout", peer, "kxin")
        packets = self.enterContext(packet_socket(namespace, "kxout"))
        rules = self.enterContext(RuleFolder(churn=MAP_RULES))
        exporter = self.enterContext(ExporterProcess(rules.path))
        for _ in range(STABLE_KEYS):
            packets.send(frame())
        before = exporter.scrape()
        start = time.monotonic()
        sender = Sender(packets)
        try:
            while time.monotonic() - start < MAP_SECONDS:
                scraped = exporter.scrape()
                self.assertEqual(len(scraped.series("churn_stable_total")), STABLE_KEYS)
                self.assertLessEqual(scraped.sum("churn_stable_total"), exporter.scrape().value(
                    "churn_steps_total", step="frames"))
        finally:
            sender.stop.set()
            sender.join()
        scraped = exporter.scrape()
        steps = {labels["step"]: value for labels, value in scraped.series("churn_steps_total")}
        changed = sum(steps[step] - before.value("churn_steps_total", step=step) for step in ("made", "deleted"))
        # What the machine has left for the sender is not the exporter's.
        rate = changed / sender.cpu_seconds
        print(f"{rate:.0f} keys made or deleted a second of CPU, {exporter.monotonic.scrapes} scrapes")
        self.assertGreaterEqual(rate, MAP_RATE)
        self.assertEqual(scraped.sum("churn_stable_total"), steps["frames"])
        values = [value for _, value in scraped.series("churn_stable_total")]
        self.assertLessEqual(max(values) - min(values), 1)
        # No key of those that go was counted twice: each was made with 1.
        self.assertLessEqual(scraped.value("churn_unstable_total"), steps["made"])
        self.assertGreaterEqual(scraped.value("churn_unstable_total"), steps["made"] - steps["deleted"])


class CgroupChurn(unittest.TestCase):
    def test_survives_and_no_counter_goes_backwards(self):
        folder = self.enterContext(cgroup(os.path.join(cgroup2_mount(), PREFIX)))
        rules = self.enterContext(RuleFolder(runqueue=RULES))
        exporter = self.enterContext(ExporterProcess(rules.path))
        # At the series limit a cgroup that is gone makes room for a new one.
        exporter.monotonic.may_vanish = lambda labels: f"/{PREFIX}/" in labels.get("cgroup", "")
        churner = subprocess.Popen([sys.executable, "-c", CHURNER, folder, str(SECONDS), str(RATE)],
                                   stdout=subprocess.PIPE)
        workers = Workers(folder, lambda: exporter.monotonic.scrapes)
        longest = 0

        def goes_on():
            return churner.poll() is None or workers.is_alive() and (
                workers.cgroups <= 100 or exporter.monotonic.scrapes <= SECONDS)
        try:
            while goes_on():
                accept = OPENMETRICS if exporter.monotonic.scrapes % 2 else "text/plain"
                start = time.monotonic()
                exporter.scrape(accept=accept)
                longest = max(longest, time.monotonic() - start)
        finally:
            workers.stop.set()
            workers.join()
            churner.kill()
        made, seconds = map(float, churner.communicate()[0].split())
        scraped = exporter.scrape()
        print(f"{made:.0f} cgroups in {seconds:.1f} s, {workers.cgroups} with a process; "
              f"{exporter.monotonic.scrapes} scrapes, the longest {longest * 1000:.0f} ms with its parsing")
        self.assertGreaterEqual(made, SECONDS * RATE)
        self.assertGreater(exporter.monotonic.scrapes, SECONDS)
        self.assertGreater(workers.cgroups, 100)
        self.check_series(scraped)
        self.assertLess(scraped.value("process_resident_memory_bytes"), 64 << 20)
        self.assertEqual(exporter.lines_with("error"), [])

    def check_series(self, scraped):
        """Some of the short-lived cgroups were caught by a scrape and are there still, up to the limit."""
        name = "kernel_runqueue_cgroup_latency_seconds_count"
        series = {labels["cgroup"]: value for labels, value in scraped.series(name)}
        caught = [path for path, value in series.items() if "/worker" in path and value > 0]
        self.assertTrue(caught, series)
        self.assertLessEqual(len(series), 101)
        self.assertLessEqual(sum(series.values()), scraped.value("kernel_runqueue_latency_seconds_count"))


if __name__ == "__main__":
    unittest.main()
