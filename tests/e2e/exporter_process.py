# SPDX-License-Identifier: Apache-2.0
"""The exporter as a process: started, asked over HTTP, ended, its log read line by line."""
import contextlib
import gzip
import http.client
import os
import re
import signal
import subprocess
import tempfile
import threading
import time

from exposition import Exposition, Monotonic

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("KERNEL_EXPORTER_BUILD", os.path.join(ROOT, "build"))
BINARY = os.path.join(BUILD, "kernel_exporter")
FIXTURES = os.path.join(BUILD, "tests", "e2e", "fixtures")
# A probe of an operator, which needs tracefs.
CLASSIC = f"""
probe: classic
object: {FIXTURES}/classic.bpf.o
metrics:
  - name: classic_execs_total
    help: Programs started.
    type: counter
    map: classic_execs
"""
DEFAULT_RULES = os.path.join(ROOT, "rules", "events")
FULL_RULES = os.path.join(ROOT, "rules", "events-full")

OPENMETRICS = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"
START_SECONDS = 20
REQUEST_SECONDS = 0.5  # who has not asked by then is hung up on
LIFECYCLE = ("--web.enable-lifecycle",)


def wait_until(condition, seconds=10, what="condition"):
    """Asks for what has no event to wait for, in short steps and for a bounded time."""
    deadline = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {seconds} s")
        time.sleep(0.02)


class Response:
    def __init__(self, status, headers, raw):
        self.status = status
        self.headers = headers
        self.raw = raw
        self.body = gzip.decompress(raw) if headers.get("Content-Encoding") == "gzip" else raw

    @property
    def text(self):
        return self.body.decode("utf-8")

    @property
    def exposition(self):
        return Exposition(self.text, self.headers["Content-Type"])


def request(port, path="/metrics", method="GET", headers=None, timeout=20):
    """Asks again when the exporter has hung up because the machine kept us from asking."""
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
        with contextlib.closing(connection):
            start, asked = time.monotonic(), None
            try:
                connection.request(method, path, headers=headers or {})
                asked = time.monotonic()
                answer = connection.getresponse()
                return Response(answer.status, answer.headers, answer.read())
            except ConnectionError:  # http.client.RemoteDisconnected is one
                if (asked or time.monotonic()) - start < REQUEST_SECONDS:
                    raise


class ExporterProcess:
    """`kernel_exporter serve`, ready when the constructor returns. `wrapper` is a command that it runs under, and
    that must become it (exec), since signals go to the process itself."""

    def __init__(self, rules=(DEFAULT_RULES,), arguments=(), wrapper=(), binary=BINARY, ready=True,
                 listen="127.0.0.1:0"):
        command = [*wrapper, binary, "serve", "--web.listen-address", listen]
        for path in [rules] if isinstance(rules, str) else rules:
            command += ["--rules", path]
        self.lines = []
        self._news = threading.Condition()
        self._ended = False
        self.process = subprocess.Popen([*command, *arguments], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.port = 0
        if ready:
            try:
                self.port = int(self.wait_for_line(r"listening on http://.*:(\d+)", START_SECONDS).group(1))
            except AssertionError:
                self.kill()
                raise
        self.monotonic = Monotonic()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is not None:
            self.process.stderr.close()
            return
        code = self.stop()
        assert code == 0, f"the exporter ended with {code}: {self.log}"

    def _read(self):
        for line in self.process.stderr:
            with self._news:
                self.lines.append(line.decode("utf-8", "replace").rstrip("\n"))
                self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()

    @property
    def log(self):
        with self._news:
            return "\n".join(self.lines)

    def lines_with(self, pattern):
        return [line for line in self.log.splitlines() if re.search(pattern, line)]

    def wait_for_line(self, pattern, seconds=10, after=0):
        """The match of `pattern` in a log line, `after` so many lines."""
        def find():
            for line in self.lines[after:]:
                match = re.search(pattern, line)
                if match:
                    return match
            return None
        with self._news:
            self._news.wait_for(lambda: find() or self._ended, seconds)
            match = find()
        if not match:
            raise AssertionError(f"no log line with {pattern!r} in:\n{self.log}")
        return match

    def get(self, path="/metrics", **arguments):
        return request(self.port, path, **arguments)

    def scrape(self, path="/metrics", accept=None):
        """A parsed scrape; fails when a counter is lower than in the last one of the same path."""
        headers = {"Accept": accept} if accept else {}
        response = self.get(path, headers=headers)
        assert response.status == 200, (response.status, response.body)
        exposition = response.exposition
        if path == "/metrics":
            self.monotonic.check(exposition)
        return exposition

    def send(self, number):
        self.process.send_signal(number)

    def wait(self, seconds=10):
        code = self.process.wait(seconds)
        self._reader.join(seconds)
        return code

    def stop(self, number=signal.SIGTERM, seconds=10):
        self.send(number)
        try:
            return self.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        finally:
            self.process.stderr.close()

    def kill(self):
        self.process.kill()
        self.process.wait()
        self._reader.join(5)
        self.process.stderr.close()


def run_exporter(*arguments, wrapper=(), binary=BINARY, seconds=30):
    """Runs a subcommand to its end."""
    return subprocess.run([*wrapper, binary, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=seconds, check=False)


class RuleFolder:
    """A folder of rule files that a test writes, and that every user may read."""

    def __init__(self, **files):
        self._folder = tempfile.TemporaryDirectory(prefix="kernel_exporter_rules_")
        self.path = self._folder.name
        os.chmod(self.path, 0o755)
        for name, text in files.items():
            self.write(name, text)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._folder.cleanup()

    def write(self, name, text):
        path = os.path.join(self.path, name if "." in name else name + ".yaml")
        with open(path, "wb") as file:
            file.write(text if isinstance(text, bytes) else text.encode())
        return path

    def remove(self, name):
        os.unlink(os.path.join(self.path, name if "." in name else name + ".yaml"))
