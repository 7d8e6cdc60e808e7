# SPDX-License-Identifier: Apache-2.0
"""An object that this project did not compile, read by a rule file alone: real events, real numbers."""
import os
import socket
import unittest

from exporter_process import FIXTURES, ExporterProcess, RuleFolder
from machine import add_veth, frame, inside, ipv4, network_namespace, programs, run, send_frames

OBJECT = os.path.join(FIXTURES, "foreign.bpf.o")
PREFIX = "kxq"

RULES = f"""
probe: foreign
object: {OBJECT}
constants: {{allowance: 5000}}
metrics:
  - name: foreign_execs_total
    help: "Programs started, by \\"name\\".\\nA backslash: \\\\"
    type: counter
    map: execs
    labels:
      comm: &comm {{field: comm, decode: string}}
      tool: {{value: "a \\"quoted\\" tool"}}
    where: comm =~ "(com[.]example|{PREFIX})[^/]*"

  - name: foreign_package_execs_total
    help: Programs started, by package.
    type: counter
    map: execs
    labels:
      package: {{field: comm, decode: [string, {{prefix_split: {{sep: ".", keep: 2}}}}]}}
    where: package =~ "com[.].*"

  - name: foreign_numbered_execs_total
    help: Programs whose name is a number, by that number.
    type: counter
    map: execs
    labels:
      number: {{field: comm, decode: [string, hex_to_int]}}
    where: number == "782605263"

  - name: foreign_few_execs_total
    help: Programs started, with too few series for them all.
    type: counter
    map: execs
    series_limit: 3
    labels:
      comm: *comm
    where: comm =~ "{PREFIX}l[0-9]"

  - name: foreign_cpu_execs_total
    help: Programs started, by CPU.
    type: counter
    map: execs
    labels:
      cpu: {{percpu: true}}
      comm: *comm
    where: comm == "{PREFIX}cpu"

  - name: foreign_events_total
    help: Events seen, by kind.
    type: counter
    map: events
    labels:
      event: {{field: key, decode: {{enum: {{strip: EVENT_}}}}}}

  - name: foreign_frame_length_bytes
    help: Length of frames sent.
    type: histogram
    map: lengths
    value: slots
    unit: bytes
    buckets: [1, 3, 7, 15, 31, 63, 127, 255, 511, 1023, 2047]
    labels:
      device: &device {{field: key, decode: ifname}}
      index: {{field: key, decode: hex}}

  - name: foreign_frames_by_destination_total
    help: Frames sent, by destination.
    type: counter
    map: destinations
    labels:
      address: {{field: address, decode: inet}}
    where: address =~ "198[.]51[.].*"

  - name: foreign_balance_bytes
    help: What is left of the allowance.
    type: gauge
    map: balances
    value: bytes
    unit: bytes
    labels:
      device: *device

  - name: foreign_last_length_bytes
    help: Length of the last frame.
    type: gauge
    map: balances
    value: last_length
    unit: bytes
    labels:
      device: *device
"""


class Programs(unittest.TestCase):
    """The per-CPU hash with a text as key."""

    def setUp(self):
        folder = self.enterContext(RuleFolder(foreign=RULES))
        self.exporter = self.enterContext(ExporterProcess(folder.path))

    def test_fifty_runs_are_fifty(self):
        name = PREFIX + "fifty"
        with programs(name.encode(), b"other") as execute:
            self.assertEqual(self.exporter.scrape().series("foreign_execs_total", comm=name), [])
            execute(name.encode(), 50)
            execute(b"other", 3)
            labels = {"comm": name, "tool": 'a "quoted" tool'}
            self.assertEqual(self.exporter.scrape().value("foreign_execs_total", **labels), 50)
            execute(name.encode(), 7)
            scraped = self.exporter.scrape()
        self.assertEqual(scraped.value("foreign_execs_total", **labels), 57)
        self.assertEqual(scraped.series("foreign_execs_total", comm="other"), [])
        self.assertEqual(scraped.helps["foreign_execs"], 'Programs started, by "name".\nA backslash: \\')

    def test_names_that_break_a_text_format(self):
        odd = {b"\xff\xfe": "\ufffd\ufffd", b'"q"': '"q"', b"a\nb": "a\nb", b"\\n": "\\n", b"\xc3\xbc": "ü",
               b'",} 1\n#': '",} 1\n#', b"x\xe2\x82": None}
        with programs(*(PREFIX.encode() + name for name in odd)) as execute:
            for times, name in enumerate(odd, start=2):
                execute(PREFIX.encode() + name, times)
            for accept in ("text/plain", "application/openmetrics-text"):
                scraped = self.exporter.scrape(accept=accept)
                for times, shown in enumerate(odd.values(), start=2):
                    if shown is not None:
                        self.assertEqual(scraped.sum("foreign_execs_total", comm=PREFIX + shown), times)
                self.assertEqual(scraped.sum("foreign_execs_total"), sum(range(2, 2 + len(odd))))

    def test_names_that_become_one_label_are_summed(self):
        with programs(b"com.example.a1", b"com.example.b2", b"com.other.a") as execute:
            execute(b"com.example.a1", 4)
            execute(b"com.example.b2", 5)
            execute(b"com.other.a", 6)
            scraped = self.exporter.scrape()
        self.assertEqual(scraped.value("foreign_package_execs_total", package="com.example"), 9)
        self.assertEqual(scraped.value("foreign_package_execs_total", package="com.other"), 6)

    def test_hexadecimal_names_become_numbers(self):
        with programs(b"0x2ea59bcf", b"2EA59BCF", b"2ea59bcg") as execute:
            execute(b"0x2ea59bcf", 2)
            execute(b"2EA59BCF", 3)
            execute(b"2ea59bcg", 4)
            self.assertEqual(self.exporter.scrape().value("foreign_numbered_execs_total", number="782605263"), 5)

    def test_beyond_the_series_limit_is_other_and_counted(self):
        names = [f"{PREFIX}l{i}".encode() for i in range(6)]
        with programs(*names) as execute:
            for name in names:
                execute(name, 2)
                self.exporter.scrape()
            execute(names[0])
            execute(names[5])
            scraped = self.exporter.scrape()
        series = {labels["comm"]: value for labels, value in scraped.series("foreign_few_execs_total")}
        self.assertEqual(series, {PREFIX + "l0": 3, PREFIX + "l1": 2, PREFIX + "l2": 2, "other": 7})
        overflows = scraped.value("kernel_exporter_series_overflows_total", metric="foreign_few_execs_total")
        self.assertEqual(overflows, 3)

    def test_label_by_cpu_adds_up_to_the_whole(self):
        name = PREFIX + "cpu"
        with programs(name.encode()) as execute:
            execute(name.encode(), 20)
            scraped = self.exporter.scrape()
        by_cpu = {labels["cpu"]: value for labels, value in scraped.series("foreign_cpu_execs_total")}
        self.assertEqual(len(by_cpu), os.cpu_count())
        self.assertEqual(sum(by_cpu.values()), 20)

    def test_array_has_its_entries_from_the_start(self):
        before = self.exporter.scrape()
        with programs(b"kxevents") as execute:
            execute(b"kxevents", 5)
        after = self.exporter.scrape()
        grown = [now.value("foreign_events_total", event="exec") for now in (before, after)]
        self.assertGreaterEqual(grown[1] - grown[0], 5)
        self.assertEqual(after.value("foreign_events_total", event="never"), 0)


class Frames(unittest.TestCase):
    """Histogram without a sum, LRU hash and gauges, fed by frames on a device of a network namespace."""

    def setUp(self):
        self.namespace = self.enterContext(network_namespace("kxframes"))
        self.peer = self.enterContext(network_namespace("kxpeer"))
        add_veth(self.namespace, "kxout", self.peer, "kxin", "198.51.100.1/16")
        folder = self.enterContext(RuleFolder(foreign=RULES))
        wrapper = ("nsenter", f"--net=/run/netns/{self.namespace}")
        self.exporter = self.enterContext(ExporterProcess(folder.path, wrapper=wrapper))

    def scrape(self):
        with inside(self.namespace):
            return self.exporter.scrape(accept="text/plain")

    def test_histogram_has_every_frame_in_its_bucket(self):
        sizes = {60: 10, 63: 5, 64: 20, 1000: 3, 1500: 2}
        for size, times in sizes.items():
            send_frames(self.namespace, "kxout", [frame(size)] * times)
        scraped = self.scrape()
        name = "foreign_frame_length_bytes"
        buckets = {labels["le"]: value for labels, value in scraped.series(name + "_bucket", device="kxout")}
        self.assertEqual(buckets["31.0"], 0)
        self.assertEqual(buckets["63.0"], 15)
        self.assertEqual(buckets["127.0"], 35)
        self.assertEqual(buckets["1023.0"], 38)
        self.assertEqual(buckets["+Inf"], 40)
        self.assertEqual(scraped.sum(name + "_count", device="kxout"), 40)
        self.assertEqual(scraped.series(name + "_sum"), [])
        index = int(run("ip", "netns", "exec", self.namespace, "cat", "/sys/class/net/kxout/ifindex"))
        self.assertEqual(scraped.sum(name + "_count", index=hex(index)), 40)
        with inside(self.namespace):
            openmetrics = self.exporter.scrape(accept="application/openmetrics-text")
        self.assertEqual(openmetrics.sum(name + "_bucket", device="kxout", le="+Inf"), 40)

    def test_gauges_rise_fall_and_go_below_zero(self):
        send_frames(self.namespace, "kxout", [frame(1000)] * 3)
        scraped = self.scrape()
        self.assertEqual(scraped.value("foreign_balance_bytes", device="kxout"), 5000 - 3000)
        self.assertEqual(scraped.value("foreign_last_length_bytes", device="kxout"), 1000)
        send_frames(self.namespace, "kxout", [frame(1000)] * 3 + [frame(100)])
        scraped = self.scrape()
        self.assertEqual(scraped.value("foreign_balance_bytes", device="kxout"), -1100)
        self.assertEqual(scraped.value("foreign_last_length_bytes", device="kxout"), 100)

    def test_series_survive_the_eviction_of_their_keys(self):
        """64 entries, a thousand addresses: what was shown once never gets lower."""
        first = [f"198.51.100.{i}" for i in range(10)]
        send_frames(self.namespace, "kxout", [frame(ethertype=0x0800, payload=ipv4(a)) for a in first] * 3)
        scraped = self.scrape()
        name = "foreign_frames_by_destination_total"
        for address in first:
            self.assertEqual(scraped.value(name, address=address), 3)
        for round_number in range(1, 5):
            others = [f"198.51.{round_number}.{i}" for i in range(250)]
            send_frames(self.namespace, "kxout", [frame(ethertype=0x0800, payload=ipv4(a)) for a in others])
            self.scrape()
        send_frames(self.namespace, "kxout", [frame(ethertype=0x0800, payload=ipv4(first[0]))])
        scraped = self.scrape()
        self.assertEqual(scraped.value(name, address=first[0]), 4)
        self.assertEqual(scraped.value(name, address=first[1]), 3)
        self.assertEqual(scraped.value("kernel_exporter_map_max_entries", map="destinations"), 64)
        self.assertLessEqual(scraped.value("kernel_exporter_map_entries", map="destinations"), 64)


if __name__ == "__main__":
    unittest.main()
