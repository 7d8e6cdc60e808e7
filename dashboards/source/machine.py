# SPDX-License-Identifier: Apache-2.0
"""Health of a machine's kernel: who waited for a CPU, a softirq or a disk, and who dropped packets."""
from blocks import ends_of_updates
from panels import ceiling, dashboard, graph, heatmap, query, row, stat

DECADES = "Interpolated within the histogram's buckets; the heatmap beside it shows them as they are."


def quantile(share, family, by="", matchers=""):
    labels = ", ".join(filter(None, ("instance", by, "le")))
    return f"histogram_quantile({share}, sum by ({labels}) (rate({family}_bucket{{M{matchers}}}[R])))"


def half_and_most(family, legend, by="", matchers=""):
    return (query(quantile(0.5, family, by, matchers), f"{legend} half"),
            query(quantile(0.99, family, by, matchers), f"{legend} 99 %"))


def _answer():
    return row(
        "Is the kernel well?",
        stat("Wait for a CPU", "99 % of the tasks that became ready ran within this time.", "s",
             query(quantile(0.99, "kernel_runqueue_latency_seconds")), thresholds=ceiling(0.01, 0.1), spark=True),
        stat("Softirq delay", "99 % of the softirqs were entered within this time of their first raise; at most 1 ms, "
             "the histogram's last bound.", "s",
             query(quantile(0.99, "kernel_softirq_latency_seconds")), thresholds=ceiling(0.0005, 0.00099), spark=True),
        stat("Dropped packets", "Packets a second that the kernel dropped, for whatever reason.", "pps",
             query("sum by (instance) (rate(kernel_netdrop_packets_total{M}[R]))"), thresholds=ceiling(10, 1000),
             spark=True),
        stat("Reads", "99 % of the block requests that read took less than this, waiting and service together.", "s",
             query(quantile(0.99, "kernel_blockio_latency_seconds", matchers=', operation="read"')),
             thresholds=ceiling(0.05, 0.5), none="no reads", spark=True),
        stat("Writes", "99 % of the block requests that write took less than this, waiting and service together.", "s",
             query(quantile(0.99, "kernel_blockio_latency_seconds", matchers=', operation="write"')),
             thresholds=ceiling(0.05, 0.5), none="no writes", spark=True),
        stat("Failed block requests", "Since the exporter started.", "short",
             query("sum by (instance) (kernel_blockio_errors_total{M})"), thresholds=ceiling(1, 10), none="0"))


def _runqueue():
    return row(
        "runqueue: waiting for a CPU",
        heatmap("Wait on a run queue", "Tasks a cell, by how long they waited on a run queue before they ran.",
                "sum by (le) (increase(kernel_runqueue_latency_seconds_bucket{M}[R]))"),
        graph("Wait on a run queue, half and 99 %", DECADES, "s",
              *half_and_most("kernel_runqueue_latency_seconds", "{{instance}}"), size=(6, 8), log=True),
        graph("Context switches and migrations", "Tasks a second that ran after waiting, and those that changed their "
              "CPU while they waited: the kernel forgets what these had waited before.", "ops",
              query("sum by (instance) (rate(kernel_runqueue_latency_seconds_count{M}[R]))", "{{instance}} ran"),
              query("sum by (instance) (rate(kernel_runqueue_queued_migrations_total{M}[R]))",
                    "{{instance}} migrated while waiting"), size=(6, 8)))


def _softirq():
    return row(
        "softirq: delay and duration of softirqs",
        heatmap("Delay", "Softirqs a cell, by the time from the first raise to the entry of the handler.",
                "sum by (le) (increase(kernel_softirq_latency_seconds_bucket{M}[R]))"),
        graph("Delay of 99 %, by vector", DECADES + " At most 1 ms, the last bound.", "s",
              query(quantile(0.99, "kernel_softirq_latency_seconds", "vector"), "{{instance}} {{vector}}"),
              log=True),
        graph("Share of a CPU in softirq handlers", "Time in handlers by vector; 100 % is one CPU.", "percentunit",
              query("sum by (instance, vector) (rate(kernel_softirq_duration_seconds_sum{M}[R]))",
                    "{{instance}} {{vector}}"), stack=True, size=(8, 8)),
        graph("Softirqs handled", "By vector.", "ops",
              query("sum by (instance, vector) (rate(kernel_softirq_duration_seconds_count{M}[R]))",
                    "{{instance}} {{vector}}"), stack=True, size=(8, 8)),
        graph("Raises that were not seen", "Handler entries without a seen raise; they are in no delay. More than a "
              "few are a reason to distrust the delays.", "ops",
              query("sum by (instance) (rate(kernel_softirq_unseen_raises_total{M}[R]))", "{{instance}}"),
              size=(8, 8)))


def _netdrop():
    return row(
        "netdrop: dropped packets",
        graph("Dropped, by reason", "Packets a second that the kernel dropped, by device and its own reason.", "pps",
              query("sum by (instance, device, reason) (rate(kernel_netdrop_packets_total{M}[R])) > 0",
                    "{{instance}} {{device}} {{reason}}"), stack=True),
        graph("Dropped on receive, by device", "The kernel's own total: no handler for the packet, or no room.", "pps",
              query("sum by (instance, device) (rate(kernel_netdev_rx_dropped_total{M}[R])) > 0",
                    "{{instance}} {{device}}"), stack=True))


def _blockio():
    return row(
        "blockio: disks",
        heatmap("Latency", "Block requests a cell, reads and writes of all devices, waiting and service together.",
                "sum by (le) (increase(kernel_blockio_latency_seconds_bucket{M}[R]))"),
        graph("Latency of 99 %, by device", DECADES, "s",
              query(quantile(0.99, "kernel_blockio_latency_seconds", "device, operation"),
                    "{{instance}} {{device}} {{operation}}"), log=True),
        graph("Throughput", "Bytes a second read from and written to each device.", "Bps",
              query("sum by (instance, device, operation) (rate(kernel_blockio_bytes_total{M}[R]))",
                    "{{instance}} {{device}} {{operation}}"), size=(8, 8)),
        graph("Requests", "Completed a second.", "iops",
              query("sum by (instance, device, operation) (rate(kernel_blockio_latency_seconds_count{M}[R]))",
                    "{{instance}} {{device}} {{operation}}"), size=(8, 8)),
        graph("Failed requests", "Since the exporter started, by what went wrong. A series begins with its first "
              "error.", "short",
              query("sum by (instance, device, operation, status) (kernel_blockio_errors_total{M})",
                    "{{instance}} {{device}} {{operation}} {{status}}"), step=True, size=(8, 8)))


def build():
    return dashboard(
        "kernel-exporter-machine", "Kernel: one machine", __doc__,
        [_answer(), _runqueue(), _softirq(), _netdrop(), _blockio()], annotations=[ends_of_updates()])
