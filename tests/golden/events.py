# SPDX-License-Identifier: GPL-2.0-only
"""events.py SESSION FOLDER: reports on trace events, beside the text that trace-cmd printed.

FOLDER has report.json (of rates, locks and commits, all rows), endSECONDS.json (locks, cut there), events.csv, timeline.csv,
text.txt (of trace-cmd report -t), kernel.log and messages.txt (how many messages tshark's bytes hold is for network.py; here
only their number).
Everything is computed again in the plainest way: lists of all there is, sorted where order matters.
"""
import collections
import csv
import glob
import json
import math
import re
import sys

session, folder = sys.argv[1:]
faults = []


def check(what, got, want):
    if got != want:
        faults.append(f"{what}: {got!r}, not {want!r}")


LINE = re.compile(r"^ *(.+)-(-?\d+) +\[(\d{3})\] +(\d+)\.(\d{9}): (\w+): +(.*)$")
events = []  # (ns, cpu, comm, pid, name, text)
for line in open(f"{folder}/text.txt", errors="replace"):
    m = LINE.match(line.rstrip("\n"))
    if m:
        events.append((int(m[4]) * 10**9 + int(m[5]), int(m[3]), m[1], int(m[2]), m[6], m[7]))
    elif not line.startswith("cpus="):
        faults.append(f"trace-cmd says {line!r}")

# events, for programs: the same in columns. The text has wall-clock time; by how much, the first line tells.
rows = list(csv.DictReader(open(f"{folder}/events.csv", newline="")))
check("events: rows", len(rows), len(events))
offset = events[0][0] - int(rows[0]["time_ns"])
wrong = 0
for row, (ns, cpu, comm, pid, name, text) in zip(rows, events):
    got = (int(row["time_ns"]), int(row["cpu"]), row["comm"] or ("<idle>" if row["pid"] == "0" else "<...>"), int(row["pid"]),
           row["event"].split(":")[1], row["text"].lstrip("'").strip())
    if got != (ns - offset, cpu, comm, pid, name, text.lstrip("'").strip()):
        wrong += 1
        if wrong < 4:
            faults.append(f"events: {got!r} for {(ns - offset, cpu, comm, pid, name, text)!r}")
events = [(ns - offset, *rest) for ns, *rest in events]
reports = json.load(open(f"{folder}/report.json"))["reports"]


def table(report, name):
    return reports[report]["tables"][name]["rows"]


def check_stats(what, row, values):
    """Average, percentiles and so on of one row."""
    values = sorted(values)
    n = len(values)
    check(f"{what}: least and most", (row["min_ns"], row["max_ns"]), (values[0], values[-1]))
    mean = sum(values) / n
    want = {"avg_ns": mean, "p50_ns": values[math.ceil(n * 0.5) - 1], "p99_ns": values[math.ceil(n * 0.99) - 1]}
    if n > 1:
        want["stdev_ns"] = math.sqrt(sum((v - mean) ** 2 for v in values) / (n - 1))
    for key, value in want.items():
        if abs(row[key] - value) > max(2, value / 64):
            faults.append(f"{what}: {key} is {row[key]}, not {value}")


# rates: by whole seconds of UTC, over what the trace covers
by_name = collections.defaultdict(list)
for ns, _, _, _, name, _ in events:
    by_name[name].append(ns)
first, last = events[0][0], events[-1][0]
inner = range((first + offset - 1) // 10**9 + 1, (last + offset + 1) // 10**9)
trigger = json.load(open(f"{folder}/report.json"))["trigger_monotonic_ns"]
got = {r["event"].split(":")[1]: r for r in table("rates", "events")}
check("rates: names", sorted(got), sorted(by_name))
for name, times in by_name.items():
    row = got[name]
    seconds = collections.Counter((ns + offset) // 10**9 for ns in times)
    check(f"rates: {name}", row["count"], len(times))
    check(f"rates: first and last of {name}", (row["first_offset_ns"], row["last_offset_ns"]), (times[0] - trigger, times[-1] - trigger))
    check(f"rates: least and most of {name}", (row["min_per_s"], row["max_per_s"]), (min(seconds[s] for s in inner), max(seconds[s] for s in inner)))
    check(f"rates: most of {name} at", row["max_at_ns"], next((s for s in inner if seconds[s] == row["max_per_s"]), 0) * 10**9 - offset)
    if abs(row["avg_per_s"] - len(times) / ((last - first) / 1e9)) > 1e-6 * row["avg_per_s"]:
        faults.append(f"rates: average of {name} is {row['avg_per_s']}")

# locks
LOCK = re.compile(r"\.r\.([0-9a-f]{6}) start (\S+) end \S+ mode (\d) .* users: pr (\d+) ex (\d+) cw (\d+)")
MODES = ["null", "read", "write", "write-only"]
waiting, holding = {}, {}
waits, holds, acquired = collections.defaultdict(list), collections.defaultdict(list), collections.Counter()
for ns, _, _, pid, name, text in events:
    if name not in ("scoutfs_lock_wait", "scoutfs_lock_locked", "scoutfs_lock_unlock"):
        continue
    m = LOCK.search(text)
    lock, mode, users = (m[1], m[2]), MODES[int(m[3])], int(m[4]) + int(m[5]) + int(m[6])
    if name == "scoutfs_lock_wait":
        if waiting.get(pid, (None,))[0] != lock:
            waiting[pid] = (lock, ns)
    elif name == "scoutfs_lock_locked":
        acquired[mode] += 1
        if waiting.get(pid, (None,))[0] == lock:
            waits[mode].append(ns - waiting[pid][1])
        waiting.pop(pid, None)
        since, depth = holding.get((pid, lock), (ns, 0))
        holding[pid, lock] = (ns, 1) if users == 1 else (since, depth + 1)
    elif (pid, lock) in holding:
        since, depth = holding[pid, lock]
        if depth > 1 and users:
            holding[pid, lock] = (since, depth - 1)
        else:
            holds[mode].append(ns - since)
            del holding[pid, lock]
check("locks: modes", [r["mode"] for r in table("locks", "waits")], [m for m in MODES if acquired[m]])
for r in table("locks", "waits"):
    check(f"locks: {r['mode']}", (r["acquired"], r["waited"]), (acquired[r["mode"]], len(waits[r["mode"]])))
    if waits[r["mode"]]:
        check_stats(f"waits of {r['mode']}", r, waits[r["mode"]])
for r in table("locks", "holds"):
    check(f"holds: {r['mode']}", r["held"], len(holds[r["mode"]]))
    check_stats(f"holds of {r['mode']}", r, holds[r["mode"]])
check("longest waits", [r["duration_ns"] for r in table("locks", "longest_waits")],
      sorted(sum(waits.values(), []), reverse=True))
check("longest holds", [r["duration_ns"] for r in table("locks", "longest_holds")],
      sorted(sum(holds.values(), []), reverse=True))
check("still waiting", sorted(r["pid"] for r in table("locks", "waiting")), sorted(waiting))


def at_end(until):
    """Who waits and who holds when the recording is cut there: longest first, with the mode then."""
    waits, holds = {}, {}
    for ns, _, _, pid, name, text in events:
        if ns > until or name not in ("scoutfs_lock_wait", "scoutfs_lock_locked", "scoutfs_lock_unlock"):
            continue
        m = LOCK.search(text)
        lock, mode, users = (m[1], m[2]), MODES[int(m[3])], int(m[4]) + int(m[5]) + int(m[6])
        if name == "scoutfs_lock_wait":
            since = waits[pid][1] if pid in waits and waits[pid][0] == lock else ns
            waits[pid] = (lock, since, mode)
            continue
        waits.pop(pid, None)
        if name == "scoutfs_lock_locked":
            if users == 1:
                holds = {k: v for k, v in holds.items() if k[1] != lock}
            since, depth = holds.get((pid, lock), (ns, 0, ""))[:2]
            holds[pid, lock] = (since, depth + 1, mode)
        elif users == 0:
            holds = {k: v for k, v in holds.items() if k[1] != lock}
        elif (pid, lock) in holds:
            since, depth, mode = holds.pop((pid, lock))
            if depth > 1:
                holds[pid, lock] = (since, depth - 1, mode)
    waiters = collections.Counter(lock for lock, _, _ in waits.values())
    return (sorted((until - since, pid, lock[1], mode) for pid, (lock, since, mode) in waits.items()),
            sorted((until - since, pid, lock[1], mode, waiters[lock]) for (pid, lock), (since, _, mode) in holds.items()))


seen = [0, 0]
for path in sorted(glob.glob(f"{folder}/end*.json")):
    cut = json.load(open(path))
    tables = cut["reports"]["locks"]["tables"]
    waiting, held = at_end(cut["trigger_monotonic_ns"] + int(float(path.split("/end")[1][:-6]) * 10**9))
    check(f"{path}: waiting", sorted((r["duration_ns"], r["pid"], r["lock"], r["mode"]) for r in tables["waiting"]["rows"]), waiting)
    check(f"{path}: held", sorted((r["duration_ns"], r["pid"], r["lock"], r["mode"], r["waiters"]) for r in tables["held"]["rows"]), held)
    for i, found in enumerate((waiting, held)):
        seen[i] += len(found)
if min(seen) < 3:
    faults.append(f"too little is held or waited for where it was cut: {seen}")

# verdict: what nobody had answered for 5 s where it was cut, from the events of both ends alone
NET = re.compile(r" name (\S+) peer (\S+) nh seq \d+ recv_seq \d+ id (\d+) data_len \d+ cmd (\d+) flags 0x([01]) ")
for path in glob.glob(f"{folder}/hung*.json"):
    cut = json.load(open(path))
    until = cut["trigger_monotonic_ns"] + int(float(path.split("/hung")[1][:-6]) * 10**9)
    asked = {}
    for ns, _, _, _, name, text in events:
        if ns > until or name not in ("scoutfs_net_send_message", "scoutfs_net_recv_message"):
            continue
        own, peer, number, command, answer = NET.search(text).groups()
        sender, receiver = (own, peer) if "send" in name else (peer, own)
        if answer == "0":
            asked.setdefault((sender, receiver, number, command), ns)
        else:
            asked.pop((receiver, sender, number, command), None)
    ages = sorted(((until - ns, key) for key, ns in asked.items() if until - ns >= 5 * 10**9), reverse=True)
    rows = {r["about"]: r["what"] for r in cut["reports"]["verdict"]["tables"]["verdict"]["rows"]}
    want = (f"{len(ages)} requests had no answer for 5 s or longer; the oldest, ", f" from client {ages[0][1][0]} ",
            f", for {ages[0][0] / 10**9:.1f} s.") if len(ages) > 1 else ("", "none", "")
    if not all(words in rows.get("at the end", "") for words in want):
        faults.append(f"hung requests: {rows.get('at the end')!r}, not {want!r}")

# commits
began, starts, transactions, commits = {}, {}, [], []
for ns, _, _, pid, name, text in events:
    mount = text[:17]
    if name == "scoutfs_trans_write_func":
        began[mount] = [ns, "write"]
    elif name in ("scoutfs_net_send_message", "scoutfs_net_recv_message") and mount in began:
        m = re.search(r" cmd (\d+) flags 0x([01]) ", text)
        step = (name[12:16], m[1], m[2], began[mount][1])
        if step == ("send", "3", "0", "write"):
            began[mount][1] = "server"
        elif step == ("recv", "3", "1", "server"):
            began[mount][1] = "next"
        elif step == ("recv", "2", "1", "next"):
            transactions.append(ns - began.pop(mount)[0])
    elif name == "scoutfs_server_commit_start":
        starts[mount] = ns
    elif name == "scoutfs_server_commit_end" and mount in starts:
        commits.append(ns - starts.pop(mount))
slowest = table("commits", "slowest")
check("transactions", sorted(r["duration_ns"] for r in slowest if r["what"] != "server's commit"), sorted(transactions))
check("server's commits", sorted(r["duration_ns"] for r in slowest if r["what"] == "server's commit"), sorted(commits))
if not transactions or not commits or not waits:
    faults.append("the session has no transactions, commits or waits: nothing was compared")

# timeline: everything once, in order
rows = list(csv.DictReader(open(f"{folder}/timeline.csv", newline="")))
sources = collections.Counter(r["source"] for r in rows)
check("timeline: events", sources["trace"], len(events))
check("timeline: log", sources["log"], sum(1 for _ in open(f"{folder}/kernel.log", errors="replace")))
messages = sum(1 for r in rows if r["source"] == "packets" and re.search(r" (request|response) id \d+", r["what"]))
check("timeline: messages", messages, int(open(f"{folder}/messages.txt").read()))
check("timeline: trigger", sources["trigger"], 1)
# raw_bundle moves the stamps of pages, but not those few that stand in a page; and lines of the log may overtake each other.
times = [int(r["time_ns"]) for r in rows if r["source"] in ("trace", "log", "trigger")]
check("timeline: in order", [(a, b) for a, b in zip(times, times[1:]) if b < a - 20_000_000], [])
check("timeline: its ends", (rows[0]["source"], min(times) >= 0, max(times) < 2**62), ("log", True, True))

for fault in faults[:20]:
    print(f"# {session}: {fault}")
sys.exit(1 if faults else 0)
