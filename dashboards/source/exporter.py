# SPDX-License-Identifier: Apache-2.0
"""The exporter itself: can what it says be trusted, and what does it cost."""
from panels import GOOD, BAD, ceiling, column, dashboard, floor, graph, query, row, stat, table, values

PROGRAM = "(probe, program, mechanism)"
YES_NO = values(yes=(1, GOOD), no=(0, BAD))


def _answer():
    size = (3, 4)
    return row(
        "Can it be trusted?",
        stat("Reached", "Whether Prometheus reached every selected exporter at the last scrape.", "none",
             query("min(up{M})"), size=size, mappings=YES_NO),
        stat("Probes attached", "Share of the probes and single programs that are attached, but for those that a kernel "
             "has no event for. Below 100 % part of the metrics is blind; the table says which.", "percentunit",
             query('avg(kernel_exporter_probe_attached{M, mechanism!="unsupported"})'), size=size,
             thresholds=floor(0.99, 1)),
        stat("Events lost", "Events a second that a probe saw and could not count right.", "ops",
             query("sum(rate(kernel_exporter_probe_lost_events_total{M}[R]))"), size=size,
             thresholds=ceiling(0.001, 1), spark=True, none="0"),
        stat("Rules in force", "Whether the last reload of the rules was accepted; if not, the old ones go on.", "none",
             query("min(kernel_exporter_rules_last_reload_successful{M})"), size=size, mappings=YES_NO),
        stat("Ledger writable", "Whether what happens to updates reaches the medium.", "none",
             query("min(kernel_exporter_ota_ledger_writable{M})"), size=size, mappings=YES_NO),
        stat("CPU", "Share of one CPU that the exporter's process takes, without the programs in the kernel.",
             "percentunit", query("max(rate(process_cpu_seconds_total{M}[R]))"), size=size,
             thresholds=ceiling(0.01, 0.05), spark=True),
        stat("Memory", "Resident memory of the largest one. Budget: 15 MB.", "bytes",
             query("max(process_resident_memory_bytes{M})"), size=size, thresholds=ceiling(15e6, 30e6), spark=True),
        stat("Scrape", "Time that the slowest exporter took for a scrape, without HTTP and compression.", "s",
             query("max(kernel_exporter_scrape_duration_seconds{M})"), size=size, thresholds=ceiling(0.01, 0.1),
             spark=True))


def _probes():
    return row(
        "Probes",
        table("Programs", "Each probe, by which mechanism it is attached, and on which share of the machines that say "
              "so; a program has its name where it should be attached and is not. Unsupported is what a kernel has no "
              "event for. `kernel_exporter probes` on the machine says why.",
              column("Probe", label="probe"), column("Program", label="program"),
              column("Mechanism", label="mechanism"),
              column("Machines", "short", f"count by {PROGRAM} (kernel_exporter_probe_attached{{M}})"),
              column("Attached", "percentunit", f"avg by {PROGRAM} (kernel_exporter_probe_attached{{M}})", decimals=0),
              size=(12, 10)),
        graph("Events lost, by reason", "Seen and not counted right, by probe and reason.", "ops",
              query("sum by (probe, reason) (rate(kernel_exporter_probe_lost_events_total{M}[R]))",
                    "{{probe}} {{reason}}"), size=(12, 10)),
        graph("Fill of the maps", "Entries of a map against its limit, from half full on; at 100 % new keys are lost.",
              "percentunit",
              query("max by (map) (kernel_exporter_map_entries{M} / kernel_exporter_map_max_entries{M})", "{{map}}"),
              highest=1),
        graph("Machines by probe", "On which the probe is attached: a fall is a probe that was lost.", "short",
              query("sum by (probe) (kernel_exporter_probe_attached{M})", "{{probe}}"), stack=True, step=True))


def _scrapes():
    return row(
        "Scrapes",
        graph("Duration", "Of the exporter's own work, and as Prometheus sees it with network and parsing.", "s",
              query("kernel_exporter_scrape_duration_seconds{M}", "{{instance}} own work"),
              query("scrape_duration_seconds{M}", "{{instance}} by Prometheus"), size=(8, 8)),
        graph("Samples", "In a scrape; every device, reason and engine adds some.", "short",
              query("scrape_samples_scraped{M}", "{{instance}}"), size=(8, 8)),
        graph("Cut short", "1 where a scrape left something out to keep to its deadline.", "none",
              query("kernel_exporter_scrape_partial{M}", "{{instance}}"), step=True, highest=1, size=(8, 8)))


def _words():
    return row(
        "Rules, agents and the ledger",
        graph("Rule errors", "Faults of rule files, and maps that could not be read, since the exporter started.",
              "short", query("sum by (instance, rule) (kernel_exporter_rule_errors_total{M})", "{{instance}} {{rule}}"),
              step=True, size=(6, 8)),
        graph("Messages of agents refused", "Since the exporter started: an agent that is refused is an update that "
              "is not followed.", "short",
              query("sum by (instance, reason) (kernel_exporter_ota_messages_refused_total{M})",
                    "{{instance}} {{reason}}"), step=True, size=(6, 8)),
        graph("Adapters that hear their engine", "1 while the engine is heard; SWUpdate is only there while it "
              "installs.", "short", query("kernel_exporter_ota_adapter_connected{M}", "{{instance}} {{adapter}}"),
              step=True, highest=1, size=(6, 8)),
        graph("Ledger records skipped", "Damaged or of a newer version, since the exporter started.", "short",
              query("sum by (instance, reason) (kernel_exporter_ota_ledger_records_skipped_total{M})",
                    "{{instance}} {{reason}}"), step=True, size=(6, 8)))


def _process():
    return row(
        "Process",
        graph("CPU by machine", "Share of one CPU.", "percentunit",
              query("sum by (instance) (rate(process_cpu_seconds_total{M}[R]))", "{{instance}}"), size=(6, 8)),
        graph("Memory by machine", "Resident. The line is the budget of 15 MB.", "bytes",
              query("process_resident_memory_bytes{M}", "{{instance}}"), size=(6, 8),
              thresholds=ceiling(15e6, 30e6)),
        graph("File descriptors", "Open ones; a rise that never ends is a leak.", "short",
              query("process_open_fds{M}", "{{instance}}"), size=(6, 8)),
        table("Versions", "What runs where, and since when.",
              column("Machine", label="instance"), column("Version", label="version"),
              column("Started", "dateTimeFromNow", "1000 * max by (job, instance, version) "
                     "(process_start_time_seconds{M} * on (job, instance) group_left (version) "
                     "kernel_exporter_build_info{M})"), size=(6, 8)))


def build():
    return dashboard("kernel-exporter-self", "kernel_exporter itself", __doc__,
                     [_answer(), _probes(), _scrapes(), _words(), _process()], all_machines=True)
