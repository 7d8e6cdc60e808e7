# SPDX-License-Identifier: Apache-2.0
"""The exporter itself: are its metrics complete, and what does it cost?"""
from panels import GOOD, BAD, ceiling, column, dashboard, floor, graph, query, row, stat, table, values

PROGRAM = "(probe, program, mechanism)"
YES_NO = values(yes=(1, GOOD), no=(0, BAD))


def _answer():
    size = (3, 4)
    return row(
        "Are the metrics complete?",
        stat("Reached", "Whether Prometheus reached every selected exporter at the last scrape.", "none",
             query("min(up{M})"), size=size, mappings=YES_NO),
        stat("Probes attached", "Share of the probes and programs that are attached, without those whose event the "
             "kernel does not have. Below 100 % some metrics are incomplete; the table shows which.", "percentunit",
             query('avg(kernel_exporter_probe_attached{M, mechanism!="unsupported"})'), size=size,
             thresholds=floor(0.99, 1)),
        stat("Events lost", "Events per second that a probe saw but could not count.", "ops",
             query("sum(rate(kernel_exporter_probe_lost_events_total{M}[R]))"), size=size,
             thresholds=ceiling(0.001, 1), spark=True, none="0"),
        stat("Rules valid", "Whether the last load or reload of the rule files succeeded. After a failed reload the "
             "previous rules stay active.", "none",
             query("min(kernel_exporter_rules_last_reload_successful{M})"), size=size, mappings=YES_NO),
        stat("Ledger writable", "Whether state changes of updates are written to the ledger.", "none",
             query("min(kernel_exporter_ota_ledger_writable{M})"), size=size, mappings=YES_NO),
        stat("CPU", "Share of one CPU used by the exporter's process, without its programs in the kernel.",
             "percentunit", query("max(rate(process_cpu_seconds_total{M}[R]))"), size=size,
             thresholds=ceiling(0.01, 0.05), spark=True),
        stat("Memory", "Resident memory of the largest exporter. Budget: 15 MB.", "bytes",
             query("max(process_resident_memory_bytes{M})"), size=size, thresholds=ceiling(15e6, 30e6), spark=True),
        stat("Scrape", "Duration of a scrape of the slowest exporter, without HTTP and compression.", "s",
             query("max(kernel_exporter_scrape_duration_seconds{M})"), size=size, thresholds=ceiling(0.01, 0.1),
             spark=True))


def _probes():
    return row(
        "Probes",
        table("Programs", "The mechanism that each probe is attached by, and on which share of the machines. A "
              "program is listed by name where it could not be attached. Unsupported means that the kernel does not "
              "have the event. `kernel_exporter probes` on the machine shows the reason.",
              column("Probe", label="probe"), column("Program", label="program"),
              column("Mechanism", label="mechanism"),
              column("Machines", "short", f"count by {PROGRAM} (kernel_exporter_probe_attached{{M}})"),
              column("Attached", "percentunit", f"avg by {PROGRAM} (kernel_exporter_probe_attached{{M}})", decimals=0),
              size=(12, 10)),
        graph("Events lost, by reason", "Events that were seen but not counted, by probe and reason.", "ops",
              query("sum by (probe, reason) (rate(kernel_exporter_probe_lost_events_total{M}[R]))",
                    "{{probe}} {{reason}}"), size=(12, 10)),
        graph("Fill of the maps", "Entries of a map relative to its limit, for maps that are at least half full. At "
              "100 % new keys are lost.",
              "percentunit",
              query("max by (map) (kernel_exporter_map_entries{M} / kernel_exporter_map_max_entries{M})", "{{map}}"),
              highest=1),
        graph("Machines by probe", "Machines on which the probe is attached. A drop means that a probe was lost.",
              "short",
              query("sum by (probe) (kernel_exporter_probe_attached{M})", "{{probe}}"), stack=True, step=True))


def _scrapes():
    return row(
        "Scrapes",
        graph("Duration", "Measured by the exporter, and by Prometheus including network and parsing.", "s",
              query("kernel_exporter_scrape_duration_seconds{M}", "{{instance}} exporter"),
              query("scrape_duration_seconds{M}", "{{instance}} Prometheus"), size=(8, 8)),
        graph("Samples", "Samples per scrape. Each device, reason and engine adds some.", "short",
              query("scrape_samples_scraped{M}", "{{instance}}"), size=(8, 8)),
        graph("Incomplete scrapes", "1 if a scrape left out metrics to meet its deadline.", "none",
              query("kernel_exporter_scrape_partial{M}", "{{instance}}"), step=True, highest=1, size=(8, 8)))


def _words():
    return row(
        "Rules, agents and the ledger",
        graph("Rule errors", "Errors in rule files and maps that could not be read, since the exporter started.",
              "short", query("sum by (instance, rule) (kernel_exporter_rule_errors_total{M})", "{{instance}} {{rule}}"),
              step=True, size=(6, 8)),
        graph("Rejected messages of agents", "Since the exporter started. If an agent's messages are rejected, its "
              "update is not followed.", "short",
              query("sum by (instance, reason) (kernel_exporter_ota_messages_refused_total{M})",
                    "{{instance}} {{reason}}"), step=True, size=(6, 8)),
        graph("Connected adapters", "1 while the adapter is connected to its engine. SWUpdate is only available while "
              "it installs.", "short", query("kernel_exporter_ota_adapter_connected{M}", "{{instance}} {{adapter}}"),
              step=True, highest=1, size=(6, 8)),
        graph("Ledger records skipped", "Ledger records that are damaged or of a newer version, since the exporter "
              "started.", "short",
              query("sum by (instance, reason) (kernel_exporter_ota_ledger_records_skipped_total{M})",
                    "{{instance}} {{reason}}"), step=True, size=(6, 8)))


def _process():
    return row(
        "Process",
        graph("CPU by machine", "Share of one CPU used by the exporter's process.", "percentunit",
              query("sum by (instance) (rate(process_cpu_seconds_total{M}[R]))", "{{instance}}"), size=(6, 8)),
        graph("Memory by machine", "Resident memory. The line is the budget of 15 MB.", "bytes",
              query("process_resident_memory_bytes{M}", "{{instance}}"), size=(6, 8),
              thresholds=ceiling(15e6, 30e6)),
        graph("File descriptors", "Open file descriptors. A steady rise is a leak.", "short",
              query("process_open_fds{M}", "{{instance}}"), size=(6, 8)),
        table("Versions", "The version on each machine, and when it was started.",
              column("Machine", label="instance"), column("Version", label="version"),
              column("Started", "dateTimeFromNow", "1000 * max by (job, instance, version) "
                     "(process_start_time_seconds{M} * on (job, instance) group_left (version) "
                     "kernel_exporter_build_info{M})"), size=(6, 8)))


def build():
    return dashboard("kernel-exporter-self", "kernel_exporter itself", __doc__,
                     [_answer(), _probes(), _scrapes(), _words(), _process()], all_machines=True)
