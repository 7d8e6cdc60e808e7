#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares what the kernel tests asserted on each kernel.

usage: table.py --binary FILE [--count tests] [--expected FILE] [--needs FILE] [--output FILE] KERNEL=RESULTS...

Prints a table probe x kernel. A cell is the sum of the property `assertions` over the test cases of the suite
that has the probe's name; with `--count tests` it is how many test cases passed. RESULTS is an XML file of GoogleTest
or a directory of them.

The first kernel on which all tests of a probe ran is the reference. A cell that differs from it fails, unless the
file of expected differences names it with a reason. So do a failed test, a test without the property, results older
than the test program, an expected difference that is none, and a test that was skipped, unless the file of needs
says that the kernel may lack what the test needs: then the cell says how many were not run.
"""
import argparse
import os
import sys
import xml.etree.ElementTree as ElementTree

import needs

TITLES = {"assertions": "assertions made by the kernel tests",
          "tests": "tests of attribution and of the cgroup adapter that passed"}


class Cell:
    def __init__(self):
        self.count = 0
        self.failed = 0
        self.not_run = {}  # need: number of tests

    def __str__(self):
        not_run = sum(self.not_run.values())
        remarks = ", ".join(f"{number} {what}" for number, what in ((self.failed, "failed"), (not_run, "not run"))
                            if number)
        return f"{self.count} ({remarks})" if remarks else str(self.count)


def probe_of(suite):
    """`Zones/Softirq` and `Softirq/0` are parametrised forms of the suite `Softirq`."""
    return [part for part in suite.split("/") if not part.isdigit()][-1]


def assertions_of(case):
    for prop in case.iter("property"):
        if prop.get("name") == "assertions":
            return int(prop.get("value"))
    return None


def files_of(path):
    """The XML files of a directory; a file is its own."""
    if not os.path.isdir(path):
        return [path]
    return sorted(os.path.join(folder, name) for folder, _, names in os.walk(path) for name in names)


def read_cases(kernel, path, problems):
    cases = []
    for file in files_of(path):
        try:
            cases += ElementTree.parse(file).getroot().iter("testcase")
        except (OSError, ElementTree.ParseError) as error:
            problems.append(f"{kernel}: no results: {error}")
    return cases


def declared_need(kernel, case, allowed):
    """What a skipped test needs and the kernel may lack; None otherwise."""
    skipped = case.find("skipped")
    need = needs.need_in(skipped.get("message", "")) if skipped is not None else None
    return need if (kernel, need) in allowed else None


def read_results(kernel, path, unit, allowed, problems):
    """One kernel's column: probe -> Cell."""
    column = {}
    cases = read_cases(kernel, path, problems)
    if not cases:
        problems.append(f"{kernel}: no tests in {path}")
    for case in cases:
        cell = column.setdefault(probe_of(case.get("classname")), Cell())
        name = f"{kernel}: {case.get('classname')}.{case.get('name')}"
        if case.get("status") != "run" or case.get("result") == "skipped":
            need = declared_need(kernel, case, allowed)
            if need:
                cell.not_run[need] = cell.not_run.get(need, 0) + 1
            else:
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
    """Compares every column with the first one in which all tests of the probe ran."""
    known = {probe for column in columns.values() for probe in column}
    for probe in sorted(known):
        complete = [kernel for kernel, column in columns.items() if not column.get(probe, Cell()).not_run]
        if not complete:
            continue
        reference, *others = complete
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
            mark, cell = "", column.get(probe, Cell())
            reasons = [f"not run: needs {need}" for need in sorted(cell.not_run)]
            if (probe, kernel) in expected:
                reasons.append(expected[(probe, kernel)])
            if reasons:
                notes.append(f"[{len(notes) + 1}] {probe} on {kernel}: {'; '.join(reasons)}")
                mark = f" [{len(notes)}]"
            row.append(f"{cell if probe in column else '-'}{mark}")
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
    parser.add_argument("--needs", default=needs.DECLARED, help="lines of KERNEL NEED (default: %(default)s)")
    parser.add_argument("--output", help="write the table there too")
    parser.add_argument("results", nargs="+", metavar="KERNEL=RESULTS")
    return parser.parse_args(arguments)


def main(arguments):
    options = parse(arguments)
    problems = []
    columns = {}
    for result in options.results:
        kernel, path = result.split("=", 1)
        columns[kernel] = read_results(kernel, path, options.count, needs.declared(options.needs), problems)
        for file in files_of(path):
            if os.path.exists(file) and os.path.getmtime(file) < os.path.getmtime(options.binary):
                problems.append(f"{kernel}: {file} is older than {options.binary}")
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
