#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""What the CSV and JSON views write is what other readers of CSV and JSON read.

usage: test_views.py TEST_REPORT_VIEW, the program that prints documents of the unit test.
"""
import csv
import io
import json
import shutil
import subprocess
import sys


def document(name):
    return subprocess.run([sys.argv[1], name], stdout=subprocess.PIPE, check=True).stdout


def check(what, got, want):
    if got != want:
        sys.exit(f"not ok - {what}: {got!r} instead of {want!r}")
    print(f"ok - {what}")


def tables(text):
    """The tables of a CSV document: REPORT.TABLE (none for the first) and records."""
    for i, part in enumerate(text.split("\r\n\r\n# ")):
        name, _, rest = ("", "", part) if i == 0 else part.partition("\r\n")
        yield name, list(csv.reader(io.StringIO(rest, newline=""), strict=True))


def main():
    text = document("csv").decode()
    rows = [["a wider text", "0"], ["text", "100"], ["text", "200"], ["text", "300"]]
    check("tables of a CSV document", list(tables(text)),
          [(name, [["a", "b"]] + rows) for name in ("", "one.y", "two.x", "two.y")])

    hostile = list(csv.reader(io.StringIO(document("hostile-csv").decode(), newline=""), strict=True))
    check("hostile cells stay cells", [len(r) for r in hostile], [2] * len(hostile))
    check("hostile cells are no formulas", [r[0] for r in hostile if r[0][:1] in "=+-@\t"], [""])
    check("their texts", [r[0] for r in hostile[2:7]], ["'=1+1", "'+1", "'-1", "'@SUM(A1)", "'\t=1"])

    record = next(csv.DictReader(io.StringIO(document("all-csv").decode(), newline="")))
    check("numbers are whole", (float(record["mean"]), int(record["took_ns"]), int(record["rid"], 16)),
          (0.1, 20211000000, 0xecefeb0123456789))

    for name in ("json", "all-json", "hostile-json"):
        json.loads(document(name))
    hostile = json.loads(document("hostile-json"))["reports"]["test"]["tables"]["hostile"]["rows"]
    check("hostile texts in JSON", [r["s"] for r in hostile][:2], ["\033[31mred\r\n\tx", "=1+1"])
    check("a NUL in JSON", hostile[-1], {"s": "a\0b", "n": None})

    if not shutil.which("jq"):
        print("ok - jq reads it # SKIP it is not installed")
        return
    query = '[.reports | to_entries[] | .key as $r | .value.tables | to_entries[] ' \
            '| "\\($r).\\(.key) \\(.value.rows | map(.b) | add)"] | join(" ")'
    got = subprocess.run(["jq", "-r", query], input=document("json"), stdout=subprocess.PIPE, check=True).stdout
    check("jq reads it", got.decode().strip(), "one.x 600 one.y 600 two.x 600 two.y 600")
    got = subprocess.run(["jq", ".reports.two.complete"], input=document("json"), stdout=subprocess.PIPE, check=True)
    check("jq sees what is incomplete", got.stdout, b"false\n")


main()
