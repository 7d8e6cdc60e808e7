# SPDX-License-Identifier: Apache-2.0
"""A machine with two slots that SWUpdate updates, inside one temporary folder: key, signed images, a server to
download them from, a U-Boot environment, loop devices. Network, mounts and cgroup are its own, so that other
SWUpdates on the same machine do not meet it: the engine has an abstract socket. All of it ends with the `with`
block."""
import contextlib
import hashlib
import http.server
import os
import shutil
import signal
import struct
import subprocess
import tarfile
import tempfile
import threading
import zlib

from exporter_process import wait_until
from machine import MIB, LoopDevice, cgroup2_mount, inside, network_namespace, remove_cgroup, run

ENVIRONMENT_BYTES = 0x4000
ENVIRONMENT_OFFSETS = (0, 0x8000)
DESCRIPTION = """software = {{
  version = "{version}";
  hardware-compatibility: [ "1.0" ];
  stable = {{ slotB: {{
    images: (
      {{ filename = "rootfs.img"; device = "{slot}"; type = "raw"; installed-directly = true; sha256 = "{rootfs}"; }},
      {{ filename = "data.tar.gz"; device = "{data}"; type = "archive"; filesystem = "ext4"; path = "/";
         compressed = "zlib"; installed-directly = true; sha256 = "{archive}"; }});
    bootenv: ( {{ name = "slot"; value = "B"; }} );
  }} }}
}}
"""
CONFIGURATION = """globals : {{
  verbose = true;
  loglevel = 5;
  bootloader = "uboot";
  public-key-file = "{folder}/cert.pem";
}};
"""


class ImageServer:
    """Serves a folder. A download stops at byte `freeze_at`, without an end, until that is moved or None."""

    def __init__(self, folder, namespace):
        self.freeze_at = None
        self._moved = threading.Condition()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                outer.send(self, os.path.join(folder, self.path.lstrip("/")))

            def log_message(self, *_):
                pass

        with inside(namespace):
            self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def send(self, request, path):
        size = os.path.getsize(path)
        first = int(request.headers.get("Range", "bytes=0-")[len("bytes="):].split("-")[0])
        request.send_response(206 if first else 200)
        request.send_header("Content-Length", str(size - first))
        request.send_header("Content-Range", f"bytes {first}-{size - 1}/{size}")
        request.end_headers()
        with open(path, "rb") as file, contextlib.suppress(ConnectionError):
            file.seek(first)
            while file.tell() < size:
                with self._moved:
                    self._moved.wait_for(lambda: self.freeze_at is None or file.tell() < self.freeze_at)
                    last = size if self.freeze_at is None else min(size, self.freeze_at)
                request.wfile.write(file.read(last - file.tell()))

    def thaw(self):
        self.freeze(None)

    def freeze(self, at):
        with self._moved:
            self.freeze_at = at
            self._moved.notify_all()

    def close(self):
        self.thaw()
        self._server.shutdown()
        self._server.server_close()


class SwupdateMachine:
    """Slots "A" (booted) and "B", a data partition with ext4, and a boot environment; `devices` may name other
    devices for slot_b, data and bootenv. `progress_socket` and `control_socket` are for the adapter, `cgroup`
    is the engine's path below the cgroup2 root."""

    def __init__(self, size=32 * MIB, data_size=16 * MIB, devices=None):
        self.size = size
        self.data_size = data_size
        self.devices = dict(devices or {})
        self._images = 0

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            self.folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="kernel_exporter_swu_"))
            for name, size in (("slot_b", self.size), ("data", self.data_size), ("bootenv", 64 << 10)):
                if name not in self.devices:
                    self.devices[name] = stack.enter_context(LoopDevice(size)).path
            self.namespace = stack.enter_context(network_namespace("swu"))
            self.cgroup = f"/kernel_exporter_swu_{os.path.basename(self.folder)}"
            self.cgroup_folder = cgroup2_mount() + self.cgroup
            os.mkdir(self.cgroup_folder)
            stack.callback(remove_cgroup, self.cgroup_folder)
            self._write_configuration()
            self.server = ImageServer(self.folder, self.namespace)
            stack.callback(self.server.close)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_):
        self._stack.close()

    def path(self, *names):
        return os.path.join(self.folder, *names)

    @property
    def progress_socket(self):
        return self.path("sockets", "swupdateprog")

    @property
    def control_socket(self):
        return self.path("sockets", "sockinstctrl")

    @property
    def roles(self):
        """For `devices` of the exporter's configuration."""
        return {self.devices["slot_b"]: "slot", self.devices["data"]: "data", self.devices["bootenv"]: "bootenv"}

    def _write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)

    def _write_configuration(self):
        run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", self.path("key.pem"), "-out",
            self.path("cert.pem"), "-subj", "/CN=kernel_exporter test", "-days", "3650",
            "-addext", "extendedKeyUsage=emailProtection", "-addext", "keyUsage=digitalSignature")
        os.mkdir(self.path("sockets"))
        self._write("swupdate.cfg", CONFIGURATION.format(folder=self.folder))
        # The engine looks for its environment's place in /etc alone: it gets a copy of it.
        run("cp", "-a", "/etc", self.path("etc"))
        self._write("etc/fw_env.config", "".join(
            f"{self.devices['bootenv']} {offset:#x} {ENVIRONMENT_BYTES:#x}\n" for offset in ENVIRONMENT_OFFSETS))
        run("mkfs.ext4", "-q", "-F", self.devices["data"])
        self.write_environment({"slot": "A", "ustate": "0"})

    def write_environment(self, variables):
        """Both copies, the first one the newer."""
        with open(self.devices["bootenv"], "r+b") as device:
            for number, offset in zip((1, 0), ENVIRONMENT_OFFSETS):
                text = b"".join(f"{name}={value}".encode() + b"\0" for name, value in variables.items()) + b"\0"
                text = text.ljust(ENVIRONMENT_BYTES - 5, b"\xff")
                device.seek(offset)
                device.write(struct.pack("<IB", zlib.crc32(text), number) + text)
            device.flush()
            os.fsync(device.fileno())

    def read_environment(self):
        """The newer of the copies that are whole, read by nobody's code but this."""
        found = {}
        with open(self.devices["bootenv"], "rb") as device:
            for offset in ENVIRONMENT_OFFSETS:
                device.seek(offset)
                crc, number = struct.unpack("<IB", device.read(5))
                text = device.read(ENVIRONMENT_BYTES - 5)
                if zlib.crc32(text) == crc:
                    found[number] = dict(line.split("=", 1) for line in text.split(b"\0\0")[0].decode().split("\0"))
        assert found, "no copy of the environment is whole"
        numbers = sorted(found)
        return found[0 if numbers == [0, 255] else numbers[-1]]

    def image(self, version="2.0", size=24 * MIB, data=4 * MIB):
        """A signed image: random bytes for the slot, an archive with `data` random bytes."""
        self._images += 1
        folder = self.path(f"content-{self._images}")
        os.mkdir(folder)

        def at(name):
            return os.path.join(folder, name)
        with open(at("rootfs.img"), "wb") as file:
            for _ in range(size // MIB):
                file.write(os.urandom(MIB))
        with open(at("data.bin"), "wb") as file:
            file.write(os.urandom(data))
        with tarfile.open(at("data.tar.gz"), "w:gz", compresslevel=1) as archive:
            archive.add(at("data.bin"), "data.bin")
        with open(at("sw-description"), "w", encoding="utf-8") as file:
            file.write(DESCRIPTION.format(version=version, slot=self.devices["slot_b"], data=self.devices["data"],
                                          rootfs=digest(at("rootfs.img")), archive=digest(at("data.tar.gz"))))
        run("openssl", "cms", "-sign", "-in", at("sw-description"), "-out", at("sw-description.sig"), "-signer",
            self.path("cert.pem"), "-inkey", self.path("key.pem"), "-outform", "DER", "-nosmimecap", "-binary")
        names = "sw-description\nsw-description.sig\nrootfs.img\ndata.tar.gz\n"
        with open(self.path(f"image-{self._images}.swu"), "wb") as image:
            subprocess.run(["cpio", "-o", "-H", "crc"], cwd=folder, input=names.encode(), stdout=image,
                           stderr=subprocess.DEVNULL, check=True)
        shutil.rmtree(folder)
        return image.name

    @staticmethod
    def corrupt(image, offset):
        with open(image, "r+b") as file:
            file.seek(offset)
            before = file.read(1)
            file.seek(offset)
            file.write(bytes([before[0] ^ 0xFF]))

    def start_install(self, image, options="-r 1", heard=None):
        """SWUpdate downloads and installs an image and ends. Its process is the one that is returned. Where `heard`
        is given, not a byte is served before it is true: who listens to a command can only come after its start."""
        url = f"http://127.0.0.1:{self.server.port}/{os.path.relpath(image, self.folder)}"
        if not heard:
            return self.start("-d", f"-u {url} {options}")
        freeze_at = self.server.freeze_at
        self.server.freeze(0)
        engine = self.start("-d", f"-u {url} {options}")
        try:
            wait_until(heard, what="somebody who listens")
        finally:
            self.server.freeze(freeze_at)
        return engine

    def start(self, *arguments):
        script = (f"echo $$ >{self.cgroup_folder}/cgroup.procs && mount --bind {self.path('etc')} /etc && "
                  'exec "$@"')
        with open(self.path("swupdate.log"), "wb") as log:
            return subprocess.Popen(
                ["nsenter", f"--net=/run/netns/{self.namespace}", "unshare", "--mount", "--propagation", "private",
                 "sh", "-c", script, "sh", "swupdate", "-f", self.path("swupdate.cfg"), "-H", "board:1.0",
                 "-e", "stable,slotB", "-k", self.path("cert.pem"), *arguments],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={**os.environ, "TMPDIR": self.path("sockets")})

    def install(self, image, seconds=60, heard=None):
        """The exit code of an installation."""
        return self.wait(self.start_install(image, heard=heard), seconds)

    def wait(self, engine, seconds=60):
        try:
            return engine.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill(engine)
            raise AssertionError(f"SWUpdate has not ended after {seconds} s:\n{self.log}") from None

    def kill(self, engine):
        """SIGKILL to every process of the engine at once, as a machine's owner does it."""
        with open(os.path.join(self.cgroup_folder, "cgroup.procs"), encoding="utf-8") as file:
            for pid in file.read().split():
                os.kill(int(pid), signal.SIGKILL)
        return engine.wait()

    @property
    def log(self):
        with open(self.path("swupdate.log"), encoding="utf-8", errors="replace") as file:
            return file.read()


def digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def heard_by(exporter):
    """For `heard`: whether this exporter has found the engine."""
    return lambda: exporter.scrape().value("kernel_exporter_ota_adapter_connected", engine="swupdate")
