# SPDX-License-Identifier: Apache-2.0
"""The rules for Prometheus as data: which alerts there are, of what metrics they are made, what their cases feed."""
import functools
import glob
import os
import re

import yaml

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FOLDER = os.path.join(ROOT, "rules", "prometheus")
RULE_FILES = sorted(glob.glob(os.path.join(FOLDER, "*.rules.yml")))
TEST_FILES = sorted(glob.glob(os.path.join(FOLDER, "tests", "*.test.yml")))
ALERTMANAGER = os.path.join(FOLDER, "alertmanager.yml")
RUNBOOK = os.path.join(ROOT, "dashboards", "runbook.md")

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
KEYWORDS = {"and", "or", "unless", "by", "without", "on", "ignoring", "group_left", "group_right", "bool", "offset",
            "inf", "nan", "start", "end", "atan2"}


@functools.cache
def load(path):
    with open(path, encoding="utf-8") as file:
        return yaml.load(file, yaml.CSafeLoader)


def rules():
    return [rule for path in RULE_FILES for group in load(path)["groups"] for rule in group["rules"]]


@functools.cache
def alerts():
    return {rule["alert"]: rule for rule in rules() if "alert" in rule}


@functools.cache
def recorded():
    return {rule["record"]: rule for rule in rules() if "record" in rule}


def names_in(expression):
    """The metric names that a PromQL expression reads."""
    text = re.sub(r'"(?:[^"\\]|\\.)*"', '""', expression)
    text = re.sub(r"\{[^}]*\}|\[[^\]]*\]", " ", text)
    text = re.sub(r"\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)", " ", text)
    text = re.sub(NAME + r"\s*\(", "(", text)
    text = re.sub(r"\b[0-9][0-9a-zA-Z.]*", " ", text)
    return set(re.findall(NAME, text)) - KEYWORDS


def metrics_behind(expression):
    """The same with recorded series replaced by what they are recorded from."""
    found, record, todo = set(), recorded(), names_in(expression)
    while todo:
        name = todo.pop()
        if name in record:
            todo |= names_in(record[name]["expr"])
        else:
            found.add(name)
    return found


def series_of(text):
    """(metric, labels) of a series as a test case writes it."""
    metric = re.match(NAME, text).group(0)
    return metric, dict(re.findall(r'(\w+)="([^"]*)"', text))


def cases():
    """(test file, name of the case, series that it feeds, [(alert, whether it is to fire)])."""
    for path in TEST_FILES:
        for test in load(path)["tests"]:
            series = [series_of(entry["series"]) for entry in test["input_series"]]
            expected = [(check["alertname"], bool(check["exp_alerts"])) for check in test.get("alert_rule_test", [])]
            yield os.path.basename(path), test.get("name", ""), series, expected
