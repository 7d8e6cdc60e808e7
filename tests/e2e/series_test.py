# SPDX-License-Identifier: Apache-2.0
"""The size of a scrape of the default profile on the reference vehicle: 2 cores, 4 network devices, 1 disk, 1 engine,
3 target devices, which are partitions of the disk. Idle, and in the middle of an update."""
import collections
import os
import socket
import subprocess
import sys
import tempfile
import unittest
import zlib

from exporter_process import DEFAULT_RULES, ExporterProcess, run_exporter
from exposition import Exposition
from machine import (LoopDevice, add_veth, cgroup2_mount, frame, inside, ipv4, network_namespace, remove_cgroup, run,
                     send_frames, udp)

MOST_SERIES = 150
MOST_BYTES = 3000
DEVICES = ("lo", "eth0", "eth1", "wlan0")
ROLES = ("slot", "data", "bootenv")
# Run in the update's cgroup: past the page cache, as engines write images, and synced.
ENGINE = """
import mmap, os, sys
open(sys.argv[1], "w").write("0")
block = mmap.mmap(-1, 1 << 16)
for path in sys.argv[2:]:
    file = os.open(path, os.O_WRONLY | os.O_DIRECT)
    for _ in range(50):
        os.write(file, block)
        os.fsync(file)
"""


def gzip_size(text):
    """As the exporter packs it: level 1, with gzip's header."""
    packer = zlib.compressobj(1, zlib.DEFLATED, 15 + 16)
    return len(packer.compress(text.encode()) + packer.flush())


class ReferenceVehicle(unittest.TestCase):
    def setUp(self):
        self.namespace = self.enterContext(network_namespace("kxcar"))
        self.peer = self.enterContext(network_namespace("kxroad"))
        for i, device in enumerate(DEVICES[1:], start=1):
            add_veth(self.namespace, device, self.peer, f"far{i}", f"10.77.{i}.1/24")
        self.disk = self.enterContext(LoopDevice(size=32 << 20))
        self.targets = dict(zip(ROLES, self.enterContext(self.disk.partitions(len(ROLES)))))
        self.folder = self.enterContext(tempfile.TemporaryDirectory(prefix="kernel_exporter_series_"))
        self.cgroup = f"kernel_exporter_series_{os.getpid()}"
        self.cgroup_path = os.path.join(cgroup2_mount(), self.cgroup)
        os.mkdir(self.cgroup_path)
        self.addCleanup(remove_cgroup, self.cgroup_path)
        config = os.path.join(self.folder, "ota.yaml")
        with open(config, "w", encoding="utf-8") as file:
            file.write(f"{{socket: {self.folder}/ota.sock, ledger: {self.folder}/ota.ledger, engines: [rauc],\n"
                       f"adapters: {{rauc: {{bus: 'unix:path={self.folder}/bus'}}}}}}\n")
        wrapper = ("nsenter", f"--net=/run/netns/{self.namespace}")
        self.exporter = self.enterContext(ExporterProcess(DEFAULT_RULES, arguments=["--ota.config", config],
                                                          wrapper=wrapper))

    def ota(self, *arguments):
        done = run_exporter("ota", "--socket", os.path.join(self.folder, "ota.sock"), *arguments)
        self.assertEqual(done.returncode, 0, done)

    def begin(self, name, *arguments):
        devices = [word for role, path in self.targets.items() for word in ("--device", f"{path}={role}")]
        self.ota("begin", "--id", name, "--engine", "rauc", "--from", "2026.10", "--to", "2026.11",
                 "--payload-bytes", "52428800", "--cgroup", "/" + self.cgroup, *devices, *arguments)

    def test_fits_the_bars(self):
        self.disk.write()
        self.disk.read()
        self.drop_packets()
        # The last update is what a vehicle remembers.
        self.begin("last", "--no-reboot")
        self.ota("end", "installed")
        idle = self.measure("idle")
        self.ota_is_there(idle)
        self.begin("update")
        self.ota("set", "downloading", "applying", "--progress", "40", "--downloaded-bytes", "20971520")
        subprocess.run([sys.executable, "-c", ENGINE, os.path.join(self.cgroup_path, "cgroup.procs"),
                        *self.targets.values()], check=True)
        updating = self.measure("in the middle of an update")
        self.ota_is_there(updating)
        self.update_is_there(updating)

    def measure(self, when):
        with inside(self.namespace):
            self.exporter.scrape()
            response = self.exporter.get()
        text = self.of_the_vehicle(response.text)
        exposition = Exposition(text)
        weights = collections.Counter()
        for line in text.splitlines():
            if not line.startswith("#"):
                name = line.split("{")[0].split(" ")[0]
                weights[next((family for family in sorted(exposition.types, key=len, reverse=True)
                              if name.startswith(family)), name)] += 1
        series, size = len(exposition.samples), gzip_size(text)
        others = len(response.text.splitlines()) - len(text.splitlines())
        print(f"\ndefault profile on the reference vehicle, {when}: {series} series, {len(text)} bytes, "
              f"{size} gzipped ({others} lines that this machine adds left out)")
        for family, weight in weights.most_common():
            print(f"  {weight:3} {family}")
        self.complete(exposition)
        with self.subTest(when):
            self.assertLessEqual(series, MOST_SERIES)
            self.assertLessEqual(size, MOST_BYTES)
        return exposition

    def complete(self, exposition):
        """All that the bar is about is there, or the bar would be met by too little."""
        for device in DEVICES:
            self.assertIsNotNone(exposition.value("kernel_netdev_rx_dropped_total", device=device))
            for reason in ("no_socket", "unhandled_proto") if device != "lo" else ("no_socket",):
                self.assertIsNotNone(exposition.value("kernel_netdrop_packets_total", device=device, reason=reason))
        for operation in ("read", "write"):
            self.assertGreater(
                exposition.sum("kernel_blockio_latency_seconds_count", device=self.disk.name, operation=operation), 0)
        for vector in ("net_rx", "block", "timer", "other"):
            self.assertEqual(len(exposition.series("kernel_softirq_latency_seconds_bucket", vector=vector)), 3)

    def of_the_vehicle(self, text):
        """Without what this machine adds: other devices, which all namespaces share, and the run time of programs,
        which the kernel counts for all while anybody asks for it."""
        own = (*DEVICES, self.disk.name, *map(os.path.basename, self.targets.values()))
        kept = []
        for line in text.splitlines():
            device = line.partition('device="')[2].partition('"')[0]
            if "kernel_exporter_program_run" in line:
                continue
            if not device or line.startswith("#") or device in own:
                kept.append(line)
        return "\n".join(kept) + "\n"

    def ota_is_there(self, exposition):
        for name, label, count in (("ota_state", "state", 6), ("ota_state_seconds_total", "state", 6),
                                   ("ota_transactions_total", "result", 4), ("ota_failures_total", "cause", 11)):
            labels = [labels for labels, _ in exposition.series(name, engine="rauc") if label in labels]
            self.assertEqual(len(labels), count, name)
        self.assertEqual(exposition.value("ota_transactions_total", engine="rauc", result="succeeded"), 1)
        self.assertEqual(exposition.value("ota_last_result_info", engine="rauc", to="2026.11", result="succeeded",
                                          cause="none"), 1)
        for name in ("ota_last_end_timestamp_seconds", "ota_last_duration_seconds",
                     "ota_last_activity_timestamp_seconds"):
            self.assertIsNotNone(exposition.value(name, engine="rauc"), name)
        self.assertEqual(exposition.value("kernel_exporter_ota_ledger_writable"), 1)

    def update_is_there(self, exposition):
        for name in ("ota_progress_ratio", "ota_transaction_start_timestamp_seconds", "ota_payload_bytes",
                     "ota_downloaded_bytes_total"):
            self.assertIsNotNone(exposition.value(name, engine="rauc"), name)
        self.assertEqual(exposition.sum("ota_transaction_info", txid="update", engine="rauc"), 1)
        for role, path in self.targets.items():
            device = os.path.basename(path)
            self.assertEqual(exposition.value("ota_written_bytes_total", device=device, role=role,
                                              attribution="exact"), 50 << 16)
            self.assertGreater(exposition.value("ota_write_latency_seconds_count", role=role), 0)
            self.assertGreater(exposition.value("ota_sync_latency_seconds_bucket", role=role, le="1.0"), 0)
        bootenv = os.path.basename(self.targets["bootenv"])
        self.assertEqual(exposition.value("ota_bootenv_writes_total", device=bootenv), 50)
        for probe in ("otawrite", "otasync", "otafail", "reboot"):
            attached = [value for _, value in exposition.series("kernel_exporter_probe_attached", probe=probe)]
            self.assertEqual(set(attached), {1}, probe)

    def drop_packets(self):
        """Three reasons on each device, as a vehicle may see them in its life."""
        for i, device in enumerate(DEVICES[1:], start=1):
            address = f"10.77.{i}.1"
            mac = bytes.fromhex(run("ip", "netns", "exec", self.namespace, "cat",
                                    f"/sys/class/net/{device}/address").strip().replace(":", ""))

            def packet(payload, **arguments):
                return frame(ethertype=0x0800, destination=mac,
                             payload=ipv4(address, payload, source=f"10.77.{i}.2", **arguments))
            send_frames(self.peer, f"far{i}", [frame(), packet(udp(9)), packet(udp(9), checksum=1)])
        with inside(self.namespace), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"x", ("127.0.0.1", 9))
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
                deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
                deaf.bind(("127.0.0.1", 0))
                for _ in range(100):
                    sender.sendto(b"x" * 1000, deaf.getsockname())


if __name__ == "__main__":
    unittest.main()
