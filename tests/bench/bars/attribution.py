"""What it costs in the kernel to know whose a write is: net nanoseconds a bio of an update, and of anybody else."""
import json
import os
import subprocess

from .bench import MeasurementError
from .kernel_cost import load_in_cgroup, net_cost
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
    """The load writes 4 KiB at a time; every program that runs while an update is open counts."""
    disk, other = bench.disk(), bench.disk("other")
    followed = Followed(bench, disk)

    def cost(what, load):
        net, empty, programs = net_cost(bench, followed, load, "block_bio_queue")
        bench.say(f"{what}: {net.text('ns')} net (an empty program: {empty.median:.0f} ns); {programs}")
        return net

    direct = cost("an update's bio, direct", lambda: load_in_cgroup(bench, "write", 0, disk))
    buffered = cost("an update's bio, buffered", lambda: load_in_cgroup(bench, "buffered", 0, disk))
    others = cost("anybody else's bio", lambda: bench.load("write", 0, other))
    return [
        Row("attribution, per bio of an update, direct 4 KiB", "≤ 1000 ns net", direct.text("ns"), "",
            direct.median <= 1000),
        Row("– written back from the page cache", "≤ 1000 ns net", buffered.text("ns"), "", buffered.median <= 1000),
        Row("– per bio of anybody else, on another disk", "≤ 50 ns net", others.text("ns"), "", others.median <= 50),
    ]
