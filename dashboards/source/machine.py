# SPDX-License-Identifier: Apache-2.0
"""Kernel health of one machine: CPU, softirq and disk latency, and dropped packets."""
from blocks import ends_of_updates
from panels import ceiling, dashboard, graph, heatmap, query, row, stat

DECADES = "Interpolated within the histogram's buckets, which the heatmap beside it shows."


def quantile(share, family, by="", matchers=""):
    labels = ", ".join(filter(None, ("instance", by, "le")))
    return f"histogram_quantile({share}, sum by ({labels}) (rate({family}_bucket{{M{matchers}}}[R])))"


def half_and_most(family, legend, by="", matchers=""):
    return (query(quantile(0.5, family, by, matchers), f"{legend} median"),
            query(quantile(0.99, family, by, matchers), f"{legend} 99th percentile"))


def _answer():
    return row(
        "Is the kernel healthy?",
        stat("Run queue latency", "99 % of the tasks waited at most this long for a CPU.", "s",
             query(quantile(0.99, "kernel_runqueue_latency_seconds")), thresholds=ceiling(0.01, 0.1), spark=True),
        stat("Softirq delay", "99 % of the softirqs started within this time of their first raise; at most 1 ms, the "
             "last bucket.", "s",
             query(quantile(0.99, "kernel_softirq_latency_seconds")), thresholds=ceiling(0.0005, 0.00099), spark=True),
        stat("Dropped packets", "Packets per second dropped by the kernel, for any reason.", "pps",
             query("sum by (instance) (rate(kernel_netdrop_packets_total{M}[R]))"), thresholds=ceiling(10, 1000),
             spark=True),
        stat("Reads", "99 % of the read requests took at most this long, queue and service time together.", "s",
             query(quantile(0.99, "kernel_blockio_latency_seconds", matchers=', operation="read"')),
             thresholds=ceiling(0.05, 0.5), none="no reads", spark=True),
        stat("Writes", "99 % of the write requests took at most this long, queue and service time together.", "s",
             query(quantile(0.99, "kernel_blockio_latency_seconds", matchers=', operation="write"')),
             thresholds=ceiling(0.05, 0.5), none="no writes", spark=True),
        stat("Failed block requests", "Block requests that failed since the exporter started.", "short",
             query("sum by (instance) (kernel_blockio_errors_total{M})"), thresholds=ceiling(1, 10), none="0"))


def _runqueue():
    return row(
        "runqueue: run queue latency",
        heatmap("Time on a run queue", "Tasks by how long they waited on a run queue before they ran.",
                "sum by (le) (increase(kernel_runqueue_latency_seconds_bucket{M}[R]))"),
        graph("Median and 99th percentile", DECADES, "s",
              *half_and_most("kernel_runqueue_latency_seconds", "{{instance}}"), size=(6, 8), log=True),
        graph("Context switches and migrations", "Tasks per second that ran after waiting, and tasks that were moved "
              "to another CPU while they waited, whose time before the move is not counted.", "ops",
              query("sum by (instance) (rate(kernel_runqueue_latency_seconds_count{M}[R]))", "{{instance}} ran"),
              query("sum by (instance) (rate(kernel_runqueue_queued_migrations_total{M}[R]))",
                    "{{instance}} migrated while waiting"), size=(6, 8)))


def _softirq():
    return row(
        "softirq: latency and run time",
        heatmap("Delay", "Softirqs by the time from the first raise to the start of the handler.",
                "sum by (le) (increase(kernel_softirq_latency_seconds_bucket{M}[R]))"),
        graph("99th percentile of the delay, by vector", DECADES + " At most 1 ms, the last bucket.", "s",
              query(quantile(0.99, "kernel_softirq_latency_seconds", "vector"), "{{instance}} {{vector}}"),
              log=True),
        graph("Share of a CPU in softirq handlers", "Run time of handlers by vector. 100 % is one CPU.", "percentunit",
              query("sum by (instance, vector) (rate(kernel_softirq_duration_seconds_sum{M}[R]))",
                    "{{instance}} {{vector}}"), stack=True, size=(8, 8)),
        graph("Softirqs handled", "Handler runs per second by vector.", "ops",
              query("sum by (instance, vector) (rate(kernel_softirq_duration_seconds_count{M}[R]))",
                    "{{instance}} {{vector}}"), stack=True, size=(8, 8)),
        graph("Unseen raises", "Handler runs per second whose raise was not seen and which have no delay. More than a "
              "few make the delays unreliable.", "ops",
              query("sum by (instance) (rate(kernel_softirq_unseen_raises_total{M}[R]))", "{{instance}}"),
              size=(8, 8)))


def _netdrop():
    return row(
        "netdrop: dropped packets",
        graph("Dropped, by reason", "Packets per second dropped by the kernel, by device and reason.", "pps",
              query("sum by (instance, device, reason) (rate(kernel_netdrop_packets_total{M}[R])) > 0",
                    "{{instance}} {{device}} {{reason}}"), stack=True),
        graph("Dropped on receive, by device", "Statistics of the device: no handler for the packet, or lack of "
              "memory.", "pps",
              query("sum by (instance, device) (rate(kernel_netdev_rx_dropped_total{M}[R])) > 0",
                    "{{instance}} {{device}}"), stack=True))


def _blockio():
    return row(
        "blockio: disks",
        heatmap("Latency", "Reads and writes of all devices by latency, queue and service time together.",
                "sum by (le) (increase(kernel_blockio_latency_seconds_bucket{M}[R]))"),
        graph("99th percentile of the latency, by device", DECADES, "s",
              query(quantile(0.99, "kernel_blockio_latency_seconds", "device, operation"),
                    "{{instance}} {{device}} {{operation}}"), log=True),
        graph("Throughput", "Bytes per second read from and written to each device.", "Bps",
              query("sum by (instance, device, operation) (rate(kernel_blockio_bytes_total{M}[R]))",
                    "{{instance}} {{device}} {{operation}}"), size=(8, 8)),
        graph("Requests", "Requests completed per second.", "iops",
              query("sum by (instance, device, operation) (rate(kernel_blockio_latency_seconds_count{M}[R]))",
                    "{{instance}} {{device}} {{operation}}"), size=(8, 8)),
        graph("Failed requests", "Since the exporter started, by status. A series starts with its first error.",
              "short",
              query("sum by (instance, device, operation, status) (kernel_blockio_errors_total{M})",
                    "{{instance}} {{device}} {{operation}} {{status}}"), step=True, size=(8, 8)))


def build():
    return dashboard(
        "kernel-exporter-machine", "Kernel: one machine", __doc__,
        [_answer(), _runqueue(), _softirq(), _netdrop(), _blockio()], annotations=[ends_of_updates()])
