"""A small fleet on this machine, told scrape by scrape: each car is an exporter with state, disk, cgroup and agent
of its own. Time goes by Prometheus' scrapes, so every step of the story is in its database."""
import contextlib
import glob
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "e2e"))

from exporter_process import DEFAULT_RULES, ExporterProcess, RuleFolder, run_exporter, wait_until  # noqa: E402
from machine import LoopDevice, cgroup2_mount, frame  # noqa: E402
from prometheus_process import Prometheus, free_port  # noqa: E402
from rauc import RaucMachine  # noqa: E402
from swupdate import SwupdateMachine  # noqa: E402

MB = 1 << 20
DISK = 16 * MB
PAYLOAD = 12 * MB
JOB = "kernel_exporter"
STORY_SECONDS = 180
RULES = glob.glob(os.path.join(DEFAULT_RULES, "*.yaml"))


def text_of(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


class Car:
    def __init__(self, name, stack):
        self.name = name
        self.folder = stack.enter_context(tempfile.TemporaryDirectory(prefix=f"kernel_exporter_{name}_"))
        self.disk = stack.enter_context(LoopDevice(DISK))
        self.environment = stack.enter_context(LoopDevice(MB))
        self.cgroup = f"kernel_exporter_dashboards_{os.getpid()}_{name}"
        self._cgroup_path = os.path.join(cgroup2_mount(), self.cgroup)
        os.mkdir(self._cgroup_path)
        stack.callback(os.rmdir, self._cgroup_path)
        self.rules = stack.enter_context(RuleFolder(**{os.path.basename(path): text_of(path) for path in RULES}))
        self.socket = os.path.join(self.folder, "ota.sock")
        self.ledger = os.path.join(self.folder, "ota.ledger")
        self.configure(engines=["custom"])
        self.port = free_port()
        self.exporter = None

    def configure(self, **settings):
        with open(os.path.join(self.folder, "ota.yaml"), "w", encoding="utf-8") as file:
            json.dump({"socket": self.socket, "ledger": self.ledger, **settings}, file)

    def start(self, wrapper=()):
        self.exporter = ExporterProcess(
            rules=self.rules.path, arguments=["--ota.config", os.path.join(self.folder, "ota.yaml")],
            listen=f"127.0.0.1:{self.port}", wrapper=wrapper)

    def stop(self):
        if self.exporter:
            code = self.exporter.stop()
            assert code == 0, f"{self.name}: the exporter ended with {code}: {self.exporter.log}"
            self.exporter = None

    def boot(self):
        """What a boot changes for the exporter: another boot id, and CLOCK_BOOTTIME begins anew."""
        boot_id = os.path.join(self.folder, "boot_id")
        with open(boot_id, "w", encoding="utf-8") as file:
            file.write(f"{uuid.uuid4()}\n")
        uptime = int(time.clock_gettime(time.CLOCK_BOOTTIME))
        self.start(["unshare", "--mount", "--propagation", "private", "--time", "--boottime", str(1 - uptime),
                    "sh", "-c", 'mount --bind "$0" /proc/sys/kernel/random/boot_id && exec "$@"', boot_id])

    def ota(self, *arguments, code=0):
        done = run_exporter("ota", "--socket", self.socket, *arguments)
        assert done.returncode == code, done

    def begin(self, name, old, new):
        self.ota("begin", "--id", name, "--engine", "custom", "--from", old, "--to", new, "--payload-bytes",
                 str(PAYLOAD), "--device", f"{self.disk.path}=slot", "--device", f"{self.environment.path}=bootenv",
                 "--cgroup", "/" + self.cgroup)
        # The slot is not for booting while it is written.
        self._write(self.environment, MB // 4, 0)

    def write(self, size, offset=0):
        self._write(self.disk, size, offset)

    def _write(self, device, size, offset):
        """As the update: from its cgroup."""
        self._dd(f"echo $$ > {self._cgroup_path}/cgroup.procs", f"if=/dev/urandom of={device.path}",
                 f"oflag=direct conv=fsync,notrunc seek={offset >> 18}", size)

    def crash_child(self):
        """A process of the update ends by a fault of its own."""
        subprocess.run(["sh", "-c", f"echo $$ > {self._cgroup_path}/cgroup.procs; kill -SEGV $$"], check=False)

    def write_from_outside(self, size):
        self._dd(":", f"if=/dev/zero of={self.disk.path}", "oflag=direct", size)

    def read(self, size, offset=0):
        self._dd(":", f"if={self.disk.path} of=/dev/null", f"iflag=direct skip={offset >> 18}", size)

    @staticmethod
    def _dd(before, files, options, size):
        subprocess.run(["sh", "-c", f"{before}; exec dd {files} {options} bs=256k count={size >> 18}"], check=True,
                       capture_output=True)

    def download(self, percent):
        self.ota("set", "downloading", "applying", "--progress", str(percent), "--downloaded-bytes",
                 str(PAYLOAD * percent // 100))


class SwupdateCar(Car):
    """Its engine is SWUpdate, which streams from a server that makes it wait."""

    def __init__(self, name, stack):
        super().__init__(name, stack)
        self.swupdate = stack.enter_context(SwupdateMachine())
        self.image = self.swupdate.image("2.1", 16 * MB)
        self.configure(devices=self.swupdate.roles, adapters={"swupdate": {
            "progress_socket": self.swupdate.progress_socket, "control_socket": self.swupdate.control_socket}})

    def is_in(self, state):
        return self.exporter.scrape().value("ota_state", engine="swupdate", state=state) == 1


class RaucCar(Car):
    """Its engine is RAUC, which nobody has told of the exporter."""

    def __init__(self, name, stack):
        super().__init__(name, stack)
        self.rauc = stack.enter_context(RaucMachine(size=32 * MB))
        self.bundle = self.rauc.bundle("2.0", 24 * MB)
        self.configure(adapters={"rauc": {"bus": self.rauc.address}})

    def freeze(self, still):
        """RAUC stands still, or goes on: else it is done before anybody looks."""
        with open(cgroup2_mount() + self.rauc.cgroup + "/cgroup.freeze", "w", encoding="ascii") as file:
            file.write(str(int(still)))

    def is_in(self, state):
        return self.exporter.scrape().value("ota_state", engine="rauc", state=state) == 1


def reboot(car, fleet):
    """Off until Prometheus has seen it and its rules hold the car for lost."""
    car.stop()
    while fleet.up(car) or not fleet.is_lost(car):
        yield
    car.boot()


def install(car, old, new, steps=10):
    car.begin(f"{car.name}-{new}", old, new)
    yield
    for step in range(steps):
        car.download(100 * (step + 1) // steps)
        car.write(PAYLOAD // steps & ~(MB // 4 - 1), offset=step * MB)
        if step % 3 == 0:
            car.write_from_outside(MB // 4)
        yield
    car.ota("set", "verifying", "--progress", "100")
    for _ in range(3):
        car.read(4 * MB)
        yield


def confirmed(car, fleet):
    """RAUC installs 2.0, and fine; the ledger gets a torn record."""
    yield
    with car.rauc.start_install(car.bundle) as client:
        wait_until(lambda: car.is_in("applying") or client.poll() is not None, what="an installation")
        car.freeze(True)
        for _ in range(4):
            yield
        car.freeze(False)
        while client.poll() is None or not car.is_in("rebooting"):
            yield
        output = client.stdout.read()
    assert client.returncode == 0, output
    with open(car.ledger, "a", encoding="utf-8") as ledger:
        ledger.write("ota 1 999 torn")
    car.rauc.stop_service()
    yield from reboot(car, fleet)
    for _ in range(2):
        yield
    car.rauc.boot("B")
    car.rauc.mark("good")
    while not car.is_in("idle"):
        yield


def rolled_back(car, fleet):
    """SWUpdate installs 2.1, which does not come up; somebody breaks a rule, and an agent talks nonsense."""
    for _ in range(4):
        yield
    car.swupdate.server.freeze(8 * MB)
    with car.swupdate.start_install(car.image) as engine:
        for _ in range(4):
            yield
        car.swupdate.server.thaw()
        while engine.poll() is None or not car.is_in("rebooting"):
            yield
    assert engine.returncode == 0, car.swupdate.log
    good = text_of(os.path.join(car.rules.path, "softirq.yaml"))
    for text in (good.replace("histogram", "histrogram"), good):
        car.rules.write("softirq", text)
        car.exporter.send(signal.SIGHUP)
        car.ota("end", "confirmed", code=1)
        for _ in range(3):
            yield
    yield from reboot(car, fleet)
    for _ in range(2):
        yield
    car.ota("end", "rolled_back")


def failed_and_again(car, _):
    """To 2.1, of which a part cannot be read back; then to 2.0, under way when the story ends."""
    yield from install(car, "1.0", "2.1", steps=8)
    car.crash_child()
    car.disk.truncate(DISK // 2)
    for _ in range(2):
        with contextlib.suppress(subprocess.CalledProcessError):
            car.read(MB // 4, offset=DISK - 4 * MB)
        yield
    car.ota("end", "failed", "--cause", "verify_failed")
    car.disk.truncate(DISK)
    for _ in range(4):
        yield
    car.begin("car-1-2.0", "1.0", "2.0")
    for percent in range(5, 70, 5):
        car.download(percent)
        car.write(MB // 2, offset=percent // 10 * MB)
        yield


def reboot_a_container():
    """reboot(2) by the first process of a PID namespace ends that process alone."""
    call = "import ctypes, os; assert os.getpid() == 1; ctypes.CDLL(None).reboot(0x01234567)"
    subprocess.run(["unshare", "--pid", "--fork", "/usr/bin/python3", "-c", call], check=False)


def traffic(car, _):
    """What the kernel has to do besides: packets for a closed port and of no known kind, tasks that share a CPU."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender, \
            socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as raw:
        raw.bind(("lo", 0))
        for second in range(30):
            if second in (5, 25):
                reboot_a_container()
            for _ in range(20 + 40 * (second % 3)):
                sender.sendto(b"nobody listens", ("127.0.0.1", port))
            for _ in range(10 + 20 * (second % 2)):
                raw.send(frame())
            yield


class Fleet:
    """The cars and their Prometheus; `tell` lets a story happen."""

    STORIES = {"car-1": (failed_and_again, traffic), "car-2": (confirmed,), "car-3": (rolled_back,)}
    KINDS = {"car-2": RaucCar, "car-3": SwupdateCar}

    def __init__(self):
        self._stack = contextlib.ExitStack()

    def __enter__(self):
        with self._stack:
            self.cars = {name: self.KINDS.get(name, Car)(name, self._stack) for name in self.STORIES}
            for car in self.cars.values():
                self._stack.callback(car.stop)
                car.start()
            self.prometheus = self._stack.enter_context(Prometheus(
                {JOB: {name: car.port for name, car in self.cars.items()}},
                rules=glob.glob(os.path.join(ROOT, "rules", "prometheus", "*.rules.yml"))))
            self._stack = self._stack.pop_all()
        return self

    def __exit__(self, *details):
        return self._stack.__exit__(*details)

    def up(self, car):
        return self.prometheus.query(f'up{{instance="{car.name}"}}')[0][1] == 1

    def is_lost(self, car):
        return bool(self.prometheus.query(f'ota:not_back:info{{instance="{car.name}"}}'))

    def _tick(self):
        after = self.prometheus.scrapes(len(self.cars)) + 1
        self.prometheus.wait_for_scrapes(after, len(self.cars))

    def tell(self):
        """Until every story has ended; returns when it began and ended by the clock."""
        self.prometheus.wait_for_scrapes(5, len(self.cars))
        began = time.time()
        threads = [story(self.cars[name], self) for name, stories in self.STORIES.items() for story in stories]
        while threads:
            assert time.time() - began < STORY_SECONDS, threads
            threads = [thread for thread in threads if next(thread, self) is None]
            self._tick()
        for _ in range(3):
            self._tick()
        return began, time.time()
