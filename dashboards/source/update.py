# SPDX-License-Identifier: Apache-2.0
"""One update in detail: progress, writes, failures, and the machine meanwhile."""
from blocks import alerts, ends_of_updates, engine, last_failures
from panels import BAD, MACHINE, bars, ceiling, column, dashboard, graph, heatmap, plain, query, row, stat, timeline

RESULTS = ("succeeded", "failed", "rolled_back", "interrupted")
STATES = ("idle", "downloading", "verifying", "applying", "rebooting", "confirming")


def average(family):
    return f"sum by (role) (rate({family}_sum{{M}}[R])) / sum by (role) (rate({family}_count{{M}}[R]))"


def _answer():
    return row(
        "This update",
        stat("State", "State of the update; idle if there is none.", "none",
             query("ota_state{E} == 1", "{{state}}"), names=True, colours=STATES),
        stat("Versions", "Source and target version of the open update.", "none",
             query("ota_transaction_info{E}", "{{from}} → {{to}}"), names=True, none="no update"),
        stat("Progress", "Progress of the open update as reported by its agent.", "percentunit",
             query("ota_progress_ratio{E}"), none="no update"),
        stat("Running for", "Time since the open update began. Objective: 30 minutes.", "s",
             query("time() - ota_transaction_start_timestamp_seconds{E}"), none="no update",
             thresholds=ceiling(1500, 1800), decimals=0),
        stat("Last result", "Result of the last update. Succeeded means booted and confirmed.", "none",
             query("ota_last_result_info{E}", "{{result}}"), names=True, colours=RESULTS, none="none yet"),
        stat("Last cause", "Why the last update did not succeed; none if it did.", "none",
             query("ota_last_result_info{E}", "{{cause}}"), names=True, colours=["none"], thresholds=plain(BAD),
             none="none yet"))


def _progress():
    return row(
        "Progress",
        timeline("States", "States of the update over time. Several can be active at the same time.",
                 *(query(f'ota_state{{E, state="{state}"}} == 1', "{{instance}} {{state}}") for state in STATES[1:]),
                 colours=STATES[1:]),
        graph("Progress over time", "Progress of the open update as reported by its agent.", "percentunit",
              query("ota_progress_ratio{E}", "{{instance}} {{engine}}"), highest=1, size=(6, 8), step=True),
        bars("Time in each state", "Within the time range. States that are active at the same time each count in "
             "full.", "s",
             'sum by (state) (increase(ota_state_seconds_total{E, state!="idle"}[$__range]))', "{{state}}",
             size=(6, 8), colours=STATES[1:], decimals=0))


def _writes():
    return row(
        "otawrite: writes",
        graph("Written", "Bytes per second written to the target devices: exact by the update, other by other "
              "processes, inferred if only the device is known.", "Bps",
              query("sum by (device, role, attribution) (rate(ota_written_bytes_total{M}[R]))",
                    "{{device}} {{role}} {{attribution}}"), stack=True,
              colours=("exact", "inferred", "other")),
        graph("Download", "Bytes per second downloaded, as reported by the agent.", "Bps",
              query("sum by (instance, engine) (rate(ota_downloaded_bytes_total{E}[R]))", "{{instance}} {{engine}}")),
        heatmap("Write latency", "From a write request's start to its completion, on all disks. Rising latency means a "
                "worn medium or a full queue.",
                'sum by (le) (increase(kernel_blockio_latency_seconds_bucket{M, operation="write"}[R]))'),
        graph("Write latency by role", "Average on the target devices. The full profile has a histogram.", "s",
              query(average("ota_write_latency_seconds"), "{{role}}"), log=True))


def _syncs():
    return row(
        "otasync: syncs",
        heatmap("Syncs", "Latency of fsync and similar calls by the update or on a target device, and of flushes of "
                "such a device. Above a second, the cache of the medium is full.",
                "sum by (le) (increase(ota_sync_latency_seconds_bucket{M}[R]))"),
        graph("Syncs by role", "Average. The full profile has a histogram, and syncs of other devices.", "s",
              query(average("ota_sync_latency_seconds"), "{{role}}"), log=True))


def _failures():
    return row(
        "Failures",
        last_failures(),
        graph("Failed requests", "Failed requests to target devices since the exporter started. A series starts with "
              "its first error.", "short",
              query("sum by (device, role, operation, status) (ota_io_errors_total{M})",
                    "{{device}} {{role}} {{operation}} {{status}}"), step=True),
        alerts(MACHINE, column("To", label="to"), size=(12, 8)))


def _events():
    return row(
        "otafail, reboot: kills and reboots",
        graph("Process failures", "Processes of the update that were killed or got ENOSPC, since the exporter started. "
              "A series starts with its first event.", "short",
              query("sum by (instance, failure) (ota_process_failures_total{M})", "{{instance}} {{failure}}"),
              step=True, size=(8, 8)),
        graph("Calls of reboot(2)", "Permitted calls while an update was open, including those that end only a "
              "container.",
              "short", query("sum by (instance, command) (ota_reboot_triggers_total{M})", "{{instance}} {{command}}"),
              step=True, size=(8, 8)),
        graph("Writes to the boot environment", "Since the exporter started. Writes outside an update need an "
              "explanation.", "short",
              query("sum by (instance, device) (ota_bootenv_writes_total{M})", "{{instance}} {{device}}"),
              step=True, size=(8, 8)))


def _flash():
    return row(
        "mtd: flash",
        graph("Uncorrectable ECC errors", "Each one is lost data.", "short",
              query("sum by (instance, mtd) (increase(ota_mtd_ecc_failures_total{M}[R]))", "{{instance}} {{mtd}}"),
              size=(8, 8)),
        graph("Corrected bits", "Bits corrected by ECC. A rise over weeks means that the flash wears out.", "short",
              query("sum by (instance, mtd) (increase(ota_mtd_ecc_corrected_bits_total{M}[R]))",
                    "{{instance}} {{mtd}}"), size=(8, 8)),
        graph("Bad blocks", "Blocks that are marked bad. Each one reduces the reserve.", "short",
              query("ota_mtd_bad_blocks{M}", "{{instance}} {{mtd}}"), step=True, size=(8, 8)), collapsed=True)


def _firmware():
    return row(
        "firmware: requests by drivers",
        graph("Firmware loads", "Firmware requests by result, since the exporter started. After an update, a driver "
              "may not find its firmware.", "short",
              query("sum by (instance, result) (ota_firmware_loads_total{M})", "{{instance}} {{result}}"),
              step=True, size=(24, 8)), collapsed=True)


def _machine():
    def slowest(family, name):
        return query(f"histogram_quantile(0.99, sum by (le) (rate({family}_bucket{{M}}[R])))", name)
    return row(
        "The machine during the update",
        graph("Slowest 1 %", "99th percentiles, interpolated within the buckets: is the update slow because the "
              "machine is slow? Details are on the dashboard of the machine.", "s",
              slowest("kernel_runqueue_latency_seconds", "waiting for a CPU"),
              slowest("kernel_softirq_latency_seconds", "softirq delay"),
              slowest("kernel_blockio_latency_seconds", "block I/O, all devices"), log=True,
              link={"title": "The kernel of this machine", "targetBlank": False, "url": "/d/kernel-exporter-machine?"
                    "${datasource:queryparam}&${job:queryparam}&${instance:queryparam}&${__url_time_range}"}),
        graph("Dropped packets", "Packets dropped by the kernel, a frequent reason for a stalled download.", "pps",
              query("sum by (device, reason) (rate(kernel_netdrop_packets_total{M}[R]))", "{{device}} {{reason}}")))


def build():
    return dashboard(
        "kernel-exporter-update", "OTA: one update", __doc__,
        [_answer(), _progress(), _writes(), _syncs(), _failures(), _events(), _machine(), _flash(), _firmware()],
        machine="Vehicle", variables=[engine()], annotations=[ends_of_updates()])
