# SPDX-License-Identifier: Apache-2.0
"""A machine with two slots that RAUC updates, inside one folder: keys, bundles, a bus, a service in a
cgroup of its own, loop devices as slots. All of it ends with the `with` block; nothing is shared with another
RAUC on the same machine."""
import contextlib
import glob
import os
import shutil
import signal
import subprocess
import tempfile

from exporter_process import wait_until
from machine import MIB, LoopDevice, cgroup2_mount, remove_cgroup, run

BUS_CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <listen>unix:path={socket}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/><allow own="*"/>
    <allow send_destination="*"/><allow send_type="signal"/><allow receive_sender="*"/>
  </policy>
</busconfig>
"""
# Where a boot loader keeps its choice, as one line a variable. Like U-Boot's: a new primary slot may be tried.
BOOT_LOADER = """#!/bin/sh
file={folder}/bootenv
case $1 in
get-primary) sed -n s/^primary=//p "$file" ;;
set-primary) sed -i s/^primary=.*/primary=$2/ "$file" ;;
get-state) sed -n s/^$2=//p "$file" ;;
set-state) sed -i s/^$2=.*/$2=$3/ "$file" ;;
esac
"""
SYSTEM_CONFIG = """[system]
compatible=kernel-exporter-test
bootloader=custom
statusfile={folder}/slots.status
mountprefix={folder}/mount
bundle-formats=plain
[handlers]
bootloader-custom-backend={folder}/boot-loader
[keyring]
path={folder}/cert.pem
[slot.rootfs.0]
device={A}
type=raw
bootname=A
[slot.rootfs.1]
device={B}
type=raw
bootname=B
"""
MANIFEST = """[update]
compatible=kernel-exporter-test
version={version}
[image.rootfs]
filename=rootfs.img
"""


class Bus:
    """A D-Bus system bus of one's own."""

    def __init__(self, folder):
        self.socket = os.path.join(folder, "bus")
        self.address = f"unix:path={self.socket}"
        self._config = os.path.join(folder, "bus.conf")
        with open(self._config, "w", encoding="utf-8") as file:
            file.write(BUS_CONFIG.format(socket=self.socket))
        self.process = None

    def start(self):
        """Returns when the bus can be used: only then the daemon prints its address."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.socket)
        self.process = subprocess.Popen(
            ["dbus-daemon", f"--config-file={self._config}", "--nofork", "--nopidfile", "--print-address=1"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert self.process.stdout.readline(), "dbus-daemon did not start"

    def stop(self):
        if self.process:
            end(self.process)
            self.process.stdout.close()
            self.process = None


def end(process, number=signal.SIGTERM):
    if process.poll() is None:
        process.send_signal(number)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class RaucMachine:
    """Slots "A" and "B" of `size` bytes; `slots` may name devices to use instead, by slot. `folder` is what the
    machine keeps over its boots, a temporary one by default. `own_cgroup`: the service has one, else the root's.

    address: of the bus, for `adapters: {rauc: {bus: ...}}`. cgroup: the path of the service's cgroup below the
    cgroup2 root. devices: the slots' paths. booted, target: "A" or "B".
    """

    def __init__(self, size=40 * MIB, slots=None, folder=None, booted="A", own_cgroup=True):
        self.size = size
        self.folder = folder
        self.booted = booted
        self.own_cgroup = own_cgroup
        self.devices = dict(slots or {})
        self.service = None
        self._stack = contextlib.ExitStack()

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            if not self.folder:
                self.folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="kernel_exporter_rauc_"))
            for slot in ("A", "B"):
                if slot not in self.devices:
                    self.devices[slot] = stack.enter_context(LoopDevice(self.size)).path
            self.cgroup = "/" + os.path.basename(self.folder) if self.own_cgroup else "/"
            self._cgroup_folder = cgroup2_mount() + self.cgroup
            if self.own_cgroup:
                os.mkdir(self._cgroup_folder)
                stack.callback(remove_cgroup, self._cgroup_folder)
            if not os.path.exists(self.path("system.conf")):
                self._write_configuration()
            self.bus = Bus(self.folder)
            self.address = self.bus.address
            stack.callback(self.bus.stop)
            self.bus.start()
            stack.callback(self._detach_bundles)
            stack.callback(self.stop_service)
            self.start_service()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_):
        self._stack.close()

    @property
    def target(self):
        return "B" if self.booted == "A" else "A"

    @property
    def target_device(self):
        return self.devices[self.target]

    @property
    def environment(self):
        return {**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": self.address}

    def path(self, name):
        return os.path.join(self.folder, name)

    def _write(self, name, text, mode=0o644):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(self.path(name), mode)

    def _write_configuration(self):
        run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", self.path("key.pem"),
            "-out", self.path("cert.pem"), "-subj", "/CN=kernel_exporter test", "-days", "3650")
        os.mkdir(self.path("mount"))
        self._write("boot-loader", BOOT_LOADER.format(folder=self.folder), 0o755)
        self._write("bootenv", "primary=A\nA=good\nB=bad\n")
        self._write("system.conf", SYSTEM_CONFIG.format(folder=self.folder, **self.devices))

    def _detach_bundles(self):
        """A service that is ended before it has mounted its bundle leaves the loop device behind."""
        for bundle in glob.glob(self.path("*.raucb")):
            for line in run("losetup", "--associated", bundle).splitlines():
                run("losetup", "--detach", line.split(":")[0])

    def start_service(self):
        """In mounts of its own, which end with it whatever way it ends."""
        log = open(self.path("rauc.log"), "ab")
        self.service = subprocess.Popen(
            ["unshare", "--mount", "--propagation", "private", "sh", "-c",
             f"echo $$ >{self._cgroup_folder}/cgroup.procs && exec rauc --conf={self.path('system.conf')} "
             f"--override-boot-slot={self.booted} service"],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.environment)
        log.close()
        wait_until(lambda: self.owner() or self.service.poll() is not None, what="the RAUC service")
        assert self.service.poll() is None, self.log

    def owner(self):
        """Whether the service has its name on the bus."""
        asked = subprocess.run(["dbus-send", "--system", "--print-reply=literal", "--dest=org.freedesktop.DBus",
                                "/", "org.freedesktop.DBus.NameHasOwner", "string:de.pengutronix.rauc"],
                               env=self.environment, capture_output=True, check=False)
        return b"true" in asked.stdout

    def stop_service(self, number=signal.SIGTERM):
        if self.service:
            end(self.service, number)
            self.service = None

    @property
    def log(self):
        with open(self.path("rauc.log"), encoding="utf-8", errors="replace") as file:
            return file.read()

    def bundle(self, version="2.0", size=24 * MIB):
        """A signed bundle with `size` random bytes for the slot."""
        content = tempfile.mkdtemp(prefix="bundle-", dir=self.folder)
        with open(os.path.join(content, "rootfs.img"), "wb") as image:
            for _ in range(size // MIB):
                image.write(os.urandom(MIB))
        with open(os.path.join(content, "manifest.raucm"), "w", encoding="utf-8") as manifest:
            manifest.write(MANIFEST.format(version=version))
        bundle = content + ".raucb"
        # Random bytes cannot be compressed: why try.
        run("rauc", f"--cert={self.path('cert.pem')}", f"--key={self.path('key.pem')}",
            "--mksquashfs-args=-noI -noD -noF -noX -quiet", "bundle", content, bundle)
        shutil.rmtree(content)
        return bundle

    @staticmethod
    def corrupt(bundle, offset=4 * MIB):
        """Changes some bytes of a bundle's payload."""
        with open(bundle, "r+b") as file:
            file.seek(offset)
            before = file.read(16)
            file.seek(offset)
            file.write(bytes(byte ^ 0xFF for byte in before))

    def start_install(self, bundle):
        """The client of an installation, as a process."""
        return subprocess.Popen(["rauc", "install", bundle], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, env=self.environment)

    def install(self, bundle, check=True, seconds=120):
        """Returns what the client said when the installation has ended."""
        with self.start_install(bundle) as client:
            output = client.communicate(timeout=seconds)[0].decode("utf-8", "replace")
        assert not check or client.returncode == 0, output
        return output

    def boot(self, slot):
        """The service as it is after a boot of `slot`."""
        self.stop_service()
        self.booted = slot
        self.start_service()

    def mark(self, state="good", slot="booted"):
        """What the new system does when it holds itself for good."""
        run("rauc", "status", f"mark-{state}", slot, env=self.environment)
