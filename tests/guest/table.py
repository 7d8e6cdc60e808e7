#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares what the kernel tests asserted on each kernel.

usage: table.py --binary FILE [--count tests] [--expected FILE] [--output FILE] KERNEL=XML...

Prints a table probe x kernel. A cell is the sum of the property `assertions` over the test cases of the suite
that has the probe's name; with `--count tests` it is how many test cases passed. The first kernel is the reference; a cell that is unlike it fails, unless the file of
expected differences names it with a reason. Where it names the first kernel itself, the second is the reference. So do a failed or skipped test, a test without the property,
results older than the test program, and an expected difference that is none.
"""
import argparse
import os
import sys
import xml.etree.ElementTree as ElementTree


TITLES = {"assertions": "assertions made by the kernel tests",
          "tests": "tests of attribution and of the cgroup adapter that passed"}


class Cell:
    def __init__(self):
        self.count = 0
        self.failed = 0

    def __str__(self):
        return f"{self.count} ({self.failed} failed)" if self.failed else str(self.count)


def probe_of(suite):
    """`Zones/Softirq` and `Softirq/0` are parametrised forms of the suite `Softirq`."""
    return [part for part in suite.split("/") if not part.isdigit()][-1]


def assertions_of(case):
    for prop in case.iter("property"):
        if prop.get("name") == "assertions":
            return int(prop.get("value"))
    return None


def read_results(kernel, path, unit, problems):
    """One kernel's column: probe -> Cell."""
    column = {}
    try:
        cases = list(ElementTree.parse(path).getroot().iter("testcase"))
    except (OSError, ElementTree.ParseError) as error:
        problems.append(f"{kernel}: no results: {error}")
        return column
    if not cases:
        problems.append(f"{kernel}: no tests in {path}")
    for case in cases:
        cell = column.setdefault(probe_of(case.get("classname")), Cell())
        name = f"{kernel}: {case.get('classname')}.{case.get('name')}"
        if case.get("status") != "run" or case.get("result") == "skipped":
            problems.append(f"{name} did not run")
            continue
        if case.find("failure") is not None:
            cell.failed += 1
            problems.append(f"{name} failed")
        elif unit == "tests":
            cell.count += 1
        if unit == "tests":
            continue
        assertions = assertions_of(case)
        if assertions is None:
            problems.append(f"{name} has no property `assertions`")
        else:
            cell.count += assertions
    return column


def read_expected(path, problems):
    """(probe, kernel) -> fact."""
    expected = {}
    with open(path, encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            fields = line.split(None, 2)
            if not fields or line.startswith("#"):
                continue
            if len(fields) < 3:
                problems.append(f"{path}:{number}: expected PROBE KERNEL FACT")
            else:
                expected[(fields[0], fields[1])] = fields[2].strip()
    return expected


def compare(columns, expected, unit, problems):
    """Holds every column against the first one, which may be excused: nobody knows whose machine it is."""
    known = {probe for column in columns.values() for probe in column}
    for probe in sorted(known):
        reference, *others = columns
        if (probe, reference) in expected and len(others) > 1:
            reference, *others = others
        want = columns[reference].get(probe, Cell()).count
        for kernel in others:
            have = columns[kernel].get(probe, Cell()).count
            differs, allowed = have != want, (probe, kernel) in expected
            if differs and not allowed:
                problems.append(f"{probe}: {have} {unit} on {kernel}, {want} on {reference}")
            if allowed and not differs:
                problems.append(f"{probe}: as many {unit} on {kernel} as on {reference}, "
                                "but a difference is expected")
    for probe, kernel in expected:
        if probe not in known or kernel not in columns:
            problems.append(f"a difference is expected for {probe} on {kernel}, which nothing tests")


def render(columns, expected, title):
    probes = sorted({probe for column in columns.values() for probe in column})
    rows = [["probe", *columns]]
    notes = []
    for probe in probes:
        row = [probe]
        for kernel, column in columns.items():
            mark = ""
            if (probe, kernel) in expected:
                notes.append(f"[{len(notes) + 1}] {probe} on {kernel}: {expected[(probe, kernel)]}")
                mark = f" [{len(notes)}]"
            row.append(f"{column[probe] if probe in column else '-'}{mark}")
        rows.append(row)
    total = [str(sum(cell.count for cell in column.values())) for column in columns.values()]
    rows.append(["all", *total])
    widths = [max(map(len, column)) for column in zip(*rows)]
    lines = ["  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows]
    return "\n".join([title, *lines, *notes]) + "\n"


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", required=True, help="the test program; older results are refused")
    parser.add_argument("--count", choices=["assertions", "tests"], default="assertions", help="what is compared")
    parser.add_argument("--expected", help="lines of PROBE KERNEL FACT")
    parser.add_argument("--output", help="write the table there too")
    parser.add_argument("results", nargs="+", metavar="KERNEL=XML")
    return parser.parse_args(arguments)


def main(arguments):
    options = parse(arguments)
    problems = []
    columns = {}
    for result in options.results:
        kernel, path = result.split("=", 1)
        columns[kernel] = read_results(kernel, path, options.count, problems)
        if os.path.exists(path) and os.path.getmtime(path) < os.path.getmtime(options.binary):
            problems.append(f"{kernel}: {path} is older than {options.binary}")
    expected = read_expected(options.expected, problems) if options.expected else {}
    compare(columns, expected, options.count, problems)
    report = render(columns, expected, TITLES[options.count]) + "".join(f"wrong: {problem}\n" for problem in problems)
    print(report, end="")
    if options.output:
        with open(options.output, "w", encoding="utf-8") as output:
            output.write(report)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
