# SPDX-License-Identifier: Apache-2.0
"""/metrics and its neighbours over HTTP, and `dump`, each through parsers that are not ours."""
import subprocess
import unittest

from exporter_process import DEFAULT_RULES, FULL_RULES, OPENMETRICS, ExporterProcess, run_exporter
from exposition import Exposition, went_backwards
from machine import LoopDevice

PROBES = ("blockio", "netdrop", "runqueue", "softirq")
# Whatever the machine does.
ALWAYS = {"kernel_exporter_build_info", "kernel_exporter_probe_attached", "kernel_exporter_rules_last_reload_successful",
          "kernel_exporter_scrape_duration_seconds", "kernel_exporter_scrape_partial", "process_cpu_seconds",
          "process_open_fds", "process_resident_memory_bytes", "process_start_time_seconds"}
# They may leave a value between two scrapes and come back to it.
RISES_AND_FALLS = {"kernel_exporter_scrape_duration_seconds", "process_open_fds", "process_resident_memory_bytes"}
TEXT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"


def promtool(text):
    checked = subprocess.run(["promtool", "check", "metrics"], input=text, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, check=False)
    return checked.returncode, checked.stdout.decode()


class Profile:
    """What must hold for either profile; see the two classes at the end."""
    rules = None

    @classmethod
    def setUpClass(cls):
        cls.exporter = ExporterProcess(cls.rules)
        cls.addClassCleanup(cls.exporter.stop)

    def test_text_is_what_a_client_without_wishes_gets(self):
        for headers in ({}, {"Accept": "*/*"}, {"Accept": "text/plain"}, {"Accept": "image/png"}):
            response = self.exporter.get(headers=headers)
            self.assertEqual((response.status, response.headers["Content-Type"]), (200, TEXT_TYPE), headers)
            self.assertEqual(response.exposition.faults(), [])

    def test_openmetrics_is_negotiated(self):
        response = self.exporter.get(headers={"Accept": OPENMETRICS})
        self.assertEqual((response.status, response.headers["Content-Type"]), (200, OPENMETRICS_TYPE))
        self.assertTrue(response.text.endswith("# EOF\n"))
        self.assertEqual(response.exposition.faults(), [])

    def test_both_formats_show_the_same(self):
        """What stands still is equal; what counts lies between the scrape before and the one after."""
        before = self.exporter.scrape(accept="text/plain")
        between = self.exporter.scrape(accept=OPENMETRICS)
        after = self.exporter.scrape(accept="text/plain")
        self.assertFalse(before.openmetrics)
        self.assertTrue(between.openmetrics)
        for one, other in ((before, between), (between, after)):
            self.assertEqual(went_backwards(one, other), [])
        common = set(before.types) & set(after.types)
        self.assertLessEqual(ALWAYS | {"kernel_runqueue_latency_seconds", "kernel_softirq_latency_seconds",
                                       "kernel_softirq_duration_seconds", "kernel_netdev_rx_dropped"}, common)
        for family in common:
            self.assertEqual(before.types[family], between.types[family])
            self.assertEqual(before.helps[family], between.helps[family])
        self.assertEqual(set(before.samples) - set(between.samples), set())
        self.assertEqual(set(between.samples) - set(after.samples), set())
        for key, value in before.samples.items():
            if value == after.samples[key] and key[0] not in RISES_AND_FALLS:
                self.assertEqual(between.samples[key], value, key)

    def test_promtool_has_nothing_to_say(self):
        code, said = promtool(self.exporter.get().body)
        self.assertEqual((code, said), (0, ""))


class DefaultProfile(Profile, unittest.TestCase):
    rules = DEFAULT_RULES


class FullProfile(Profile, unittest.TestCase):
    rules = FULL_RULES


class Http(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.exporter = ExporterProcess()
        cls.addClassCleanup(cls.exporter.stop)

    def test_gzip_on_demand(self):
        plain = self.exporter.get()
        self.assertIsNone(plain.headers["Content-Encoding"])
        packed = self.exporter.get(headers={"Accept-Encoding": "gzip"})
        self.assertEqual(packed.headers["Content-Encoding"], "gzip")
        self.assertLess(len(packed.raw), len(plain.raw) / 3)
        self.assertEqual(set(packed.exposition.types), set(plain.exposition.types))
        refused = self.exporter.get(headers={"Accept-Encoding": "gzip;q=0"})
        self.assertIsNone(refused.headers["Content-Encoding"])

    def test_head_is_get_without_a_body(self):
        for path in ("/metrics", "/", "/-/healthy", "/-/ready"):
            response = self.exporter.get(path, method="HEAD")
            self.assertEqual((response.status, response.raw), (200, b""), path)
            self.assertGreater(int(response.headers["Content-Length"]), 0)

    def test_collect_chooses_probes(self):
        with LoopDevice() as loop:
            loop.write()
        for probe in PROBES:
            chosen = self.exporter.scrape(f"/metrics?collect[]={probe}")
            owners = [name for name in chosen.types if not name.startswith("kernel_exporter_probe_lost")]
            prefixes = {"netdrop": ("kernel_netdrop", "kernel_netdev")}.get(probe, (f"kernel_{probe}",))
            self.assertTrue(owners, probe)
            self.assertEqual([name for name in owners if not name.startswith(prefixes)], [])
        both = self.exporter.scrape("/metrics?collect[]=softirq&collect%5B%5D=runqueue")
        self.assertIn("kernel_softirq_latency_seconds", both.types)
        self.assertIn("kernel_runqueue_latency_seconds", both.types)
        self.assertNotIn("process_cpu_seconds", both.types)

    def test_collect_exporter_is_the_exporter_itself(self):
        own = self.exporter.scrape("/metrics?collect[]=exporter")
        self.assertIn("process_cpu_seconds", own.types)
        self.assertIn("kernel_exporter_probe_attached", own.types)
        self.assertNotIn("kernel_softirq_latency_seconds", own.types)

    def test_collect_of_an_unknown_probe_is_refused(self):
        for query in ("collect[]=nonsense", "collect[]=softirq&collect[]=nonsense", "collect[]="):
            response = self.exporter.get("/metrics?" + query)
            self.assertEqual(response.status, 400, query)
        self.assertIn("nonsense", self.exporter.get("/metrics?collect[]=nonsense").text)

    def test_deadline_that_has_passed_gives_a_marked_part(self):
        header = "X-Prometheus-Scrape-Timeout-Seconds"
        partial = self.exporter.get(headers={header: "0.0000001"})
        self.assertEqual((partial.status, partial.headers["X-Kernel-Exporter-Partial"]), (200, "1"))
        self.assertEqual(partial.exposition.value("kernel_exporter_scrape_partial"), 1)
        self.assertNotIn("kernel_softirq_latency_seconds", partial.exposition.types)
        for seconds in ("10", "nonsense", "-1", "1e308"):
            whole = self.exporter.get(headers={header: seconds})
            self.assertIsNone(whole.headers["X-Kernel-Exporter-Partial"], seconds)
            self.assertEqual(whole.exposition.value("kernel_exporter_scrape_partial"), 0)

    def test_landing_page_says_what_is_attached(self):
        page = self.exporter.get("/")
        self.assertEqual((page.status, page.headers["Content-Type"]), (200, "text/html; charset=utf-8"))
        for text in ("/metrics", "softirq_entry", "tp_btf", "attached"):
            self.assertIn(text, page.text)

    def test_health_and_readiness(self):
        for path in ("/-/healthy", "/-/ready"):
            self.assertEqual(self.exporter.get(path).status, 200)

    def test_other_paths_and_methods_are_refused(self):
        for path in ("/nonsense", "/metrics/foo", "/metrics/", "/-/", "/../etc/passwd", "/-/reload/x",
                     "/metrics/../-/reload"):
            self.assertEqual(self.exporter.get(path).status, 404, path)
        for method, path in (("POST", "/metrics"), ("DELETE", "/"), ("GET", "/-/reload")):
            self.assertEqual(self.exporter.get(path, method=method).status, 405, path)


class Dump(unittest.TestCase):
    def test_prints_one_scrape(self):
        for arguments, content_type in (((), "text/plain"), (("--openmetrics",), "openmetrics")):
            ended = run_exporter("dump", "--rules", DEFAULT_RULES, "--duration", "0.1", *arguments)
            self.assertEqual((ended.returncode, ended.stderr), (0, b""))
            exposition = Exposition(ended.stdout.decode(), content_type)
            self.assertEqual(exposition.faults(), [])
            self.assertEqual(exposition.types["kernel_runqueue_latency_seconds"], "histogram")
            self.assertGreater(exposition.value("kernel_runqueue_latency_seconds_count"), 0)
            self.assertIn("process_cpu_seconds", exposition.types)

    def test_has_the_families_of_the_server(self):
        def own_families(text):
            types = Exposition(text).types
            return {name: kind for name, kind in types.items() if name.startswith(("process_", "kernel_exporter_"))}
        with ExporterProcess() as exporter:
            served = exporter.get(headers={"Accept-Encoding": "gzip"})
        dumped = run_exporter("dump", "--rules", DEFAULT_RULES, "--duration", "0")
        self.assertLessEqual(ALWAYS, set(own_families(served.text)))
        self.assertEqual(own_families(served.text), own_families(dumped.stdout.decode()))


class TheChecksThemselves(unittest.TestCase):
    def test_promtool_refuses_what_is_broken(self):
        self.assertNotEqual(promtool(b'x_total{device="unclosed} 1\n')[0], 0)
        self.assertIn("no help", promtool(b"# TYPE x gauge\nx 1\n")[1])

    def test_a_counter_that_falls_or_vanishes_is_seen(self):
        head = "# TYPE x counter\n# TYPE h histogram\n"
        high = Exposition(head + 'x_total{a="b"} 2\n')
        self.assertEqual(went_backwards(high, high), [])
        self.assertEqual(len(went_backwards(high, Exposition(head + 'x_total{a="b"} 1\n'))), 1)
        self.assertEqual(len(went_backwards(high, Exposition(head))), 1)
        odd = Exposition(head + 'h_bucket{le="1.0"} 2\nh_bucket{le="+Inf"} 1\nh_count 3\nh_sum 1\n')
        self.assertEqual(len(odd.faults()), 2)


class Memory(unittest.TestCase):
    def resident(self, exporter, field):
        with open(f"/proc/{exporter.process.pid}/status", encoding="utf-8") as status:
            return next(int(line.split()[1]) * 1024 / 1e6 for line in status if line.startswith(field))

    def test_what_the_start_needed_goes_back(self):
        with ExporterProcess(DEFAULT_RULES) as exporter:
            for _ in range(100):
                exporter.scrape()
            self.assertLess(self.resident(exporter, "VmRSS"), 8)
            # The control: there was something to give back.
            self.assertGreater(self.resident(exporter, "VmHWM"), 10)


if __name__ == "__main__":
    unittest.main()
