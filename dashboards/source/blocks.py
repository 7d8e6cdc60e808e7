# SPDX-License-Identifier: Apache-2.0
"""What several dashboards have in common."""
from panels import DATASOURCE, column, expand, table, variable


def link_to(uid, title):
    """From the row of a vehicle to its own dashboard, with the same time range."""
    return {"title": title, "targetBlank": False,
            "url": f"/d/{uid}?${{datasource:queryparam}}&${{job:queryparam}}"
                   "&var-instance=${__data.fields.Vehicle}&${__url_time_range}"}


def engine():
    return variable("engine", "Engine", "ota_state{M}", default_all=True)


def ends_of_updates():
    """A mark at the time when an update ended, not when it was scraped."""
    expression = "1000 * ota_last_end_timestamp_seconds{M}" \
                 " * on (job, instance, engine) group_left (to, result, cause) ota_last_result_info{M}"
    return {"name": "Ends of updates", "datasource": DATASOURCE, "enable": True, "hide": False, "iconColor": "purple",
            "target": {"refId": "ends", "expr": expand(expression)}, "titleFormat": "{{result}}: {{to}}",
            "textFormat": "{{instance}} {{engine}}, cause {{cause}}", "tagKeys": "result", "useValueForTime": "true"}


LAST_FAILURE = "on (job, instance) group_left (engine, cause, device) ota_last_failure_info{E}"


def last_failures(link=None, size=(24, 4)):
    return table(
        "Last failure", "The last evidence of a failure, whether or not the update failed because of it: device "
        "and offset, and how long after the event it was recorded (objective: 500 ms).",
        column("Vehicle", label="instance", link=link), column("Engine", label="engine"),
        column("Cause", label="cause"), column("Device", label="device"),
        column("Offset in bytes", "locale", f"ota_last_failure_offset_bytes{{M}} * {LAST_FAILURE}"),
        column("Recorded after", "s", f"ota_cause_detection_seconds{{M}} * {LAST_FAILURE}"),
        column("When", "dateTimeFromNow", f"1000 * ota_last_failure_timestamp_seconds{{M}} * {LAST_FAILURE}"),
        size=size, sort="When")


def alerts(selection, *columns, size):
    """The firing alerts of all machines or of the selected ones."""
    chosen = f'{{{selection}}}' if selection else ""
    firing = "{" + ", ".join(filter(None, (selection, 'alertstate="firing"'))) + "}"
    expression = f"1000 * max by (alertname, severity, instance, to) (ALERTS_FOR_STATE{chosen}" \
                 f" and ignoring (alertstate) ALERTS{firing})"
    return table("Firing alerts", "Alerts that are firing now. The runbook has a section for each.",
                 column("Alert", label="alertname"), column("Severity", label="severity"), *columns,
                 column("Since", "dateTimeFromNow", expression), size=size, sort="Since")
