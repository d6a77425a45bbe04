# SPDX-License-Identifier: GPL-2.0-only
"""network.py SESSION FOLDER: what the reports say, beside what other programs printed.

FOLDER has report.json (of rpc and connections), packets.txt and syns.txt (of tshark), events.txt (of trace-cmd report -t).
Packets are put together and messages paired here in the plainest way: dictionaries, everything in memory.
"""
import json
import math
import re
import sys

from session import COMMANDS, is_server

session, folder = sys.argv[1:]
faults = []


def check(what, got, want):
    if got != want:
        faults.append(f"{what}: {got!r}, not {want!r}")


# What was seen: (place, client, server, by server, id, command, is answer, error, ns)
messages = []

EVENT = re.compile(r"\s(\d+)\.(\d{9}): +scoutfs_net_(send|recv)_message: +(\S+) name (\S+) peer (\S+) nh seq (\d+) "
                   r"recv_seq \d+ id (\d+) data_len \d+ cmd (\d+) flags 0x([01]) error (\d)")
CONNECTION = re.compile(r"scoutfs_conn_(\w+): +(\S+) flags (\S+) .* rid (\d+) grid \d+ sn (\S+) pn (\S+) ")
connection_events = []
for line in open(f"{folder}/events.txt"):
    m = EVENT.search(line)
    if m:
        ns = int(m[1]) * 10**9 + int(m[2])
        sent, own, peer = m[3] == "send", m[5], m[6]
        server = is_server(own)
        client, at = (peer, own) if server else (own, peer)
        messages.append(("server" if server else "client", client, at, server == sent, int(m[8]), COMMANDS[int(m[9])],
                         m[10] == "1", int(m[11]), ns))
        continue
    m = CONNECTION.search(line)
    if m:
        connection_events.append(m.groups())

streams = {}
for line in open(f"{folder}/packets.txt"):
    f = line.split()
    if len(f) < 7:
        continue
    seconds, fraction = f[0].split(".")
    key = (f"{f[1]}:{f[2]}", f"{f[3]}:{f[4]}")
    streams.setdefault(key, {}).setdefault(int(f[5]), (int(seconds) * 10**9 + int(fraction.ljust(9, "0")),
                                                      bytes.fromhex(f[6].replace(":", ""))))
for (source, destination), segments in streams.items():
    data, times, at = b"", [], None
    for seq in sorted(segments):
        ns, payload = segments[seq]
        assert at is None or seq == at, "the captures lack nothing"
        at = seq + len(payload)
        data += payload
        times += [ns] * len(payload)
    while data:
        length, command, flags, error = int.from_bytes(data[24:26], "little"), data[26], data[27], data[28]
        by_server = is_server(source)
        client, server = (destination, source) if by_server else (source, destination)
        messages.append(("packets", client, server, by_server, int.from_bytes(data[16:24], "little"), COMMANDS[command],
                         flags == 1, error, times[31 + length] if flags else times[0]))
        data, times = data[32 + length:], times[32 + length:]

figures, open_requests, latencies, slow = {}, {}, {}, []
for place, client, server, by_server, number, command, answer, error, ns in sorted(messages, key=lambda m: m[8]):
    asker = "server" if by_server != answer else "client"
    f = figures.setdefault((place, asker, command), dict.fromkeys("new sent resent finished failed stray".split(), 0))
    key = (place, client, server, asker, number, command)
    if not answer:
        f["sent"] += 1
        f["resent" if key in open_requests else "new"] += 1
        open_requests.setdefault(key, ns)
    elif open_requests.get(key) is None:
        f["stray"] += 1
    else:
        f["finished"] += 1
        f["failed"] += error != 0
        latencies.setdefault((place, asker, command), []).append(ns - open_requests[key])
        if place == asker:
            slow.append((ns - open_requests[key], asker, command, number, client))
        open_requests[key] = None

report = json.load(open(f"{folder}/report.json"))["reports"]


def rows(name, table):
    return report[name]["tables"][table]["rows"]


commands = {(r["seen"], r["asker"], r["command"]): r for r in rows("rpc", "commands")}
check("kinds of requests", sorted(commands), sorted(figures))
for key, f in figures.items():
    row = commands.get(key, {})
    check(f"{key}", {k: row.get(k) for k in f}, f)
    check(f"{key} acked", row.get("acked"), f["finished"])
    check(f"{key} pending", row.get("pending"), f["new"] - f["finished"])

told = {(r["seen"], r["asker"], r["command"]): r for r in rows("rpc", "latency")}
shapes = {(r["seen"], r["asker"], r["command"]): r for r in rows("rpc", "histogram")}
check("kinds of latencies", sorted(told), sorted(latencies))
for key, values in latencies.items():
    # tshark has microseconds of the capture; the report has the same, on another clock that it is 250 ns sure of.
    row, slack = told[key], 1
    values.sort()
    mean = sum(values) / len(values)
    check(f"{key} count", row["count"], len(values))
    for name, want in (("min_ns", values[0]), ("max_ns", values[-1]), ("avg_ns", mean)):
        if abs(row[name] - want) > slack:
            faults.append(f"{key} {name}: {row[name]}, not {want}")
    if len(values) > 1:
        stdev = math.sqrt(sum((v - mean)**2 for v in values) / (len(values) - 1))
        if abs(row["stdev_ns"] - stdev) > slack + stdev / 10**9:
            faults.append(f"{key} stdev_ns: {row['stdev_ns']}, not {stdev}")
    else:
        check(f"{key} stdev of one", row["stdev_ns"], None)
    for name, share in (("p50_ns", 0.5), ("p99_ns", 0.99)):
        want = values[math.ceil(share * len(values)) - 1]
        if abs(row[name] - want) > want / 127 + slack:
            faults.append(f"{key} {name}: {row[name]}, not {want}")
    borders = [0, 10**4, 10**5, 10**6, 10**7, 10**8, 10**9, 10**10, 2**64]
    check(f"{key} histogram", [v for k, v in shapes[key].items() if k.startswith(("under", "over"))],
          [sum(a <= v < b for v in values) for a, b in zip(borders, borders[1:])])

slow.sort(key=lambda s: -s[0])
check("the slowest", [(r["round_trip_ns"], r["asker"], r["command"], r["id"], r["client"])
                      for r in rows("rpc", "slowest")[:20] if r["round_trip_ns"] is not None], slow[:20])
check("unanswered", len(rows("rpc", "unanswered")), 0)

packets = [m for m in messages if m[0] == "packets"]
check("messages", len(packets), {"fence-client": 3292, "fence-leader": 1796, "workload": 12085}[session])
life = {}
for _, client, server, by_server, *_, ns in packets:
    counts = life.setdefault((client, server), [0, 0])
    counts[by_server] += 1
traffic = {(r["client"], r["server"]): [r["from_client"], r["from_server"]] for r in rows("connections", "traffic")}
check("connections", traffic, life)
check("gaps", [r["gaps"] for r in rows("connections", "traffic")], [0] * len(life))

syns = [line.split() for line in open(f"{folder}/syns.txt")]
begun = {(f"{a}:{b}", f"{c}:{d}") for a, b, c, d in syns}
connections = rows("connections", "connections")
check("connections that were begun", {(r["client"], r["server"]) for r in connections if r["begin"] == "new"}, begun & set(life))
refused = [r for r in connections if r["begin"] == "came to nothing"]
check("attempts that came to nothing", sum(int(r["end"].split()[0]) for r in refused),
      len([s for s in syns if (f"{s[0]}:{s[1]}", f"{s[2]}:{s[3]}") not in life]))

if connection_events:
    both = rows("rpc", "differences")
    check("differences", both, [])
    lost = {c[5] if is_server(c[4]) else c[4] for c in connection_events
            if c[0] == "shutdown_queued" and c[5] != "0.0.0.0:0"}
    check("connections that ended", {r["client"] for r in connections if r["end_ns"] is not None and r not in refused}, lost)
    rids = {c[5]: int(c[3]) for c in connection_events if is_server(c[4]) and c[5] != "0.0.0.0:0" and c[3] != "0"}
    for r in connections:
        if r["client"] in rids:
            check("rid of " + r["client"], int(r["client_rid"], 16) if isinstance(r["client_rid"], str) else r["client_rid"],
                  rids[r["client"]])
    steps = [(s["what"], s["flags"]) for s in rows("connections", "steps") if s["place"] == "server" and s["flags"]]
    # The README of the capture has these flags: 0xd, 0xd, 0x25, 0x65.
    d = "valid_greeting|shutting_down|saw_greeting"
    if session == "fence-client":
        check("steps of the one that was fenced", steps, [
            ("to be shut down", d), ("shutting down", d),
            ("down, waits for it to reconnect", "valid_greeting|shutting_down|reconn_wait"),
            ("destroyed: given up", "valid_greeting|shutting_down|reconn_wait|reconn_freeing")])
else:
    check("farewells", [r["end"] for r in connections], ["farewell: unmounted"] * 3)

for fault in faults[:20]:
    print("# " + fault)
print(f"# {len(messages)} messages, {len(latencies)} kinds of requests, {len(slow)} round trips, {len(connection_events)} events "
      f"of connections: {len(faults)} faults")
sys.exit(bool(faults))
