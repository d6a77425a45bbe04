# SPDX-License-Identifier: GPL-2.0-only
"""html_figures.py PROGRAM WORK DATA: the figures of the report `overview`, which the timeline shows, beside the capture
itself: heartbeats and messages by the bytes of the packets, events by trace-cmd, lines by the log.
"""
import collections
import json
import re
import shutil
import struct
import subprocess
import sys

program, work, data = sys.argv[1:]
faults = []


def check(what, got, want):
    if got != want:
        faults.append("%s: %r, not %r" % (what, got, want))


def unpack(name):
    return subprocess.run(["zstd", "-dqc", data + "/" + name], check=True, capture_output=True).stdout


def quorum_types(pcap):
    """Of each UDP packet of 32 bytes: type, by scoutfs's layout, at byte 24 (Linux cooked capture v2, IPv4)."""
    types = collections.Counter()
    at = 24
    while at + 16 <= len(pcap):
        kept, = struct.unpack_from("<I", pcap, at + 8)
        frame = pcap[at + 16:at + 16 + kept]
        at += 16 + kept
        if frame[:2] != b"\x08\x00" or len(frame) < 48 or frame[20 + 9] != 17:
            continue
        payload = frame[20 + (frame[20] & 15) * 4 + 8:]
        if len(payload) == 32:
            types[payload[24]] += 1
    return types


for session, bundle in (("fence-client", "client"), ("fence-leader", "leader")):
    out = subprocess.run([program, "report", "%s/%s.tar.zst" % (work, bundle), "overview", "rpc", "--format", "json"],
                         check=True, capture_output=True).stdout
    reports = json.loads(out)["reports"]
    tables = reports["overview"]["tables"]
    series = tables["series"]["rows"]
    types = quorum_types(unpack("pcap/%s-sll2.pcap.zst" % session))
    check(session + ": heartbeats", sum(r["heartbeats"] for r in series), types[2])
    check(session + ": other quorum messages", sum(r["elections"] for r in series), sum(types.values()) - types[2])
    check(session + ": steps", len(series) <= 600 and all(
        b["from_ns"] - a["from_ns"] == a["width_ns"] for a, b in zip(series, series[1:])), True)
    # What rpc says was compared with tshark: each request it saw in packets, and each answer.
    sent = collections.Counter()
    for r in reports["rpc"]["tables"]["commands"]["rows"]:
        if r["seen"] == "packets":
            sent[r["command"]] += r["sent"] + r["finished"] + r["stray"]
    check(session + ": messages", {k[4:].upper(): sum(r[k] for r in series) for k in series[0] if k.startswith("msg_")}, dict(sent))
    check(session + ": messages in all", sum(r["messages"] for r in series), sum(sent.values()))
    answers = sum(r["finished"] for r in reports["rpc"]["tables"]["commands"]["rows"] if r["seen"] == "packets")
    check(session + ": latencies", sum(r["count"] for r in tables["latency"]["rows"]), answers)
    first = min(r["from_ns"] for r in series)
    wanted = 0
    for line in unpack("kmsg/%s.kmsg.zst" % session).decode("utf-8", "replace").split("\n"):
        m = re.match(r"(\d+),\d+,(\d+),[^;]*;(.*)", line)
        if m and ((int(m[1]) >> 3 == 0 and m[3].startswith("scoutfs")) or int(m[1]) & 7 <= 3):
            offset = 9733875 if session == "fence-client" else 10076817
            wanted += int(m[2]) * 1000 - offset >= first
    check(session + ": flags", len(tables["flags"]["rows"]), wanted)
    if shutil.which("trace-cmd"):
        with open(work + "/figures.dat", "wb") as f:
            f.write(unpack(session + "-v6.dat.zst"))
        lines = subprocess.run(["trace-cmd", "report", work + "/figures.dat"], capture_output=True).stdout.split(b"\n")
        check(session + ": events", sum(r["events"] for r in tables["events"]["rows"]),
              sum(bool(re.search(rb"\[\d{3}\] +\d+\.\d{6}: ", line)) for line in lines))
for fault in faults:
    print(fault)
sys.exit(bool(faults))
