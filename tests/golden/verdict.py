# SPDX-License-Identifier: GPL-2.0-only
"""verdict.py SESSION FOLDER: what the reports say of a real fence, beside what other programs printed.

FOLDER has report.json, events.txt (trace-cmd report -t), packets.txt (tshark) and kmsg (raw records of /dev/kmsg). Times are
compared as differences to the trigger's line, each on the clock of its own source: the clocks' offsets do not matter.
"""
import json
import re
import sys

session, folder = sys.argv[1:]
report = json.load(open(f"{folder}/report.json"))["reports"]
faults = []


def check(what, got, want):
    if got != want:
        faults.append(f"{what}: {got!r}, not {want!r}")


def near(what, got, want, within_ns):
    if got is None or abs(got - want) > within_ns:
        faults.append(f"{what}: {got!r}, not {want!r} within {within_ns}")


def rows(name, table):
    return report[name]["tables"][table]["rows"]


def says(what, text, words):
    if words not in text:
        faults.append(f"{what}: no {words!r} in {text!r}")


# Kernel log: "PRIO,SEQ,USEC,FLAGS;TEXT".
lines = []
for line in open(f"{folder}/kmsg", errors="replace"):
    m = re.match(r"\d+,\d+,(\d+),[^;]*;(scoutfs f.*)", line)
    if m:
        lines.append((int(m[1]) * 1000, m[2].strip()))
TRIGGER = {"fence-client": "reconnect timed out, fencing", "fence-leader": "fencing previous leader"}[session]
at = next(ns for ns, text in lines if TRIGGER in text)


def line_at(words):
    return next(ns for ns, text in lines if words in text) - at


# Datagrams and what the TCP ports sent, on the wall clock; the trigger's is known from the bundle.
datagrams, segments = [], []
for line in open(f"{folder}/packets.txt"):
    f = line.rstrip("\n").split(" ")
    seconds, fraction = f[0].split(".")
    ns = int(seconds) * 10**9 + int(fraction.ljust(9, "0"))
    if len(f) > 3 and f[3]:
        b = bytes.fromhex(f[3].replace(":", ""))
        if len(b) == 32:
            datagrams.append((ns, int(f[1]), int(f[2]), int.from_bytes(b[16:24], "little"), b[24], b[25]))
    elif len(f) > 6 and f[6]:
        segments.append((ns, int(f[4]), int(f[5])))

# Events: "comm-pid [cpu] seconds.nanoseconds: name: ..."
events = []
for line in open(f"{folder}/events.txt"):
    m = re.search(r"\s(\d+)\.(\d{9}): +(scoutfs_\w+): +(\S+) (.*)", line)
    if m:
        events.append((int(m[1]) * 10**9 + int(m[2]), m[3], m[4], m[5]))

# ---- heartbeats ----
beats = {}
for ns, source, destination, term, kind, slot in datagrams:
    if kind == 2:
        beats.setdefault((source, destination, term), []).append(ns)
intervals = {}
for (source, destination, _), times in beats.items():
    spans = intervals.setdefault((source, destination), [])
    spans += [b - a for a, b in zip(times, times[1:])]
got = {}
for row in rows("heartbeats", "intervals"):
    if row["source"] == "packets":
        key = tuple(int(row[end].split(" ")[0].rsplit(":", 1)[1]) for end in ("sender", "receiver"))
        got[key] = row
check("senders and receivers", sorted(got), sorted(intervals))
for key, spans in intervals.items():
    row = got[key]
    check(f"{key} intervals", row["intervals"], len(spans))
    check(f"{key} min", row["min_ns"], min(spans))
    check(f"{key} max", row["max_ns"], max(spans))
    near(f"{key} average", row["avg_ns"], sum(spans) / len(spans), 1)
    near(f"{key} median", row["p50_ns"], sorted(spans)[(len(spans) - 1) // 2], 3_000_000)
# The summary made with another program when the session was captured.
check("heartbeats", sum(len(t) for t in beats.values()), {"fence-client": 632, "fence-leader": 194}[session])
near("longest", max(r["max_ns"] for r in got.values()), {"fence-client": 192.9e6, "fence-leader": 182.8e6}[session], 100_000)

QUORUM = re.compile(r"term (\d+) type (\d) nr (-?\d+)")
sent, received = {}, {}
for ns, name, mount, rest in events:
    m = QUORUM.search(rest)
    if m and m[2] == "2" and name == "scoutfs_quorum_send_message":
        sent[mount] = sent.get(mount, 0) + 1
    elif m and m[2] == "2" and name == "scoutfs_quorum_recv_message":
        received[mount] = received.get(mount, 0) + 1
heard = {}
for row in rows("heartbeats", "intervals"):
    if row["source"] != "packets":
        key = (row["source"], row["sender" if row["source"] == "sent" else "receiver"][4:10])
        heard[key] = heard.get(key, 0) + row["intervals"] + 1
for what, of in (("sent", sent), ("received", received)):
    check(f"events {what}", {r: n for (w, r), n in heard.items() if w == what}, {m[-6:]: n for m, n in of.items()})
terms = {r["term"]: r for r in rows("heartbeats", "terms") if r["source"] == "packets"}
for kind, column in ((0, "requests"), (1, "votes"), (2, "heartbeats"), (3, "resignations")):
    for term, row in terms.items():
        check(f"term {term} {column}", row[column], sum(1 for d in datagrams if d[3] == term and d[4] == kind))

# ---- verdict ----
facts = {r["about"]: r["what"] for r in rows("verdict", "verdict")}
steps = rows("verdict", "sequence")


def step_at(words):
    found = [r["from_trigger_ns"] for r in steps if words in r["what"]]
    if not found:
        faults.append(f"no step {words!r}")
    return found[0] if found else None


def event_at(name, words):
    """From the trigger's line as the trace has it, which is a clock of its own: tied by `server closing`'s connection."""
    return [ns for ns, n, _, rest in events if n == name and words in rest]


says("cause", facts["cause"], "Probably because it was unmounted by force")
near("forced unmount", step_at("forcing unmount"), line_at("forcing unmount"), 1000)
near("reclaimed", step_at("successfully reclaimed"), line_at("successfully reclaimed"), 1000)
check("trigger", step_at(TRIGGER), 0)
says("seen from", facts["seen from"], "both sides")

trigger_real = {"fence-client": 1795172502134032425, "fence-leader": 1795172532306370083}[session]
if session == "fence-client":
    says("who", facts["verdict"], "Node 127.0.0.1:59816 (rid 3b5070d0562fa6eb) was fenced by the server 127.0.0.1:19700 "
         "(rid d8ec8b7d4579704b, quorum slot 0, term 1) 20.21 s after its connection was lost; it never came back.")
    near("closing", step_at("server closing"), line_at("server closing 127.0.0.1:19700 -> 127.0.0.1:59816"), 1000)
    # From the event to its end for good, both of the trace; and that end lies 2.475 ms behind the line (measured then).
    lost = event_at("scoutfs_conn_shutdown_queued", "rid 4274040086476072683")
    freed = event_at("scoutfs_conn_destroy_start", "flags 0x65")
    near("lost", step_at("connection is lost"), lost[0] - freed[0] + 2_475_000, 1_000_000)
    for words, source in (("from it to the server", 59816), ("from the server to it", 19700)):
        last = max(s[0] for s in segments if s[1] == source and 59816 in s[1:] and s[0] < trigger_real)
        near(words, step_at(words), last - trigger_real, 1000)
    last = max(d[0] for d in datagrams if d[0] <= trigger_real)
    near("heartbeat", step_at("last heartbeat of the leader"), last - trigger_real, 1000)
    of = [ns for ns, n, mount, rest in events if n == "scoutfs_quorum_recv_message" and mount.endswith("3b5070")]
    near("received", step_at("last heartbeat that"), max(of) - freed[0] + 2_475_000, 1_000_000)
else:
    says("who", facts["verdict"], "The previous leader 127.0.0.1:19700 (rid 5a2058adf0592af2, quorum slot 0, term 1) was fenced by "
         "the new leader 127.0.0.1:19702 (rid 2968f968262b2863, quorum slot 2, term 2) 10.11 s after its last heartbeat.")
    near("shutting down", step_at("server shutting down"), line_at("server shutting down"), 1000)
    near("starting", step_at("server starting at 127.0.0.1:19702"), line_at("server starting at 127.0.0.1:19702"), 1000)
    last = max(d[0] for d in datagrams if d[1] == 19700 and d[4] == 2)
    near("heartbeat", step_at("last heartbeat of the old leader"), last - trigger_real, 1000)
    first = min(d[0] for d in datagrams if d[4] == 0)
    near("election", step_at("quorum slot 2 asks for votes in term 2"), first - trigger_real, 1000)

# ---- loss: these captures are whole ----
check("losses", rows("loss", "losses"), [])
check("unread", rows("loss", "unread"), [])
check("lost", {r["source"]: r["lost"] for r in rows("loss", "totals") if r["lost"]}, {})
for fault in faults:
    print(f"# {session}: {fault}")
sys.exit(bool(faults))
