# SPDX-License-Identifier: Apache-2.0
"""A vehicle as operators see it: an exporter with its own state, an agent, a slot, and a kernel that can be booted
anew (its boot_id is a file of ours, in a mount namespace of the exporter's own)."""
import json
import os
import socket
import subprocess
import sys
import tempfile
import uuid

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "e2e"))

from exporter_process import ExporterProcess, run_exporter  # noqa: E402
from machine import cgroup2_mount, remove_cgroup  # noqa: E402

BOOT_ID = "/proc/sys/kernel/random/boot_id"


class Vehicle:
    """rauc: the RaucMachine that it updates by, instead of an agent that the test plays."""

    def __init__(self, name, engine="rauc", rauc=None):
        self.name = name
        self.engine = engine
        self.rauc = rauc
        self._folder = tempfile.TemporaryDirectory(prefix=f"kernel_exporter_{name}_")
        self.socket = self.path("ota.sock")
        self.config = self.path("ota.yaml")
        self.cgroup = f"kernel_exporter_{name}_{os.getpid()}"
        self._cgroup_path = os.path.join(cgroup2_mount(), self.cgroup)
        adapters = {"adapters": {"rauc": {"bus": rauc.address}}} if rauc else {"engines": [engine]}
        with open(self.config, "w", encoding="utf-8") as file:
            json.dump({"socket": self.socket, "ledger": self.path("ota.ledger"), **adapters}, file)
        self.listen = "127.0.0.1:0"
        self.exporter = None

    def path(self, name):
        return os.path.join(self._folder.name, name)

    def __enter__(self):
        os.mkdir(self._cgroup_path)
        self.boot()
        return self

    def __exit__(self, *_):
        if self.exporter.process.poll() is None:
            self.exporter.stop()
        remove_cgroup(self._cgroup_path)
        self._folder.cleanup()

    def boot(self):
        """Starts the exporter, where it listened before, on what it must take for a kernel that has just booted."""
        if self.exporter:
            self.exporter.stop()
        with open(self.path("boot_id"), "w", encoding="utf-8") as file:
            file.write(f"{uuid.uuid4()}\n")
        bind = f'mount --bind {self.path("boot_id")} {BOOT_ID} && exec "$@"'
        self.exporter = ExporterProcess(arguments=["--ota.config", self.config],
                                        wrapper=["unshare", "--mount", "sh", "-c", bind, "sh"], listen=self.listen)
        self.listen = f"127.0.0.1:{self.exporter.port}"

    def ota(self, *arguments):
        done = run_exporter("ota", "--socket", self.socket, *arguments)
        if done.returncode != 0:
            raise AssertionError(f"ota {arguments}: {done.stderr.decode()}")

    def begin(self, slot, to="2.0", bootenv=None):
        more = ["--device", f"{bootenv}=bootenv"] if bootenv else []
        self.ota("begin", "--id", f"{self.name}-{to}", "--engine", self.engine, "--from", "1.0", "--to", to,
                 "--payload-bytes", str(4 << 20), "--device", f"{slot}=slot", "--cgroup", f"/{self.cgroup}", *more)

    def run(self, *command, check=True):
        """A command of the engine: in the cgroup of the update."""
        enter = f"echo $$ > {self._cgroup_path}/cgroup.procs; "
        return subprocess.run(["sh", "-c", enter + 'exec "$@"', "sh", *command], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, check=check)

    def write(self, slot, size=4 << 20):
        self.run("dd", "if=/dev/zero", f"of={slot}", "bs=1M", f"count={size >> 20}", "oflag=direct", "conv=fsync")

    def read(self, slot, offset):
        """True when the slot could be read there."""
        return self.run("dd", f"if={slot}", "of=/dev/null", "bs=4096", "count=1", f"skip={offset >> 12}",
                        "iflag=direct", check=False).returncode == 0


def drop_datagrams(count=200):
    """Datagrams that the kernel drops: for a closed port, and for a socket that nobody reads."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as reader, \
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        reader.bind(("127.0.0.1", 0))
        address = reader.getsockname()
        for _ in range(count):
            sender.sendto(bytes(512), address)
        reader.close()
        sender.sendto(b"", address)
