# SPDX-License-Identifier: Apache-2.0
"""The servers of operators, each on a free loopback port with files of its own, ended by its pid."""
import contextlib
import http.client
import http.server
import json
import os
import socket
import subprocess
import tempfile
import threading
import time
import urllib.parse

import yaml

from vehicle import ROOT  # noqa: F401  (makes the modules of tests/e2e known)
from exporter_process import request, wait_until  # noqa: E402

START_SECONDS = 30


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """A process that is ready when /-/ready says so; start() after stop() goes on with the same port and files."""
    program = None

    def __init__(self, config, *arguments):
        self._folder = tempfile.TemporaryDirectory(prefix="kernel_exporter_server_")
        self.port = free_port()
        self.arguments = arguments
        self.process = None
        with open(self.path("config.yml"), "w", encoding="utf-8") as file:
            yaml.safe_dump(config, file)

    def path(self, name):
        return os.path.join(self._folder.name, name)

    def command(self):
        return [self.program, f"--config.file={self.path('config.yml')}",
                f"--web.listen-address=127.0.0.1:{self.port}", "--log.level=warn", *self.arguments]

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()
        self._folder.cleanup()

    def start(self):
        self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL)
        wait_until(self._ready, START_SECONDS, f"start of {self.program}")

    def _ready(self):
        assert self.process.poll() is None, f"{self.program} ended"
        with contextlib.suppress(OSError, http.client.HTTPException):
            return request(self.port, "/-/ready").status == 200
        return False

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def get(self, path, **parameters):
        answer = request(self.port, path + "?" + urllib.parse.urlencode(parameters, doseq=True))
        assert answer.status == 200, answer.text
        return json.loads(answer.text)


class Prometheus(Server):
    program = "/usr/bin/prometheus"

    def command(self):
        return [*super().command(), f"--storage.tsdb.path={self.path('data')}"]

    def query(self, expression):
        """[(labels, value)] now."""
        return [(entry["metric"], float(entry["value"][1]))
                for entry in self.get("/api/v1/query", query=expression)["data"]["result"]]

    def samples(self, selector):
        """[(labels, [(time, value)])] as they are stored."""
        return [(entry["metric"], [(at, float(value)) for at, value in entry["values"]])
                for entry in self.get("/api/v1/query", query=selector + "[10m]")["data"]["result"]]

    def firing(self, name, **labels):
        """The alerts of this name with at least these labels that are firing."""
        return [alert for alert in self.get("/api/v1/alerts")["data"]["alerts"]
                if alert["state"] == "firing" and {"alertname": name, **labels}.items() <= alert["labels"].items()]


class PrometheusAgent(Server):
    program = "/usr/bin/prometheus"


class Alertmanager(Server):
    program = "/usr/bin/prometheus-alertmanager"

    def command(self):
        return [*super().command(), f"--storage.path={self.path('data')}", "--cluster.listen-address="]

    def alerts(self, **labels):
        """Those with at least these labels."""
        return [alert for alert in self.get("/api/v2/alerts") if labels.items() <= alert["labels"].items()]

    def post(self, *label_sets):
        """Alerts that somebody else than Prometheus has."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        with contextlib.closing(connection):
            connection.request("POST", "/api/v2/alerts", json.dumps([{"labels": one} for one in label_sets]),
                               {"Content-Type": "application/json"})
            answer = connection.getresponse()
            assert answer.status == 200, answer.read()


class Loopback:
    """An HTTP server of ours in a thread: `handle(path, body)` gives (status, content type, body)."""

    def __init__(self):
        handle = self.handle

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                status, kind, text = handle(self.path, body)
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.end_headers()
                with contextlib.suppress(ConnectionError):  # who asked may have given up
                    self.wfile.write(text)

            do_POST = do_GET

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()


class Webhook(Loopback):
    """What Alertmanager says to its receivers: [(receiver's path, alert)], firing ones only."""

    def __init__(self):
        self.received = []
        self._news = threading.Condition()
        super().__init__()

    def handle(self, path, body):
        with self._news:
            self.received += [(path, alert) for alert in json.loads(body)["alerts"] if alert["status"] == "firing"]
            self._news.notify_all()
        return 200, "text/plain", b""

    def find(self, path, **labels):
        return [alert for where, alert in list(self.received)
                if where == path and labels.items() <= alert["labels"].items()]

    def wait_for(self, path, seconds, **labels):
        deadline = time.monotonic() + seconds
        with self._news:
            while not self.find(path, **labels):
                if not self._news.wait(deadline - time.monotonic()):
                    raise AssertionError(f"no {path} {labels} within {seconds} s, but {self.received}")
        return self.find(path, **labels)[0]


class ScrapeCounter(Loopback):
    """Stands before an exporter and numbers the scrapes, so that a missing one is seen wherever they end up."""

    def __init__(self, port):
        self.scrapes = 0
        self.target = port
        super().__init__()

    def handle(self, path, body):
        self.scrapes += 1
        number = self.scrapes
        try:
            answer = request(self.target, path)
        except OSError:  # the exporter is being restarted
            return 503, "text/plain", b""
        text = answer.text + f"# TYPE scrapes_total counter\nscrapes_total {number}\n"
        return answer.status, "text/plain; version=0.0.4", text.encode()
