# SPDX-License-Identifier: Apache-2.0
"""What it costs in the kernel to know whose a write is: net nanoseconds a bio of an update, and of anybody else."""
import json
import os
import subprocess

from .bench import MeasurementError
from .kernel_cost import load_in_cgroup, net_cost, together
from .report import Row

PROBES = ("firmware", "mtd", "otafail", "otasync", "otawrite", "reboot")


class Followed:
    """An exporter that follows an update of one disk by one cgroup, as long as the process lives."""

    def __init__(self, bench, disk):
        self.bench, self.disk = bench, disk
        self.updates = 0

    def __call__(self):
        self.updates += 1
        folder = os.path.join(self.bench.scratch, f"attribution-{self.updates}")
        os.mkdir(folder)
        socket, config = os.path.join(folder, "ota.sock"), os.path.join(folder, "ota.yaml")
        with open(config, "w", encoding="utf-8") as file:
            json.dump({"socket": socket, "ledger": os.path.join(folder, "ota.ledger")}, file)
        server = self.bench.serve(*(self.bench.rules("events", probe) for probe in PROBES), ota_config=config)
        begin = subprocess.run(
            [self.bench.exporter, "ota", "begin", "--socket", socket, "--id", "bench", "--engine", "bench",
             "--device", f"{self.disk}=slot", "--cgroup", self.bench.cgroup()[1]], capture_output=True, text=True)
        if begin.returncode:
            server.__exit__()
            raise MeasurementError(f"ota begin: {begin.stderr.strip()}")
        return server


def attribution(bench):
    """The load writes 4 KiB at a time. Beside the attribution itself, which is otawrite's, all that is attached while
    an update is open."""
    disk, other = bench.disk(), bench.disk("other")
    followed = Followed(bench, disk)

    def row(what, limit, load):
        slices, empty = net_cost(bench, followed, load, "block_bio_queue")
        own, every = together(slices, "otawrite_"), together(slices)
        bench.say(f"attribution {what}: {own.text('ns')} net (an empty program: {empty.median:.0f} ns)")
        return Row(f"attribution, per bio {what}", f"≤ {limit} ns net",
                   f"{own.text('ns')}; with all programs of an open update {every.text('ns')}", "", own.median <= limit)

    return [
        row("of an update, direct 4 KiB", 1000, lambda: load_in_cgroup(bench, "write", 0, disk)),
        row("of an update, from the page cache", 1000, lambda: load_in_cgroup(bench, "buffered", 0, disk)),
        row("of other processes, on another disk", 50, lambda: bench.load("write", 0, other)),
    ]
