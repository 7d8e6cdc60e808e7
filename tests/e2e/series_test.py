"""The size of a scrape on the reference vehicle: 2 cores, 4 network devices, 1 disk, default profile."""
import collections
import socket
import unittest
import zlib

from exporter_process import DEFAULT_RULES, ExporterProcess
from exposition import Exposition
from machine import LoopDevice, add_veth, frame, inside, ipv4, network_namespace, run, send_frames, udp

MOST_SERIES = 150
WITHOUT_OTA = 85  # what the metrics of an update leave of them
MOST_BYTES = 3000
DEVICES = ("lo", "eth0", "eth1", "wlan0")


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
        self.disk = self.enterContext(LoopDevice())
        wrapper = ("nsenter", f"--net=/run/netns/{self.namespace}")
        self.exporter = self.enterContext(ExporterProcess(DEFAULT_RULES, wrapper=wrapper))

    def test_fits_the_bars(self):
        self.disk.write()
        self.disk.read()
        self.drop_packets()
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
        print(f"\ndefault profile on the reference vehicle: {series} series, {len(text)} bytes, {size} gzipped; "
              f"{max(0, series - WITHOUT_OTA)} series over the {WITHOUT_OTA} that an update's own metrics leave "
              f"({others} lines of this machine's other devices left out)")
        for family, weight in weights.most_common():
            print(f"  {weight:3} {family}")
        self.complete(exposition)
        self.assertLessEqual(series, MOST_SERIES)
        self.assertLessEqual(size, MOST_BYTES)

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
            self.assertEqual(len(exposition.series("kernel_softirq_latency_seconds_bucket", vector=vector)), 4)

    def of_the_vehicle(self, text):
        """Without the other devices of this machine, which all namespaces share."""
        kept = []
        for line in text.splitlines():
            device = line.partition('device="')[2].partition('"')[0]
            if not device or line.startswith("#") or device in (*DEVICES, self.disk.name):
                kept.append(line)
        return "\n".join(kept) + "\n"

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
