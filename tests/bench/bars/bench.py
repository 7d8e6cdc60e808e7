# SPDX-License-Identifier: Apache-2.0
"""What every measurement needs: where things are, how long to look, and what to undo at the end."""
import contextlib
import json
import os
import re
import shutil
import subprocess
import tempfile

from .processes import Conversation, MeasurementError, Process, start_exporter


def run(*command):
    result = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    if result.returncode:
        raise MeasurementError(f"{' '.join(map(str, command))}: {result.stderr.strip()}")
    return result.stdout


class Bench:
    def __init__(self, source, build, exporter, short):
        self.source = source
        self.tools = os.path.join(build, "tests", "bench")
        self.exporter = exporter
        self.short = short
        self.undo = contextlib.ExitStack()
        self.scratch = tempfile.mkdtemp(prefix="kernel_exporter_bench.")
        self.undo.callback(shutil.rmtree, self.scratch, ignore_errors=True)
        self._disks = {}

    def say(self, text):
        print(f"bench: {text}", flush=True)

    def count(self, full, short):
        return short if self.short else full

    def rules(self, profile, probe=""):
        return os.path.join(self.source, "rules", profile, f"{probe}.yaml" if probe else "")

    def written_rules(self, name, text):
        path = os.path.join(self.scratch, f"{name}.yaml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def serve(self, *rules, ota_config=""):
        return start_exporter(self.exporter, *rules, ota_config=ota_config)

    def vehicle(self, profile="events", **settings):
        """All rules of a profile, and updates followed."""
        folder = tempfile.mkdtemp(dir=self.scratch)
        config = os.path.join(folder, "ota.yaml")
        with open(config, "w", encoding="utf-8") as file:
            json.dump({"socket": os.path.join(folder, "ota.sock"), "ledger": os.path.join(folder, "ota.ledger"),
                       "engines": ["rauc"], **settings}, file)
        return self.serve(self.rules(profile), ota_config=config)

    def conversation(self, tool, *arguments):
        return Conversation(os.path.join(self.tools, tool), *arguments)

    def load(self, *arguments):
        return self.conversation("load", *arguments)

    def tool(self, name, *arguments):
        return run(os.path.join(self.tools, name), *arguments)

    def disk(self, name=""):
        """A loop device on a file in memory: requests of a real block driver, without a medium."""
        if name not in self._disks:
            directory = "/dev/shm" if os.path.isdir("/dev/shm") else self.scratch
            image = tempfile.NamedTemporaryFile(dir=directory, prefix="kernel_exporter_bench.")
            self.undo.enter_context(image)
            image.write(b"\0" * (16 << 20))
            image.flush()
            self._disks[name] = run("losetup", "--find", "--show", image.name).strip()
            self.undo.callback(run, "losetup", "--detach", self._disks[name])
        return self._disks[name]

    def cgroup(self):
        """A new cgroup2 of our own: its directory and its name in rules."""
        with open("/proc/mounts", encoding="utf-8") as mounts:
            roots = re.findall(r"^\S+ (\S+) cgroup2 ", mounts.read(), re.M)
        if not roots:
            raise MeasurementError("no cgroup2 hierarchy is mounted")
        name = f"kernel_exporter_bench.{os.getpid()}"
        path = os.path.join(roots[0], name)
        if not os.path.isdir(path):
            os.mkdir(path)
            self.undo.callback(os.rmdir, path)
        return path, "/" + name


__all__ = ["Bench", "MeasurementError", "Process", "run"]
