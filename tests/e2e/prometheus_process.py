# SPDX-License-Identifier: Apache-2.0
"""Debian's Prometheus on a free loopback port with a database of its own, asked over its API."""
import json
import os
import socket
import subprocess
import tempfile
import urllib.parse

from exporter_process import request, wait_until


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Prometheus:
    """Scrapes and evaluates every `interval`, which is also how long a scrape may take.
    jobs: {job: {instance, or None for the address: port}}; rules: paths of recording and alerting rules."""

    def __init__(self, jobs, rules=(), interval="1s"):
        self._folder = tempfile.TemporaryDirectory(prefix="kernel_exporter_prometheus_")
        config = os.path.join(self._folder.name, "prometheus.yml")
        with open(config, "w", encoding="utf-8") as file:
            json.dump({"global": {"scrape_interval": interval, "scrape_timeout": interval,
                                  "evaluation_interval": interval},
                       "rule_files": list(rules),
                       "scrape_configs": [{"job_name": job, "static_configs": [
                           {"targets": [f"127.0.0.1:{port}"], "labels": {"instance": instance} if instance else {}}
                           for instance, port in targets.items()]} for job, targets in jobs.items()]}, file)
        self.port = free_port()
        self.process = subprocess.Popen(
            ["/usr/bin/prometheus", "--config.file", config, "--storage.tsdb.path", self._folder.name + "/data",
             "--web.listen-address", f"127.0.0.1:{self.port}", "--log.level", "warn"])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(20)
        self._folder.cleanup()

    def ask(self, path, **parameters):
        """The data of an answer; None while Prometheus does not answer yet. Fails with Prometheus' words."""
        try:
            answer = request(self.port, f"/api/v1/{path}?" + urllib.parse.urlencode(parameters, doseq=True))
        except OSError:
            return None
        if answer.status == 503:
            return None
        assert answer.status == 200, f"{parameters}: {answer.text}"
        return json.loads(answer.text)["data"]

    def _instant(self, expression, **parameters):
        data = self.ask("query", query=expression, **parameters)
        return data["result"] if data else []

    def query(self, expression, **parameters):
        """[(labels, value)] now, or at another `time`."""
        return [(entry["metric"], float(entry["value"][1])) for entry in self._instant(expression, **parameters)]

    def query_range(self, expression, start, end, step=1):
        """[(labels, [(time, value)])]."""
        data = self.ask("query_range", query=expression, start=start, end=end, step=step)
        return [(entry["metric"], [(time, float(value)) for time, value in entry["values"]])
                for entry in data["result"]]

    def label_values(self, label, selector, start, end):
        return self.ask(f"label/{label}/values", **{"match[]": selector, "start": start, "end": end})

    def history(self, selector):
        """[(labels, values in order)] of all that was scraped."""
        return [(entry["metric"], [float(value) for _, value in entry["values"]])
                for entry in self._instant(selector + "[5m]")]

    def values(self, expression, label="job"):
        return {labels[label]: value for labels, value in self.query(expression)}

    def scrapes(self, targets):
        """How often the one of so many targets that was scraped least often was scraped."""
        counts = [value for _, value in self.query("count_over_time(up[5m])")]
        return min(counts) if len(counts) == targets else 0

    def wait_for_scrapes(self, count, targets):
        wait_until(lambda: self.scrapes(targets) >= count, 30, f"{count} scrapes of {targets} targets")
