# SPDX-License-Identifier: Apache-2.0
"""A small fleet on this machine, told scrape by scrape: each car is an exporter with state, disk, cgroup and agent
of its own. Time goes by Prometheus' scrapes, so every step of the story is in its database."""
import contextlib
import ctypes
import glob
import itertools
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import uuid

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "e2e"))

from exporter_process import (CLASSIC, DEFAULT_RULES, ExporterProcess, RuleFolder, run_exporter,  # noqa: E402
                              wait_until)
from guest_car import GuestCar  # noqa: E402
from machine import LoopDevice, cgroup2_mount, frame, inside, network_namespace, remove_cgroup, run  # noqa: E402
from prometheus_process import Prometheus, free_port  # noqa: E402
from rauc import RaucMachine  # noqa: E402
from relay import Relay  # noqa: E402
from swupdate import SwupdateMachine  # noqa: E402

MB = 1 << 20
DISK = 16 * MB
PAYLOAD = 12 * MB
JOB = "kernel_exporter"
STORY_SCRAPES = 180
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
        stack.callback(remove_cgroup, self._cgroup_path)
        self.rules = stack.enter_context(RuleFolder(**{os.path.basename(path): text_of(path) for path in RULES}))
        self.socket = os.path.join(self.folder, "ota.sock")
        self.ledger = os.path.join(self.folder, "data", "ota.ledger")
        self.configure(engines=["custom"])
        self.port = free_port()
        self.relay = stack.enter_context(Relay(self.port))
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

    def boot(self, tracefs=True):
        """What a boot changes for the exporter: another boot id, and CLOCK_BOOTTIME begins anew; it may come up
        without tracefs."""
        boot_id = os.path.join(self.folder, "boot_id")
        with open(boot_id, "w", encoding="utf-8") as file:
            file.write(f"{uuid.uuid4()}\n")
        uptime = int(time.clock_gettime(time.CLOCK_BOOTTIME))
        unmount = "" if tracefs else "umount /sys/kernel/tracing && "
        self.start(["unshare", "--mount", "--propagation", "private", "--time", "--boottime", str(1 - uptime),
                    "sh", "-c", f'{unmount}mount --bind "$0" /proc/sys/kernel/random/boot_id && exec "$@"', boot_id])

    def break_ledger(self):
        """The medium dies, and where its folder was is none."""
        medium = os.path.dirname(self.ledger)
        shutil.rmtree(medium)
        with open(medium, "wb"):
            pass

    def mend_ledger(self):
        os.unlink(os.path.dirname(self.ledger))

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

        self.rules.write("classic", CLASSIC)

    def is_in(self, state):
        return self.exporter.scrape().value("ota_state", engine="swupdate", state=state) == 1


class RaucCar(Car):
    """Its engine is RAUC, which nobody has told of the exporter. It has little room for kinds of dropped packets."""

    def __init__(self, name, stack):
        super().__init__(name, stack)
        self.rauc = stack.enter_context(RaucMachine(size=32 * MB))
        self.bundle = self.rauc.bundle("2.0", 24 * MB)
        self.configure(adapters={"rauc": {"bus": self.rauc.address}})
        netdrop = text_of(os.path.join(self.rules.path, "netdrop.yaml"))
        self.rules.write("netdrop", netdrop + "max_entries: {netdrop: 16}\n")

    def freeze(self, still):
        """RAUC stands still, or goes on: else it is done before anybody looks."""
        with open(cgroup2_mount() + self.rauc.cgroup + "/cgroup.freeze", "w", encoding="ascii") as file:
            file.write(str(int(still)))

    def is_in(self, state):
        return self.exporter.scrape().value("ota_state", engine="rauc", state=state) == 1


def reboot(car, fleet, **how):
    """Off until Prometheus has seen it and its rules hold the car for lost."""
    car.stop()
    while fleet.up(car) or not fleet.is_lost(car):
        yield
    car.boot(**how)


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
    """SWUpdate installs 2.1, which comes up without tracefs, and so without a probe; the boot loader goes back.
    Before, somebody breaks a rule, and an agent talks nonsense."""
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
    for how in ({"tracefs": False}, {}):
        yield from reboot(car, fleet, **how)
        for _ in range(2):
            yield
    car.ota("end", "rolled_back")


def failed_and_again(car, _):
    """To 2.1, of which a part cannot be read back; then to 2.0, without a ledger for a while, and under way when the
    story ends."""
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
    car.break_ledger()
    car.begin("car-1-2.0", "1.0", "2.0")
    for percent in range(5, 70, 5):
        if percent == 25:
            car.mend_ledger()
        car.download(percent)
        car.write(MB // 2, offset=percent // 10 * MB)
        yield


def reboot_a_container():
    """reboot(2) by the first process of a PID namespace ends that process alone."""
    call = "import ctypes, os; assert os.getpid() == 1; ctypes.CDLL(None).reboot(0x01234567)"
    subprocess.run(["unshare", "--pid", "--fork", "/usr/bin/python3", "-c", call], check=False)


DEVICES = itertools.count()


def network_device(stack):
    """One that stays and has lost a packet: a kind that no map has yet."""
    name = f"kxdash{next(DEVICES)}"
    run("ip", "link", "add", name, "type", "veth", "peer", "name", name + "p")
    stack.callback(run, "ip", "link", "del", name)
    for end in (name, name + "p"):
        run("ip", "link", "set", end, "up")
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as raw:
        raw.bind((name, 0))
        raw.send(b"\xff" * 6 + bytes(6) + b"\x88\xb5" + bytes(46))


def traffic(car, _):
    """What the kernel has to do besides: packets for a closed port and of no known kind, tasks that share a CPU, more
    and more network devices."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender, \
            socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as raw, contextlib.ExitStack() as devices:
        raw.bind(("lo", 0))
        for second in range(30):
            if second in (5, 25):
                reboot_a_container()
            for _ in range(2):
                network_device(devices)
            for _ in range(20 + 40 * (second % 3)):
                sender.sendto(b"nobody listens", ("127.0.0.1", port))
            for _ in range(10 + 20 * (second % 2)):
                raw.send(frame())
            yield


CROWD, WATCHERS = 400, 400
ETH_P_ALL = 3
SO_ATTACH_FILTER = 26
REJECT = struct.pack("=HBBI", 6, 0, 0, 0)  # BPF_RET | BPF_K: nothing of the packet


def watchers(stack):
    """Many who are shown every packet of this network namespace and want none: it costs some 100 us a packet."""
    program = ctypes.create_string_buffer(REJECT)
    for _ in range(WATCHERS):
        watcher = stack.enter_context(socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL)))
        watcher.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("HP", 1, ctypes.addressof(program)))


def crowd(stack):
    """Many who want in where nobody is let in, and try again and again."""
    full = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
    for _ in range(CROWD):
        one = stack.enter_context(socket.socket())
        one.setblocking(False)
        one.connect_ex(full.getsockname())


def busy(stack):
    """Every CPU: one that is idle has no tick."""
    for _ in range(os.cpu_count()):
        loop = subprocess.Popen(["nice", "-n", "19", "sh", "-c", "while :; do :; done"])
        stack.callback(loop.wait)
        stack.callback(loop.kill)


def storm(car, _):
    """The timers of a crowd expire together and take longer than a tick, which raises anew what waits behind them and
    had been raised: the second raise cannot be told from the first."""
    def unseen():
        return car.exporter.scrape().sum("kernel_softirq_unseen_raises_total")
    before = unseen()
    with network_namespace("kxstorm") as namespace, contextlib.ExitStack() as stack:
        with inside(namespace):
            watchers(stack)
            crowd(stack)
        busy(stack)
        while unseen() == before:
            yield
        for _ in range(3):
            yield


def hurried(car, fleet):
    """A proxy on the way gives it no time for an answer, until Prometheus has seen what comes of it."""
    for _ in range(3):
        yield
    car.relay.patience = "1e-7"
    while not fleet.is_cut_short(car):
        yield
    car.relay.patience = None


class Fleet:
    """The cars and their Prometheus; `tell` lets a story happen. The last car, a guest, has one of its own."""

    STORIES = {"car-1": (failed_and_again, traffic, storm), "car-2": (confirmed,),
               "car-3": (rolled_back, hurried)}
    NAMES = (*STORIES, "car-4")
    KINDS = {"car-2": RaucCar, "car-3": SwupdateCar}

    def __init__(self):
        self._stack = contextlib.ExitStack()

    def __enter__(self):
        with self._stack:
            guest = GuestCar(self._stack, RULES)
            self.cars = {name: self.KINDS.get(name, Car)(name, self._stack) for name in self.STORIES}
            for car in self.cars.values():
                self._stack.callback(car.stop)
                car.start()
            guest.wait()
            self.prometheus = self._stack.enter_context(Prometheus(
                {JOB: dict(zip(self.NAMES, [*(car.relay.port for car in self.cars.values()), guest.port]))},
                rules=glob.glob(os.path.join(ROOT, "rules", "prometheus", "*.rules.yml"))))
            self._stack = self._stack.pop_all()
        return self

    def __exit__(self, *details):
        return self._stack.__exit__(*details)

    def up(self, car):
        return self.prometheus.query(f'up{{instance="{car.name}"}}')[0][1] == 1

    def is_lost(self, car):
        return bool(self.prometheus.query(f'ota:not_back:info{{instance="{car.name}"}}'))

    def is_cut_short(self, car):
        return bool(self.prometheus.query(f'kernel_exporter_scrape_partial{{instance="{car.name}"}} == 1'))

    def _all_were_up(self):
        """A second, if every car was up in it: long enough ago that no scrape of it is still under way."""
        second = int(time.time()) - 2
        return second if len(self.prometheus.query("up == 1", time=second)) == len(self.NAMES) else None

    def _tick(self):
        after = self.prometheus.scrapes(len(self.NAMES)) + 1
        self.prometheus.wait_for_scrapes(after, len(self.NAMES))

    def tell(self):
        """Until every story has ended; returns when it began and ended by the clock."""
        self.prometheus.wait_for_scrapes(7, len(self.NAMES))
        began = wait_until(self._all_were_up, 60, "a second in which every car is up")
        threads = [story(self.cars[name], self) for name, stories in self.STORIES.items() for story in stories]
        for _ in range(STORY_SCRAPES):
            threads = [thread for thread in threads if next(thread, self) is None]
            self._tick()
            if not threads:
                break
        assert not threads, threads
        for _ in range(3):
            self._tick()
        return began, time.time()
