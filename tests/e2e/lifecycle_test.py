# SPDX-License-Identifier: Apache-2.0
"""Start with what can be wrong, reload, end."""
import http.client
import os
import signal
import socket
import threading
import time
import unittest

from exporter_process import DEFAULT_RULES, FULL_RULES, LIFECYCLE, ExporterProcess, RuleFolder, request, run_exporter

LAST_RELOAD = "kernel_exporter_rules_last_reload_successful"
STOP_SECONDS = 2.0

GOOD = """
probe: softirq
metrics:
  - name: kernel_softirq_runs_seconds
    help: {help}
    type: summary
    map: softirq
    value: duration
    unit: nanoseconds
    labels:
      {label}: {{field: key, decode: softirq}}
"""
RUNQUEUE = """
probe: runqueue
metrics:
  - name: kernel_runqueue_queued_migrations_total
    help: Tasks that changed their CPU while they waited.
    type: counter
    map: runqueue
    value: queued_migrations
"""


class Clients:
    """Threads that scrape without a pause and keep what they got."""

    def __init__(self, exporter, count=4):
        self.answers = 0
        self.faults = []
        self._enough = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(exporter.port,), daemon=True) for _ in range(count)]
        for thread in self._threads:
            thread.start()

    def _run(self, port):
        while True:
            try:
                response = request(port, headers={"Accept-Encoding": "gzip"}, timeout=10)
            except http.client.IncompleteRead as error:
                self.faults.append(repr(error))
                return
            except (OSError, http.client.HTTPException):
                return
            if response.status == 503:
                return
            self.faults += response.exposition.faults()
            self.answers += 1
            if self.answers >= 20:
                self._enough.set()

    def wait_for_answers(self):
        assert self._enough.wait(20), "no scrapes"

    def join(self):
        """Waits for the end of the threads, which is that of the exporter; no answer may have been cut or wrong."""
        for thread in self._threads:
            thread.join(10)
            assert not thread.is_alive()
        assert not self.faults, self.faults


class Stop(unittest.TestCase):
    def test_signals_end_it_cleanly_in_the_middle_of_scrapes(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(signal=number.name), ExporterProcess(FULL_RULES) as exporter:
                clients = Clients(exporter)
                clients.wait_for_answers()
                start = time.monotonic()
                self.assertEqual(exporter.stop(number), 0)
                self.assertLess(time.monotonic() - start, STOP_SECONDS)
                clients.join()
                self.assertEqual(len(exporter.lines_with(f"{number.name}, shutting down")), 1)

    def test_open_connections_do_not_keep_it(self):
        with ExporterProcess() as exporter:
            idle = [socket.create_connection(("127.0.0.1", exporter.port)) for _ in range(20)]
            idle[0].sendall(b"GET /metrics HTTP/1.1\r\n")
            start = time.monotonic()
            self.assertEqual(exporter.stop(), 0)
            self.assertLess(time.monotonic() - start, STOP_SECONDS)
            for connection in idle:
                connection.close()

    def test_a_client_that_goes_away_does_no_harm(self):
        with ExporterProcess(FULL_RULES) as exporter:
            for _ in range(50):
                with socket.create_connection(("127.0.0.1", exporter.port)) as connection:
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                    connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
            exporter.scrape()


class Reload(unittest.TestCase):
    def setUp(self):
        self.rules = self.enterContext(RuleFolder(softirq=GOOD.format(help="One.", label="vector")))
        self.exporter = self.enterContext(ExporterProcess(self.rules.path, arguments=LIFECYCLE))

    def reload_by_signal(self, expected_line):
        seen = len(self.exporter.lines)
        self.exporter.send(signal.SIGHUP)
        self.exporter.wait_for_line(expected_line, after=seen)

    def labels(self):
        scraped = self.exporter.scrape("/metrics?collect[]=softirq")
        return {name for labels, _ in scraped.series("kernel_softirq_runs_seconds_count") for name in labels}

    def last_reload(self):
        return self.exporter.scrape("/metrics?collect[]=exporter").value(LAST_RELOAD)

    def test_a_good_change_is_applied(self):
        self.assertEqual((self.labels(), self.last_reload()), ({"vector"}, 1))
        self.rules.write("softirq", GOOD.format(help="Two.", label="kind"))
        self.reload_by_signal("rules reloaded")
        self.assertEqual((self.labels(), self.last_reload()), ({"kind"}, 1))
        self.rules.write("softirq", GOOD.format(help="Three.", label="vector"))
        response = self.exporter.get("/-/reload", method="POST")
        self.assertEqual(response.status, 200)
        scraped = self.exporter.scrape("/metrics?collect[]=softirq")
        self.assertEqual(scraped.helps["kernel_softirq_runs_seconds"], "Three.")

    def test_counters_go_on_over_reloads(self):
        for i in range(10):
            self.exporter.scrape()
            self.rules.write("softirq", GOOD.format(help=f"Number {i}.", label="vector"))
            self.assertEqual(self.exporter.get("/-/reload", method="POST").status, 200)
        self.exporter.scrape()

    def test_a_bad_file_keeps_the_old_rules_until_it_is_mended(self):
        faults = {"metrics: [": "softirq.yaml:", GOOD.format(help="x", label="0bad"): "softirq.yaml:11:",
                  GOOD.format(help="x", label="v").replace("value: duration", "value: nonsense"): "nonsense",
                  "\0": "binary"}
        for text, said in faults.items():
            with self.subTest(text=text[:20]):
                self.rules.write("softirq", text)
                response = self.exporter.get("/-/reload", method="POST")
                self.assertEqual(response.status, 500)
                self.assertIn(said, response.text)
                self.assertEqual(response.text.count("\n"), 1)
                self.assertEqual((self.labels(), self.last_reload()), ({"vector"}, 0))
                self.reload_by_signal("the previous rules stay active: .*softirq.yaml")
                self.assertEqual((self.labels(), self.last_reload()), ({"vector"}, 0))
                self.rules.write("softirq", GOOD.format(help="Good.", label="vector"))
                self.reload_by_signal("rules reloaded")
                self.assertEqual((self.labels(), self.last_reload()), ({"vector"}, 1))
        self.exporter.scrape()

    def test_a_refused_reload_logs_each_fault_once(self):
        self.rules.write("softirq", GOOD.format(help="x", label="v") + "one: 1\ntwo: 2\n")
        self.reload_by_signal("the previous rules stay active")
        self.assertEqual(self.exporter.stop(), 0)
        faults = self.exporter.lines_with("softirq.yaml")
        self.assertEqual(len(faults), 2, faults)
        for line, key in zip(faults, ("one", "two")):
            self.assertIn(f'unknown key "{key}"', line)

    def test_what_needs_other_programs_is_refused(self):
        self.rules.write("runqueue", RUNQUEUE)
        response = self.exporter.get("/-/reload", method="POST")
        self.assertEqual((response.status, self.last_reload()), (500, 0))
        self.assertRegex(response.text, r"\(probe runqueue[,)].*restart")

    def test_rules_that_vanish_keep_the_old_ones(self):
        self.rules.remove("softirq")
        self.assertEqual(self.exporter.get("/-/reload", method="POST").status, 500)
        self.assertEqual((self.labels(), self.last_reload()), ({"vector"}, 0))

    def test_many_reloads_among_scrapes(self):
        clients = Clients(self.exporter)
        clients.wait_for_answers()
        for i in range(20):
            self.rules.write("softirq", GOOD.format(help=f"Number {i}.", label="vector"))
            self.assertEqual(self.exporter.get("/-/reload", method="POST").status, 200)
        self.assertEqual(self.exporter.stop(), 0)
        clients.join()


class BadStart(unittest.TestCase):
    """What ends the start: exit code and one line."""

    def refused(self, code, said, *arguments):
        ended = run_exporter("serve", *arguments)
        lines = ended.stderr.decode().splitlines()
        self.assertEqual((ended.returncode, len(lines)), (code, 1), lines)
        self.assertIn(said, lines[0])

    def test_port_in_use(self):
        with socket.create_server(("127.0.0.1", 0)) as other:
            address = f"127.0.0.1:{other.getsockname()[1]}"
            self.refused(1, address, "--rules", DEFAULT_RULES, "--web.listen-address", address)

    def test_addresses_that_cannot_be(self):
        for address in ("nonsense", "127.0.0.1:99999", "[::1]:9100", "192.0.2.1:9100"):
            with self.subTest(address=address):
                self.refused(1, address.split(":99")[0], "--rules", DEFAULT_RULES, "--web.listen-address", address)

    def test_tls_that_is_not_there(self):
        self.refused(2, "--web.config.file", "--rules", DEFAULT_RULES, "--web.config.file", "web.yml")

    def test_no_rules(self):
        self.refused(1, "/no/such/folder", "--rules", "/no/such/folder")
        with RuleFolder() as empty:
            self.refused(1, empty.path, "--rules", empty.path)


class BadRules(unittest.TestCase):
    """Files that cannot be used are named in one line each; the others go on."""

    def start(self, **bad):
        rules = self.enterContext(RuleFolder(zgood=GOOD.format(help="Good.", label="vector")))
        for name, text in bad.items():
            rules.write(name, text)
        exporter = self.enterContext(ExporterProcess(rules.path))
        scraped = exporter.scrape()
        self.assertTrue(scraped.series("kernel_softirq_runs_seconds_count"))
        self.assertEqual(scraped.value(LAST_RELOAD), 0 if bad else 1)
        self.assertIsNone(scraped.value("kernel_exporter_rule_errors_total", rule="zgood"))
        return exporter, scraped, rules

    def one_line(self, said, **bad):
        exporter, scraped, rules = self.start(**bad)
        for name in bad:
            lines = exporter.lines_with(f"/{name}.yaml")
            self.assertEqual(len(lines), 1, exporter.log)
            self.assertRegex(lines[0], said)
            self.assertLess(len(lines[0]), 300)
            self.assertEqual(scraped.value("kernel_exporter_rule_errors_total", rule=name), 1)
            checked = run_exporter("check", os.path.join(rules.path, name + ".yaml"))
            self.assertEqual(checked.returncode, 1)
            self.assertIn(name + ".yaml", checked.stderr.decode())

    def test_good_rules_have_no_fault(self):
        exporter, _, rules = self.start()
        self.assertEqual(exporter.lines_with("error"), [])
        self.assertEqual(run_exporter("check", rules.path).returncode, 0)

    def test_huge(self):
        self.one_line("larger than", huge="# " + "x" * (2 << 20))

    def test_binary(self):
        self.one_line("binary", binary=b"\x7fELF\2\1\1\0" + os.urandom(4096))
        self.one_line("binary.yaml:[0-9]+: ", binary=b"\xff\xfe\xfd: [\x01\x02")

    def test_empty_and_broken(self):
        self.one_line("empty", empty="")
        self.one_line("broken.yaml:[0-9]+: ", broken="probe: [")

    def test_a_folder_in_place_of_a_file(self):
        rules = self.enterContext(RuleFolder(zgood=GOOD.format(help="Good.", label="vector")))
        os.mkdir(os.path.join(rules.path, "folder.yaml"))
        os.symlink("/no/such/file", os.path.join(rules.path, "link.yaml"))
        with ExporterProcess(rules.path) as exporter:
            exporter.scrape()
            self.assertEqual(len(exporter.lines_with("folder.yaml")), 1)
            self.assertEqual(len(exporter.lines_with("link.yaml")), 1)

    def test_two_rules_with_one_metric_of_two_kinds(self):
        other = GOOD.format(help="Good.", label="other_label")
        rules = self.enterContext(RuleFolder(agood=GOOD.format(help="Good.", label="vector"), other=other))
        with ExporterProcess(rules.path) as exporter:
            scraped = exporter.scrape()
            self.assertEqual(len(exporter.lines_with("kernel_softirq_runs_seconds")), 1)
            self.assertEqual(len(exporter.lines_with("other.yaml:4: ")), 1, exporter.log)
        labels = {name for own, _ in scraped.series("kernel_softirq_runs_seconds_count") for name in own}
        self.assertEqual(labels, {"vector"})

    def test_object_that_is_not_there_or_no_object(self):
        rule = "probe: odd\nobject: {}\nmetrics:\n  - {{name: odd_total, help: Odd., type: counter, map: odd}}\n"
        self.one_line("no/such.bpf.o", missing=rule.format("/no/such.bpf.o"))
        self.one_line("README|passwd", text=rule.format("/etc/passwd"))


if __name__ == "__main__":
    unittest.main()
