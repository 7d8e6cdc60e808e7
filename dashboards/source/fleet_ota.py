# SPDX-License-Identifier: Apache-2.0
"""Updates of the fleet: are the objectives met, which vehicles are updating, which failed and why?"""
from blocks import alerts, engine, last_failures, link_to
from panels import bars, ceiling, column, dashboard, floor, graph, plain, query, row, stat, table, words

RESULTS = ("succeeded", "failed", "rolled_back", "interrupted")
STATES = ("downloading", "verifying", "applying", "rebooting", "confirming")

# The recording rule has the end time of each vehicle's last result. A parked vehicle is not scraped, so increase()
# would miss what happened meanwhile.
def ended(matchers=""):
    return "(last_over_time(ota:last_end:timestamp_seconds{E%s}[$__range]) > time() - $__range_s)" % matchers


def share(part, whole="", by=""):
    """Of the updates that ended in the time range; 0, not empty, if there are any."""
    counts = [f"count{by}({ended(matchers)})" for matchers in (part, whole)]
    return f"({counts[0]} or 0 * {counts[1]}) / {counts[1]}"


def named(expression):
    """Not every engine reports the target version."""
    return f'label_replace({expression}, "to", "unknown", "to", "")'


CONFIRMED = ', result="succeeded"'
NOT_CONFIRMED = ', result!="succeeded"'
OPEN = "on (job, instance, engine) group_left (txid, from, to) ota_transaction_info{E}"
LAST = "on (job, instance, engine) group_left (to, result, cause) ota_last_result_info{E}"


def _answer():
    return row(
        "Are the service level objectives met?",
        stat("Confirmed", "Share of the updates in the time range that ended booted and confirmed. Objective: 99 %.",
             "percentunit", query(share(CONFIRMED)), thresholds=floor(0.95, 0.99), decimals=1),
        stat("Within 30 minutes", "Share of the confirmed updates in the time range that took at most 30 minutes, "
             "not counting the time that the machine was off. Objective: 95 %.", "percentunit",
             query(share(CONFIRMED + ', pace="in_time"', CONFIRMED)), thresholds=floor(0.9, 0.95), decimals=1),
        stat("Cause known", "Share of the unsuccessful updates in the time range for which evidence or the agent gave "
             "a cause. Objective: 95 %.", "percentunit",
             query(share(NOT_CONFIRMED + ', cause!~"none|engine_error"', NOT_CONFIRMED)),
             thresholds=floor(0.9, 0.95), decimals=1, none="none failed"),
        stat("Not back", "Vehicles that were last seen applying, rebooting or confirming. Objective: none.",
             "short", query("count(ota:not_back:info{E})"), none="0", thresholds=ceiling(1, 10)),
        stat("In progress", "Updates that are downloading, verifying, applying, rebooting or confirming now.", "short",
             query('sum(1 - ota_state{E, state="idle"})'), thresholds=plain(), spark=True),
        stat("Vehicles reporting", "Share of the known vehicles that Prometheus reached at the last scrape. Parked "
             "vehicles cannot be reached, which is normal.", "percentunit", query("avg(up{M})"),
             thresholds=plain(), decimals=0, spark=True))


def _budget():
    def burn(window):
        return query(named(f"to:ota_unconfirmed:ratio_{window} / 0.01"), "{{to}}, last " + window.replace("h", " h"))
    return row(
        "Error budget",
        graph("Burn rate of the error budget", "Share of unconfirmed updates by target version, relative to the "
              "budget: at 1 the budget is just used up. Pages are sent at 14.4 over an hour and at 6 over six hours.",
              "none",
              burn("1h"), burn("6h"), thresholds=ceiling(6, 14.4)),
        # Alerts of a campaign have no instance, so the selection does not apply.
        alerts("", column("Vehicle", label="instance", link=link_to("kernel-exporter-update", "This update")),
               column("To", label="to"), size=(12, 8)))


def _now():
    return row(
        "In progress",
        graph("Updates by state", "Updates in each state. An update that downloads and applies at the same time is in "
              "both.",
              "short", query('sum by (state) (ota_state{E, state!="idle"})', "{{state}}"),
              stack=True, step=True, colours=STATES, size=(8, 9)),
        table("Updates in progress", "All open updates with their progress. Click a vehicle for details of its update.",
              column("Vehicle", label="instance", link=link_to("kernel-exporter-update", "This update")),
              column("Engine", label="engine"), column("Id", label="txid"),
              column("From", label="from"), column("To", label="to"),
              column("Progress", "percentunit", f"ota_progress_ratio{{E}} * {OPEN}", decimals=0),
              column("Running for", "s",
                     f"(time() - ota_transaction_start_timestamp_seconds{{E}}) * {OPEN}", decimals=0),
              column("Silent for", "s", f"(time() - ota_last_activity_timestamp_seconds{{E}}) * {OPEN}", decimals=0),
              size=(16, 9), sort="Running for"))


def _results():
    return row(
        "Results",
        graph("Vehicles by the result of their last update", "Results of the last update of all vehicles and "
              "engines that report.", "short", query("count by (result) (ota_last_result_info{E})", "{{result}}"),
              stack=True, step=True, colours=RESULTS, size=(8, 8)),
        table("By target version", "Updates that ended in the time range by target version. A bad version shows up "
              "here first.",
              column("To", label="to"),
              column("Ended", "short", named(f"count by (to) ({ended()})")),
              column("Confirmed", "percentunit", named(share(CONFIRMED, by=" by (to) ")), decimals=1),
              column("95 % took at most", "s",
                     named(f"quantile by (to) (0.95, ota_last_duration_seconds{{E}} * {LAST})"), decimals=0),
              size=(8, 8), sort="Ended"),
        graph("Duration of the last update", "All vehicles that report: from begin to end, not counting the time that "
              "the machine was off. The line is the objective.", "s",
              query("quantile(0.5, ota_last_duration_seconds{E})", "median"),
              query("quantile(0.95, ota_last_duration_seconds{E})", "95th percentile"),
              size=(8, 8), thresholds=ceiling(1500, 1800)),
        graph("Not succeeded, by cause", "Vehicles whose last update did not succeed, by cause.",
              "short",
              query('count by (cause) (ota_last_result_info{E, result!="succeeded"})', "{{cause}}"),
              stack=True, step=True),
        bars("Causes in the time range", "Failures in the time range by cause. The counters continue over restarts and "
             "reboots.", "short",
             "topk(8, sum by (cause) (increase(ota_failures_total{E}[$__range])) > 0)", "{{cause}}",
             size=(12, 8), decimals=0))


def _vehicles():
    return row(
        "Vehicles",
        table("Last update of every vehicle", "Result, cause and duration. Click a vehicle for details of its update.",
              column("Vehicle", label="instance", link=link_to("kernel-exporter-update", "This update")),
              column("Engine", label="engine"), column("To", label="to"),
              column("Result", label="result", mappings=words(*RESULTS)), column("Cause", label="cause"),
              column("Ended", "dateTimeFromNow", named(f"1000 * ota_last_end_timestamp_seconds{{E}} * {LAST}")),
              column("Took", "s", named(f"ota_last_duration_seconds{{E}} * {LAST}"), decimals=0),
              size=(12, 9), sort="Ended"),
        last_failures(link_to("kernel-exporter-update", "This update"), size=(12, 9)))


def build():
    return dashboard(
        "kernel-exporter-fleet-ota", "OTA: fleet", __doc__, [_answer(), _budget(), _now(), _results(), _vehicles()],
        all_machines=True, machine="Vehicle", variables=[engine()], period="now-24h")
