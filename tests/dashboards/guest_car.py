# SPDX-License-Identifier: Apache-2.0
"""A car with a kernel of its own, a guest in QEMU: it has flash, and a driver that asks for firmware."""
import os
import subprocess
import tempfile

from exporter_process import BUILD, ROOT, wait_until
from prometheus_process import free_port

HERE = os.path.dirname(os.path.abspath(__file__))
KERNEL = "6.12"
START_SECONDS = 500


class GuestCar:
    """Starts with its construction; `port` is its exporter's. What it does then is in guest_story.py."""

    def __init__(self, stack, rules):
        self.port = free_port()
        self._results = stack.enter_context(tempfile.TemporaryDirectory(prefix="kernel_exporter_guest_"))
        story = ["/usr/bin/env", f"KERNEL_EXPORTER_BUILD={BUILD}", "/usr/bin/python3", "-B",
                 os.path.join(HERE, "guest_story.py"), self._results, *rules]
        self._machine = subprocess.Popen(
            [os.path.join(ROOT, "tests", "guest", "boot"), "--results", self._results, "--forward", str(self.port),
             KERNEL, "--", *story], stdin=subprocess.DEVNULL)
        stack.callback(self._switch_off)

    def wait(self):
        """Until it can be scraped."""
        ready = os.path.join(self._results, "ready")
        wait_until(lambda: os.path.exists(ready) or self._machine.poll() is not None, START_SECONDS, "the guest")
        assert self._machine.poll() is None, "the guest is off"

    def _switch_off(self):
        """boot takes QEMU with it."""
        self._machine.terminate()
        self._machine.wait()
