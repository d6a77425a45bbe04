# SPDX-License-Identifier: GPL-2.0-only
"""export.py SESSION FOLDER [WINDOW]: an export for Perfetto, beside what other programs printed of the same capture.

FOLDER has export.json, packets.txt (of tshark), events.txt (of trace-cmd report -t; may be empty), kmsg. Packets are put
together and messages paired here in the plainest way.
"""
import collections
import json
import re
import sys

from session import COMMANDS, is_server

session, folder = sys.argv[1:3]
faults = []


def check(what, got, want):
    if got != want:
        faults.append(f"{what}: {got!r}, not {want!r}")


# (place, client and server, by server, id, command, is answer, error, us)
messages = []
EVENT = re.compile(r"\s(\d+)\.(\d{9}): +scoutfs_net_(send|recv)_message: +\S+ name (\S+) peer (\S+) nh seq \d+ "
                   r"recv_seq \d+ id (\d+) data_len \d+ cmd (\d+) flags 0x([01]) error (\d)")
LOCK = re.compile(r"-(\d+) +\[\d+\].* \d+\.\d{9}: +scoutfs_lock_(wait|locked): +(.*?) mode ")
waits, waiting, events = collections.Counter(), {}, 0
for line in open(f"{folder}/events.txt", errors="replace"):
    events += ": " in line and "[" in line
    m = EVENT.search(line)
    if m:
        sent, own, peer = m[3] == "send", m[4], m[5]
        server = is_server(own)
        messages.append(("server" if server else "client", (peer, own) if server else (own, peer), server == sent,
                         int(m[6]), COMMANDS[int(m[7])], m[8] == "1", int(m[9]), int(m[1]) * 10**6 + int(m[2]) / 1000))
    m = LOCK.search(line)
    if m and m[2] == "wait":
        waiting[m[1]] = m[3]
    elif m and waiting.pop(m[1], None) == m[3]:
        waits[int(m[1])] += 1

streams = {}
for line in open(f"{folder}/packets.txt"):
    f = line.split()
    if len(f) == 7:
        streams.setdefault((f"{f[1]}:{f[2]}", f"{f[3]}:{f[4]}"), {}).setdefault(
            int(f[5]), (float(f[0]) * 10**6, bytes.fromhex(f[6].replace(":", ""))))
for (source, destination), segments in streams.items():
    data, times = b"", []
    for seq in sorted(segments):
        data += segments[seq][1]
        times += [segments[seq][0]] * len(segments[seq][1])
    while data:
        length, command, flags, error = int.from_bytes(data[24:26], "little"), data[26], data[27], data[28]
        by_server = is_server(source)
        messages.append(("packets", (destination, source) if by_server else (source, destination), by_server,
                         int.from_bytes(data[16:24], "little"), COMMANDS[command], flags == 1, error,
                         times[31 + length] if flags else times[0]))
        data, times = data[32 + length:], times[32 + length:]

asked, durations, failed = {}, {}, collections.Counter()
for place, pair, by_server, number, command, answer, error, us in sorted(messages, key=lambda m: m[7]):
    name = command + (" of the server" if by_server != answer else "")
    key = (place, pair, name, number)
    if not answer:
        asked.setdefault(key, us)
    elif asked.get(key) is not None:
        durations.setdefault((place, name), []).append(us - asked[key])
        failed[place, name] += error != 0
        asked[key] = None

# The export.
file = json.load(open(f"{folder}/export.json"))
trace, other = file["traceEvents"], file["otherData"]
times = [e["ts"] for e in trace if e["ph"] != "M"]
check("in the order of time", times, sorted(times))
check("nothing before the beginning", [t for t in times if t < 0], [])
places = {}
for e in trace:
    if e["ph"] == "M" and e["name"] == "process_name" and e["pid"] >= 100:
        places[e["pid"]] = {"in packets": "packets", "by the client": "client", "by the server": "server"}[
            e["args"]["name"].rsplit("seen ", 1)[1]]
open_spans, spans, ends, bad = {}, {}, collections.Counter(), collections.Counter()
for e in trace:
    if e["ph"] not in "be":
        continue
    key = (e["pid"], e["cat"], e["id"])
    if e["ph"] == "b":
        check(f"{key} begins once", key in open_spans, False)
        open_spans[key] = e
        continue
    begin = open_spans.pop(key)
    check(f"{key} name", e["name"], begin["name"])
    if e["cat"] == "rpc":
        status = e["args"]["status"]
        ends[status] += 1
        if status in ("finished", "failed"):
            spans.setdefault((places[e["pid"]], e["name"]), []).append(e["ts"] - begin["ts"])
            bad[places[e["pid"]], e["name"]] += status == "failed"
check("spans that do not end", list(open_spans), [])
check("kinds of requests", sorted(spans), sorted(durations))
for key, want in durations.items():
    got = spans.get(key, [])
    check(f"{key} pairs", len(got), len(want))
    check(f"{key} failed", bad[key], failed[key])
    # A double has a tenth of a microsecond of the seconds since 1970.
    if any(abs(a - b) > 2 for a, b in zip(sorted(got), sorted(want))):
        faults.append(f"{key}: other durations")
check("how requests end", set(ends) - {"finished", "failed"}, set())

stacks, locked = {}, collections.Counter()
for e in trace:
    if e["ph"] == "B":
        check("a thread waits for one lock", stacks.get(e["tid"]), None)
        stacks[e["tid"]] = e
    elif e["ph"] == "E":
        stacks[e["tid"]] = None
        locked[e["tid"]] += e["args"]["status"] == "locked"
check("waits that do not end", [s for s in stacks.values() if s], [])
check("waits for locks by thread", +locked, +waits)
count = sum(e["args"]["events"] for e in trace if e["ph"] == "C" and e["name"] == "trace events/s")
check("trace events by the counter", count / 10, events)

lines = [e for e in trace if e["ph"] == "i" and e["cat"] == "log"]
marks = [e for e in trace if e["ph"] == "i" and e["cat"] == "trigger"]
check("triggers", [(e["ts"], e["args"]["text"]) for e in marks],
      [(other["trigger_us"], other["trigger_text"])] if "trigger" in other else [])
raw = [line.split(";", 1)[1].rstrip("\n") for line in open(f"{folder}/kmsg", errors="replace") if line[:1].isdigit()]
# A line gets its stamp before its place.
check("the last lines of the log", sorted(e["args"]["text"] for e in lines), sorted(raw[len(raw) - len(lines):]))
if "trigger" in other:
    check("the line of the trigger", [e["args"]["text"] for e in lines if abs(e["ts"] - other["trigger_us"]) < 2],
          [other["trigger_text"]])
    check("a fence has lines", len(lines) > 5, True)

for fault in faults[:20]:
    print(f"# {fault}")
sys.exit(bool(faults))
