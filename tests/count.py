#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Count what a run of `meson test` proved: count.py testlog.json -> "N passed, N failed, N skipped".

A test that reports its promises one by one ("ok ...", "not ok ..." or "FAILED - ...") counts as many; any other
counts once. A test that failed counts at least one failure, whatever it printed: it may have died between two lines.
Exit status 1 if something failed. That nothing was proved is a failure too.
"""
import json
import re
import sys


def count(record):
    """(passed, failed, skipped) of one test"""
    out = record.get("stdout") or ""
    passed = failed = skipped = 0
    for line in out.splitlines():
        if re.match(r"not ok\b|FAILED - ", line):
            failed += 1
        elif re.match(r"ok\b", line):
            if re.search(r"# skip", line, re.I):
                skipped += 1
            else:
                passed += 1
    result = record["result"]
    if result == "SKIP":
        return passed, failed, max(skipped, 1)
    if result != "OK":
        return passed, max(failed, 1), skipped
    if not passed and not failed and not skipped:
        passed = 1
    return passed, failed, skipped


def main():
    sums = [0, 0, 0]
    with open(sys.argv[1], encoding="utf-8", errors="replace") as log:
        for line in log:
            record = json.loads(line)
            counts = count(record)
            sums = [a + b for a, b in zip(sums, counts)]
            if counts[1]:
                print(f"failed: {record['name']}")
            elif record["result"] == "SKIP":
                words = (record.get("stdout") or "").strip().splitlines()
                print(f"skipped: {record['name']}: {words[-1] if words else 'no reason given'}")
    if not sums[0] and not sums[1]:
        print("no test proved anything: that is a failure")
        sums[1] = 1
    print("{} passed, {} failed".format(*sums) + (", {} skipped".format(sums[2]) if sums[2] else ""))
    return 1 if sums[1] else 0


sys.exit(main())
