# SPDX-License-Identifier: Apache-2.0
"""Debian's Prometheus scrapes the exporter for some intervals, in both text formats."""
import http.server
import os
import pathlib
import threading
import unittest

from exporter_process import DEFAULT_RULES, ExporterProcess, RuleFolder, request
from machine import LoopDevice, add_veth, frame, network_namespace, send_frames
from prometheus_process import Prometheus

PROBES = ("blockio", "netdrop", "runqueue", "softirq")
INTERVALS = 4
FRAMES = 500
DEVICE = f"kxdrop{os.getpid()}"


class TextOnly(http.server.BaseHTTPRequestHandler):
    """Stands between Prometheus, which always prefers OpenMetrics, and the exporter."""
    exporter_port = 0

    def do_GET(self):
        answer = request(self.exporter_port, self.path, headers={"Accept": "text/plain;version=0.0.4"})
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.headers["Content-Type"])
        self.end_headers()
        self.wfile.write(answer.body)

    def log_message(self, *_):
        pass


class Scraped(unittest.TestCase):
    """One run, many questions: see the tests for what is asked of the database."""

    @classmethod
    def setUpClass(cls):
        namespace = cls.enterClassContext(network_namespace("kxprom"))
        peer = cls.enterClassContext(network_namespace("kxsend"))
        add_veth(namespace, DEVICE, peer, "kxsend0")
        default = {name: pathlib.Path(DEFAULT_RULES, f"{name}.yaml").read_text("utf-8") for name in PROBES}
        # A bound whose text has an exponent.
        finer = default["runqueue"].replace("buckets: [1ms,", "buckets: [10us, 1ms,")
        rules = cls.enterClassContext(RuleFolder(**{**default, "runqueue": finer}))
        cls.exporter = cls.enterClassContext(ExporterProcess(rules.path))
        TextOnly.exporter_port = cls.exporter.port
        proxy = http.server.ThreadingHTTPServer(("127.0.0.1", 0), TextOnly)
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        cls.addClassCleanup(proxy.server_close)
        cls.addClassCleanup(proxy.shutdown)
        send_frames(peer, "kxsend0", [frame()])  # so that its series is there before it grows
        cls.prometheus = cls.enterClassContext(
            Prometheus({"openmetrics": {None: cls.exporter.port}, "text": {None: proxy.server_address[1]}},
                       interval="3s"))
        cls.wait_for_scrapes(2)
        before = cls.dropped()
        with LoopDevice() as loop:
            for _ in range(INTERVALS):
                loop.write()
                send_frames(peer, "kxsend0", [frame()] * (FRAMES // INTERVALS))
                cls.wait_for_scrapes(cls.scrapes() + 1)
        cls.wait_for_scrapes(cls.scrapes() + 1)
        cls.grown = {job: value - before[job] for job, value in cls.dropped().items()}

    @classmethod
    def dropped(cls):
        return cls.prometheus.values(
            f'sum by (job) (kernel_netdrop_packets_total{{device="other_netns",reason="unhandled_proto"}})')

    @classmethod
    def scrapes(cls):
        return cls.prometheus.scrapes(targets=2)

    @classmethod
    def wait_for_scrapes(cls, count):
        cls.prometheus.wait_for_scrapes(count, targets=2)

    def test_every_scrape_of_both_formats_succeeds(self):
        self.assertGreaterEqual(self.scrapes(), INTERVALS)
        self.assertEqual(self.prometheus.values("min_over_time(up[5m])"), {"openmetrics": 1, "text": 1})

    def test_the_families_are_there(self):
        for name in ("kernel_softirq_latency_seconds_bucket", "kernel_softirq_duration_seconds_sum",
                     "kernel_runqueue_latency_seconds_count", "kernel_netdev_rx_dropped_total",
                     "kernel_netdrop_packets_total", "kernel_blockio_latency_seconds_bucket",
                     "kernel_exporter_build_info", "kernel_exporter_probe_attached", "process_cpu_seconds_total"):
            counts = self.prometheus.values(f"count by (job) ({name})")
            self.assertGreater(counts.get("text", 0), 0, name)
            self.assertEqual(counts["text"], counts.get("openmetrics"), name)

    def test_both_formats_have_the_same_series(self):
        def series(job):
            found = self.prometheus.query(f'{{__name__=~"(kernel|process)_.*", job="{job}"}}')
            return {frozenset((name, value) for name, value in labels.items() if name not in ("job", "instance"))
                    for labels, _ in found}
        # Devices of others may come and go between two scrapes.
        differing = [labels for labels in series("text") ^ series("openmetrics") if "device" not in dict(labels)]
        self.assertEqual(differing, [])

    def test_le_has_one_form(self):
        bounds = {job: {labels["le"] for labels, _ in self.prometheus.query(
            f'count by (le) ({{__name__=~".*_bucket", job="{job}"}})')} for job in ("text", "openmetrics")}
        self.assertEqual(bounds["text"], bounds["openmetrics"])
        self.assertLessEqual({"1e-05", "0.0001", "1.0", "+Inf"}, bounds["text"])
        self.assertEqual(len({float(bound) for bound in bounds["text"]}), len(bounds["text"]))

    def test_no_counter_was_ever_reset(self):
        counters = '{__name__=~"(kernel|process)_.*_(total|bucket|count|sum)"}'
        history = self.prometheus.history(counters)
        self.assertGreater(len(history), 100)
        self.assertEqual([labels for labels, values in history if values != sorted(values)], [])
        self.assertGreater(len([labels for labels, values in history if values[-1] > values[0]]), 20)

    def test_increase_is_the_traffic(self):
        self.assertEqual(self.grown, dict.fromkeys(("text", "openmetrics"), FRAMES // INTERVALS * INTERVALS))

    def test_histogram_quantile_gives_data(self):
        for family in ("kernel_runqueue_latency_seconds", "kernel_softirq_latency_seconds",
                       "kernel_blockio_latency_seconds"):
            quantiles = self.prometheus.values(
                f"histogram_quantile(0.99, sum by (job, le) (rate({family}_bucket[1m])))")
            self.assertEqual(set(quantiles), {"text", "openmetrics"}, family)
            for value in quantiles.values():
                self.assertGreater(value, 0)
                self.assertLess(value, 100)

    def test_a_query_for_what_is_not_there_is_empty(self):
        self.assertEqual(self.prometheus.query("kernel_nonsense_total"), [])


if __name__ == "__main__":
    unittest.main()
