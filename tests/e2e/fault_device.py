# SPDX-License-Identifier: Apache-2.0
"""A loop device on a medium that goes bad when it is told to."""
import os
import re
import signal
import subprocess
import tempfile
import threading

from exporter_process import BUILD, wait_until
from machine import MIB, run

PROGRAM = os.path.join(BUILD, "tests", "e2e", "fault_file")


class FaultDevice:
    """path: of the loop device. hits: (operation, offset, length, errno) of the requests that were failed."""

    def __init__(self, size):
        self.size = size
        self.path = None
        self.hits = []
        self._answers = threading.Semaphore(0)

    def __enter__(self):
        self._folder = tempfile.TemporaryDirectory(prefix="kernel_exporter_fault_")
        self._mount = os.path.join(self._folder.name, "mount")
        backing = os.path.join(self._folder.name, "backing")
        os.mkdir(self._mount)
        with open(backing, "wb") as file:
            file.truncate(self.size)
        self._process = subprocess.Popen([PROGRAM, backing, self._mount], stdin=subprocess.PIPE,
                                         stdout=subprocess.PIPE, text=True)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        disk = os.path.join(self._mount, "disk")
        wait_until(lambda: os.path.exists(disk) or self._process.poll() is not None, what="the FUSE file")
        self.path = run("losetup", "--find", "--show", disk).strip()
        self.name = os.path.basename(self.path)
        return self

    def __exit__(self, *_):
        self.release()
        self.clear()
        run("losetup", "--detach", self.path)
        # The loop device lets go of its file a moment after the last who has it open.
        wait_until(lambda: subprocess.run(["umount", self._mount], capture_output=True, check=False).returncode == 0,
                   what=f"unmounting {self._mount}")
        # Who made himself a mount namespace meanwhile has a copy of the mount, so that unmounting ours does not end it.
        self._process.kill()
        self._process.wait(10)
        self._reader.join(10)
        self._process.stdin.close()
        self._process.stdout.close()
        self._folder.cleanup()

    def _read(self):
        for line in self._process.stdout:
            hit = re.match(r"hit (\w+) (\d+) (\d+) (\d+)", line)
            if hit:
                self.hits.append((hit[1], *map(int, hit.groups()[1:])))
            else:
                assert line == "ok\n", line
                self._answers.release()

    def _tell(self, command):
        self._process.stdin.write(command + "\n")
        self._process.stdin.flush()
        assert self._answers.acquire(timeout=10), f"{PROGRAM}: no answer to {command}"

    def fail(self, operation, offset, error, length=4096):
        self._tell(f"fail {operation} {offset} {length} {error}")

    def delay(self, milliseconds):
        self._tell(f"delay {milliseconds}")

    def hold(self):
        """No request ends before release()."""
        self._process.send_signal(signal.SIGSTOP)

    def release(self):
        self._process.send_signal(signal.SIGCONT)

    def failed_requests(self, bad):
        """Where the device's requests may have begun that failed because they touched the byte `bad`: FUSE makes two of
        one that is longer than 1 MiB."""
        return {begin for _, offset, length, _ in list(self.hits) if offset <= bad < offset + length
                for begin in (offset, offset - MIB)}

    def clear(self):
        self._tell("clear")
        self.hits = []
