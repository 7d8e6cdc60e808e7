# SPDX-License-Identifier: Apache-2.0
"""Processes under measurement. Whoever is started here is ended by its pid when the bench ends."""
import glob
import gzip
import http.client
import os
import re
import signal
import socket
import subprocess
import time

READY_LIMIT = 20  # seconds
TEXT_FORMAT = "text/plain;version=0.0.4"


class MeasurementError(Exception):
    """A measurement that could not be made, and why."""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def cpu_ns(pid):
    """CPU time of a process by its own clock: of all its threads, those that have ended included."""
    scheduler_clock = 2  # CPUCLOCK_SCHED of the kernel's include/linux/posix-timers.h: in nanoseconds
    return time.clock_gettime_ns(~pid << 3 | scheduler_clock)


def status_kib(pid, field):
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        return int(re.search(rf"^{field}:\s+(\d+)", file.read(), re.M).group(1))


def descriptors(pid, field):
    """What the open BPF descriptors of a process say about themselves, by their id in `field`."""
    found = {}
    for path in glob.glob(f"/proc/{pid}/fdinfo/*"):
        try:
            with open(path, encoding="ascii") as file:
                info = dict(line.split(":", 1) for line in file.read().splitlines() if ":" in line)
        except FileNotFoundError:
            continue
        if field in info:
            found[int(info[field])] = {key: value.strip() for key, value in info.items()}
    return found


class Process:
    """A child that is ended by SIGTERM, or by SIGKILL after 5 s."""

    def __init__(self, command, end_signal=signal.SIGTERM, **options):
        options.setdefault("stdout", subprocess.DEVNULL)
        options.setdefault("stderr", subprocess.DEVNULL)
        self.end_signal = end_signal
        self.started = time.monotonic()
        self.child = subprocess.Popen(command, **options)
        self.pid = self.child.pid
        self.name = os.path.basename(command[0])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.child.poll() is None:
            self.child.send_signal(self.end_signal)
            try:
                self.child.wait(5)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()
        for stream in (self.child.stdin, self.child.stdout):
            if stream:
                stream.close()


class Server(Process):
    """A process that is scraped over HTTP."""

    def __init__(self, command, port, ready_path):
        super().__init__(command)
        self.port = port
        self.ready_after = self._wait_until_ready(ready_path)

    def _wait_until_ready(self, path):
        while time.monotonic() < self.started + READY_LIMIT:
            if self.child.poll() is not None:
                raise MeasurementError(f"{self.name} ended with {self.child.returncode} at its start")
            try:
                if self.get(path)[0] == 200:
                    return time.monotonic() - self.started
            except OSError:
                pass
            time.sleep(0.001)
        self.__exit__()
        raise MeasurementError(f"{self.name} is not ready after {READY_LIMIT} s")

    def get(self, path="/metrics", compressed=False):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("GET", path, headers={
                "Accept": TEXT_FORMAT, "Accept-Encoding": "gzip" if compressed else "identity"})
            response = connection.getresponse()
            return response.status, response.read()
        except http.client.HTTPException as error:
            raise MeasurementError(f"{self.name}: {error!r}") from error
        finally:
            connection.close()

    def scrape(self, compressed=False):
        status, body = self.get(compressed=compressed)
        if status != 200:
            raise MeasurementError(f"{self.name} answered a scrape with {status}")
        return body

    def value(self, series):
        """The sum of the samples whose name (and labels) begin with `series`."""
        lines = [line for line in self.scrape().decode().splitlines() if line.startswith(series)]
        if not lines:
            raise MeasurementError(f"{self.name} has no {series}")
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines)

    def scrape_cpu_ns(self, scrapes, slices, compressed):
        """CPU time of one scrape, as the mean of each slice."""
        means = []
        for _ in range(slices):
            before = cpu_ns(self.pid)
            for _ in range(scrapes // slices):
                self.scrape(compressed)
            means.append((cpu_ns(self.pid) - before) / (scrapes // slices))
        return means

    def exposition(self):
        """Series, plain bytes and compressed bytes of a scrape."""
        plain, compressed = self.scrape(), self.scrape(compressed=True)
        gzip.decompress(compressed)
        series = sum(1 for line in plain.splitlines() if line and not line.startswith(b"#"))
        return series, len(plain), len(compressed)


def start_exporter(binary, *rules, ota_config=""):
    port = free_port()
    command = [binary, "serve", "--web.listen-address", f"127.0.0.1:{port}"]
    for rule in rules:
        command += ["--rules", rule]
    if ota_config:
        command += ["--ota.config", ota_config]
    return Server(command, port, "/-/ready")


def start_node_exporter():
    port = free_port()
    return Server(["prometheus-node-exporter", f"--web.listen-address=127.0.0.1:{port}"], port, "/")


class Conversation(Process):
    """A C tool that answers lines on stdin."""

    def __init__(self, *command):
        super().__init__([str(word) for word in command], stdin=subprocess.PIPE,
                         stdout=subprocess.PIPE, stderr=None, text=True)

    def tell(self, line=""):
        try:
            self.child.stdin.write(line + "\n")
            self.child.stdin.flush()
        except BrokenPipeError as error:
            raise MeasurementError(f"{self.name} has ended") from error

    def hear(self):
        line = self.child.stdout.readline()
        if not line:
            raise MeasurementError(f"{self.name} has ended")
        return line.strip()

    def ask(self, line=""):
        self.tell(line)
        return self.hear()
