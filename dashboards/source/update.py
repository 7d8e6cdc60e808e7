# SPDX-License-Identifier: Apache-2.0
"""One update in detail: how far it is, what it wrote where and how fast, what went wrong, and what the machine did
meanwhile."""
from blocks import alerts, ends_of_updates, engine, last_failures
from panels import BAD, MACHINE, bars, ceiling, column, dashboard, graph, heatmap, plain, query, row, stat, timeline

RESULTS = ("succeeded", "failed", "rolled_back", "interrupted")
STATES = ("idle", "downloading", "verifying", "applying", "rebooting", "confirming")


def average(family):
    return f"sum by (role) (rate({family}_sum{{M}}[R])) / sum by (role) (rate({family}_count{{M}}[R]))"


def _answer():
    return row(
        "This update",
        stat("State", "What the update does now; idle without one.", "none",
             query("ota_state{E} == 1", "{{state}}"), names=True, colours=STATES),
        stat("Versions", "From which version to which the open update leads.", "none",
             query("ota_transaction_info{E}", "{{from}} → {{to}}"), names=True, none="no update"),
        stat("Progress", "Progress of the open update as its agent tells it.", "percentunit",
             query("ota_progress_ratio{E}"), none="no update"),
        stat("Running for", "Time since the open update began. Objective: 30 minutes.", "s",
             query("time() - ota_transaction_start_timestamp_seconds{E}"), none="no update",
             thresholds=ceiling(1500, 1800), decimals=0),
        stat("Last result", "How the last update ended; succeeded means booted and confirmed.", "none",
             query("ota_last_result_info{E}", "{{result}}"), names=True, colours=RESULTS, none="none yet"),
        stat("Last cause", "Why the last update did not succeed; none when it did.", "none",
             query("ota_last_result_info{E}", "{{cause}}"), names=True, colours=["none"], thresholds=plain(BAD),
             none="none yet"))


def _progress():
    return row(
        "Progress",
        timeline("States", "The states of the update over time; several may go on at once.",
                 *(query(f'ota_state{{E, state="{state}"}} == 1', "{{instance}} {{state}}") for state in STATES[1:]),
                 colours=STATES[1:]),
        graph("Progress over time", "Progress of the open update as its agent tells it.", "percentunit",
              query("ota_progress_ratio{E}", "{{instance}} {{engine}}"), highest=1, size=(6, 8), step=True),
        bars("Time in each state", "Within the time range; states that go on at once each get their full time.", "s",
             'sum by (state) (increase(ota_state_seconds_total{E, state!="idle"}[$__range]))', "{{state}}",
             size=(6, 8), colours=STATES[1:], decimals=0))


def _writes():
    return row(
        "otawrite: what was written where",
        graph("Written", "Bytes a second that the target devices were given: exact is the update itself, other is "
              "somebody else, inferred is known only by the device.", "Bps",
              query("sum by (device, role, attribution) (rate(ota_written_bytes_total{M}[R]))",
                    "{{device}} {{role}} {{attribution}}"), stack=True,
              colours=("exact", "inferred", "other")),
        graph("Download", "Bytes a second that the agent tells to have downloaded.", "Bps",
              query("sum by (instance, engine) (rate(ota_downloaded_bytes_total{E}[R]))", "{{instance}} {{engine}}")),
        heatmap("Write latency", "From a write request's start to its completion, on all disks. Rising bands are a "
                "medium that wears out or a queue that is full.",
                'sum by (le) (increase(kernel_blockio_latency_seconds_bucket{M, operation="write"}[R]))'),
        graph("Write latency by role", "On the target devices, on average; the full profile has it by bands.", "s",
              query(average("ota_write_latency_seconds"), "{{role}}"), log=True))


def _syncs():
    return row(
        "otasync: waiting for the medium",
        heatmap("Syncs", "How long fsync and its kind took that the update called, or anybody on a target device, and "
                "flushes of such a device. Above a second it is a medium whose cache is full.",
                "sum by (le) (increase(ota_sync_latency_seconds_bucket{M}[R]))"),
        graph("Syncs by role", "On average; the full profile has bands, and those that lie on no target device.", "s",
              query(average("ota_sync_latency_seconds"), "{{role}}"), log=True))


def _failures():
    return row(
        "What went wrong",
        last_failures(),
        graph("Failed requests", "Requests that failed on the target devices since the exporter started. A series "
              "begins with its first error.", "short",
              query("sum by (device, role, operation, status) (ota_io_errors_total{M})",
                    "{{device}} {{role}} {{operation}} {{status}}"), step=True),
        alerts(MACHINE, column("To", label="to"), size=(12, 8)))


def _events():
    return row(
        "otafail, reboot: what befell the update",
        graph("Processes that failed", "Processes of the update that were killed or found no space, since the exporter "
              "started. A series begins with its first event.", "short",
              query("sum by (instance, failure) (ota_process_failures_total{M})", "{{instance}} {{failure}}"),
              step=True, size=(8, 8)),
        graph("Calls of reboot(2)", "While an update was open, by who may; those that end only a container included.",
              "short", query("sum by (instance, command) (ota_reboot_triggers_total{M})", "{{instance}} {{command}}"),
              step=True, size=(8, 8)),
        graph("Writes to the boot environment", "Since the exporter started. Those outside an update are the ones to "
              "ask about.", "short",
              query("sum by (instance, device) (ota_bootenv_writes_total{M})", "{{instance}} {{device}}"),
              step=True, size=(8, 8)))


def _flash():
    return row(
        "mtd: flash",
        graph("Reads that could not be corrected", "Each is lost data.", "short",
              query("sum by (instance, mtd) (increase(ota_mtd_ecc_failures_total{M}[R]))", "{{instance}} {{mtd}}"),
              size=(8, 8)),
        graph("Corrected bits", "A rise over weeks is flash that wears out.", "short",
              query("sum by (instance, mtd) (increase(ota_mtd_ecc_corrected_bits_total{M}[R]))",
                    "{{instance}} {{mtd}}"), size=(8, 8)),
        graph("Bad blocks", "Marked bad; what is left of them is the reserve.", "short",
              query("ota_mtd_bad_blocks{M}", "{{instance}} {{mtd}}"), step=True, size=(8, 8)), collapsed=True)


def _firmware():
    return row(
        "firmware: what drivers asked for",
        graph("Firmware loads", "By how they ended, since the exporter started: an update may bring a driver that does "
              "not find its firmware.", "short",
              query("sum by (instance, result) (ota_firmware_loads_total{M})", "{{instance}} {{result}}"),
              step=True, size=(24, 8)), collapsed=True)


def _machine():
    def slowest(family, name):
        return query(f"histogram_quantile(0.99, sum by (le) (rate({family}_bucket{{M}}[R])))", name)
    return row(
        "The machine meanwhile",
        graph("Slowest 1 %", "Is the update slow because the machine is? 99th percentiles, interpolated within the "
              "histograms' decades; details on the dashboard of the machine.", "s",
              slowest("kernel_runqueue_latency_seconds", "waiting for a CPU"),
              slowest("kernel_softirq_latency_seconds", "softirq delay"),
              slowest("kernel_blockio_latency_seconds", "block I/O, all devices"), log=True,
              link={"title": "The kernel of this machine", "targetBlank": False, "url": "/d/kernel-exporter-machine?"
                    "${datasource:queryparam}&${job:queryparam}&${instance:queryparam}&${__url_time_range}"}),
        graph("Dropped packets", "Packets that the kernel dropped: a download that stalls often shows here.", "pps",
              query("sum by (device, reason) (rate(kernel_netdrop_packets_total{M}[R]))", "{{device}} {{reason}}")))


def build():
    return dashboard(
        "kernel-exporter-update", "OTA: one update", __doc__,
        [_answer(), _progress(), _writes(), _syncs(), _failures(), _events(), _machine(), _flash(), _firmware()],
        machine="Vehicle", variables=[engine()], annotations=[ends_of_updates()])
