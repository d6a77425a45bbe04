#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""scoutfs-trace-bundle(5) is right and complete.

 - session folders written here, from what the page says about them, are recovered by the program: of
   recorders that ended in order, with every kind of entry in their journals, and of one that died
 - as root, with the simulator, the recorder itself makes a bundle too
 - every name in their manifests is in the page, and every name in the page is in one of the manifests, with the page's
   type; members, their order, columns and lines are as the page says
 - walk_bundle.py, written from the page alone, walks them

    test_bundle_man.py PAGE PROGRAM [SIM]

Needs tar and zstd. Prints "N passed, N failed"; exit status 77 when a tool is missing."""
import fcntl
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile

from walk_bundle import crc32c

HERE = os.path.dirname(os.path.abspath(__file__))
PAGE, PROGRAM = sys.argv[1:3]
SIM = sys.argv[3] if len(sys.argv) > 3 else None
REAL_MINUS_MONO = 1_700_000_000_000_000_123
passed = failed = 0


def check(name, good, more=""):
    global passed, failed
    passed += bool(good)
    failed += not good
    print(("ok - " if good else "not ok - ") + name)
    if not good and more:
        print("\n".join("# " + line for line in str(more).split("\n")[:20]))


def run(*argv, **kwargs):
    return subprocess.run(argv, capture_output=True, text=kwargs.pop("text", True), **kwargs)


# ---- the page ----

def page_names(source):
    """{name: type} of the manifest's section."""
    section = source[source.index(".Sh MANIFEST.JSON"):source.index(".Sh SUMMARY.TXT")]
    names = re.findall(r"^\.It Va (\S+) Pq (.+)$", section, re.M)
    for name in {n for n, _ in names}:
        check(f"the page has {name} once", [n for n, _ in names].count(name) == 1)
    return dict(names)


def manifest_names(value, name="", found=None):
    """{name: {types}}: "a.b", and "a[].b" for what is in the elements of an array."""
    found = {} if found is None else found
    kind = {dict: "object", list: "array", str: "string", bool: "boolean", int: "number", type(None): "null"}
    if name and not name.endswith("[]"):
        found.setdefault(name, set()).add(kind.get(type(value), "fraction"))
    if isinstance(value, dict):
        for key, below in value.items():
            manifest_names(below, f"{name}.{key}" if name else key, found)
    elif isinstance(value, list):
        for below in value:
            if isinstance(below, str):
                found[name] = {"array of strings"}
            manifest_names(below, name + "[]", found)
    return found


# ---- a session folder, as the page describes it ----

def zstd(data):
    with tempfile.NamedTemporaryFile() as plain:  # from a file, so that the frame tells its size
        plain.write(data)
        plain.flush()
        return run("zstd", "-qc", plain.name, text=False).stdout


def chunk(stream, cpu, sequence, first, last, records, payload, tail=False, offset=0):
    frame = zstd(payload)
    header = struct.pack("<II8sHHIQQQQQQQIIIQ", 0x184D2A5C, 96, b"scoutfsT", 1, stream, cpu, sequence, first, last,
                         len(payload), records, 0, offset, 1 if tail else 0, len(frame), crc32c(frame), 0)
    return header + struct.pack("<I", crc32c(header)) + frame


MS = 10**6
ANCHOR = {"when": "end", "monotonic_ns": 900 * MS, "realtime_ns": 900 * MS + REAL_MINUS_MONO, "boottime_ns": 900 * MS,
          "tai_ns": 900 * MS + REAL_MINUS_MONO, "bound_ns": 40}
EVENT = {"trigger": "server-closing", "role": "suspect", "text": "seen", "monotonic_ns": 500 * MS,
         "realtime_ns": 500 * MS + REAL_MINUS_MONO}
GAP = {"number": 1, "kind": "fault", "source": "ftrace", "id": 1, "from_ns": 100 * MS, "to_ns": 200 * MS, "count": 7,
       "uncounted": False, "reason": "ring overrun"}
ENDED = {"ended": True, "started_monotonic_ns": 1, "wall_ns": 5 * MS, "user_ns": 3 * MS, "system_ns": 1 * MS,
         "max_rss_bytes": 1 << 20}
SAMPLES = b"@ 500000000 70 2\n= 4 /own\na 1\n\n! ENOENT 0 /gone\n@ 600000000 70 1\n= 4 /own\na 2\n\n"
LINE = b"2023-11-14T22:13:20.300000Z [    0.300000] kern.info %d scoutfs: line\n"


def session(folder, died, command):
    stem = os.path.basename(folder)
    os.makedirs(folder + "/spool")
    os.makedirs(folder + "/context/start")
    ftrace = {"instance": "i", "trace_clock": "[mono]", "uname": "Linux", "cpus": 2, "page_bytes": 4096,
              "commit_offset": 8, "commit_bytes": 8, "data_offset": 16, "ring_kb_per_cpu": 64, "ring_kb_wanted": 64,
              "formats": 0, "events": ["scoutfs:*"]}
    packets = {"interface": "any", "filter": "port 1", "link_type": 276, "snaplen": 262144, "library": "none"}
    budgets = {name: 1 for name in ("disk_bytes", "ring_bytes", "packet_ring_bytes", "spool_memory_bytes", "lag_ms",
                                    "before_ns", "after_ns", "duration_ns")}
    facts = {"format": "scoutfs-trace-session", "version": 1, "stem": stem, "suffix": stem[-6:], "tool_version": "0",
             "host": "h", "kernel": "k", "kernel_build": "b", "machine": "m", "scoutfs_version": "v",
             "boot_id": "00000000-0000-0000-0000-000000000000", "pid": 1, "created_realtime_ns": REAL_MINUS_MONO,
             "created_monotonic_ns": 1, "server": "192.0.2.1:5000", "server_ip": "192.0.2.1", "server_port": 5000,
             "command_line": ["scoutfs-trace"], "budgets": budgets,
             "configuration": [{"option": "lag", "value": "1s", "from": "default"}],
             "triggers": [{"name": "oops", "role": "final", "kind": "log", "spec": "Oops:"}],
             "sources": {"clocks": {}, "ftrace": ftrace, "kmsg": {}, "packets": packets, "series": {"list": [
                 {"name": "series/own", "member": "series/own.txt", "id": 1, "interval_ns": 10**8, "paths": ["/own"]},
                 {"name": "series/void", "member": "series/void.txt", "id": 2, "interval_ns": 0, "paths": []}]}}}
    entries = [{"anchor": ANCHOR},
               {"local_clock": {"when": "end", "monotonic_ns": 1, "monotonic_minus_local_ns": -5, "bound_ns": 9}},
               {"suspect": EVENT}, {"gap": GAP}, {"gap": dict(GAP, count=9)},
               {"gap": dict(GAP, number=2, source="packets", id=0, count=0, uncounted=True, reason="gone")},
               {"source": {"name": "packets", "status": "degraded", "why": "gone for a while"}},
               {"cpu_stats": ["entries: 0\n", None]}]
    entries += [{"command": command}] if command else []
    if not died:
        entries += [{"stop": dict(EVENT, reason="trigger", trigger="oops", role="final")},
                    {"totals": {"clocks": 1, "ftrace": 0, "kmsg": 3, "packets": 1, "series": 2, "heartbeats": 0,
                                "suspects": 1, "newest_packet_monotonic_ns": 400 * MS},
                     "parts": {"series/own": 2, "series/void": 0}},
                    {"timings": {"freeze_begun_monotonic_ns": 1, "frozen_monotonic_ns": 2, "durable_monotonic_ns": 3}}]
    with open(folder + "/journal", "w", encoding="utf-8") as journal:
        journal.writelines(json.dumps(entry) + "\n" for entry in entries)
        if died:
            journal.write('{"gap":{"numb')
    header = struct.pack("<IHHIIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, 276)
    packet = struct.pack("<IIII", REAL_MINUS_MONO // 10**9, 400 * MS, 20, 20) + bytes(20)
    row = b"900000000,1,900000000,1,40\n"
    segment = (chunk(3, 0, 1, 300 * MS, 300 * MS, 1, LINE % 1) + chunk(2, 0, 1, 400 * MS, 400 * MS, 1, packet) +
               chunk(4, 0, 1, 900 * MS, 900 * MS, 1, row) +
               chunk(5, 1, 1, 500 * MS, 600 * MS, 2, SAMPLES))
    # The open chunk in two pieces laid over each other, and one that is out of date.
    open_chunk = LINE % 2 + LINE % 3
    tail = (chunk(3, 0, 1, 300 * MS, 300 * MS, 1, b"out of date\n", tail=True) +
            chunk(3, 0, 2, 310 * MS, 310 * MS, 1, open_chunk[:70] + b"overwritten", tail=True) +
            chunk(3, 0, 2, 310 * MS, 320 * MS, 2, open_chunk[70:], tail=True, offset=70))
    files = {"session.json": json.dumps(facts).encode(), "packets-head": header, "comms": b"1 init\n", "losses": b"",
             "clocks-head": b"monotonic_ns,realtime_ns,boottime_ns,tai_ns,bound_ns\n",
             "trace-head.zst": zstd(b"not read by anybody in this test\n" * 100),
             "context/start/INDEX": b"uname.txt\n", "context/start/uname.txt": b"Linux\n",
             "spool/00000001.zst": segment + (segment[:50] if died else b""), "spool/tail": tail, "spool/reserve.0": b""}
    for name, data in files.items():
        with open(f"{folder}/{name}", "wb") as out:
            out.write(data)


# ---- a bundle ----

def unpack(bundle, work):
    """(manifest, folder), after checking names, order and rights."""
    listed = run("tar", "--zstd", "-tvf", bundle).stdout.rstrip("\n").split("\n")
    stem = os.path.basename(bundle)[:-len(".tar.zst")]
    names = [line.split()[-1] for line in listed]
    check("every member is in the bundle's folder", all(n.startswith(stem + "/") for n in names), names)
    check("every member is its owner's alone", all(line.startswith("-rw------- root/root ") for line in listed), listed)
    os.makedirs(work)
    run("tar", "--zstd", "-xf", bundle, "-C", work)
    folder = f"{work}/{stem}"
    with open(folder + "/manifest.json", encoding="utf-8") as text:
        manifest = json.load(text)
    members = ["manifest.json"] + [m["path"] for m in manifest["members"]]
    check("members are as the manifest says", [f"{stem}/{m}" for m in members] == names, names)
    fixed = [re.sub(r"^(context|series)/.*", r"\1/", m) for m in members]
    order = re.findall(r"^\.It Pa (\S+) Ta", open(PAGE, encoding="utf-8").read(), re.M)
    check("the order is the page's", [m for i, m in enumerate(fixed) if m not in fixed[:i]] == order, fixed)
    contexts = [m for m in members if m.startswith("context/")]
    check("context is in the order of names", contexts == sorted(contexts), contexts)
    check("sizes are as the manifest says",
          all(os.path.getsize(f"{folder}/{m['path']}") == m["bytes"] for m in manifest["members"]))
    return manifest, folder


def check_files(folder):
    source = open(PAGE, encoding="utf-8").read()
    section = source[source.index(".Sh CLOCKS.CSV"):source.index(".Sh CONTEXT")]
    with open(folder + "/clocks.csv", encoding="ascii") as rows:
        check("clocks.csv has the page's columns",
              rows.readline().rstrip("\n").split(",") == re.findall(r"^\.It Va (\S+)$", section, re.M))
    line = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z \[ *\d+\.\d{6}\] [a-z0-9]+\.[a-z]+ \d+ [ -~]*\n")
    with open(folder + "/kernel.log", encoding="ascii") as log:
        bad = [text for text in log if not line.fullmatch(text) or not 14 <= text.index("]") - text.index("[") + 1]
    check("lines of kernel.log are as the page says", not bad, bad)
    with open(folder + "/packets.pcap", "rb") as pcap:
        check("packets.pcap begins as the page says", pcap.read(4) == bytes.fromhex("4d3cb2a1"))


def walked(bundle, folder):
    done = run(sys.executable, HERE + "/walk_bundle.py", PAGE, bundle, folder + "/manifest.json")
    check("walk_bundle.py walks it by the page", done.returncode == 0, done.stderr)
    return done.stdout


def recover(work, suffix, died, command):
    folder = f"{work}/scoutfs-trace.h.2023-1114-2213.{suffix}"
    session(folder, died, command)
    os.makedirs(work + "/run", exist_ok=True)
    done = run(PROGRAM, "recover", folder, "--run-dir=" + work + "/run")
    check("a folder written from the page is recovered", done.stdout == folder + ".tar.zst\n", done.stderr)
    if not os.path.exists(folder + ".tar.zst"):
        return None
    walk = run(sys.executable, HERE + "/walk_bundle.py", PAGE, folder + ".tar.zst").stdout
    check("the open chunk was put together", f"chunk kmsg 0 2 2 {2 * len(LINE % 2)}\n" in walk, walk)
    manifest, unpacked = unpack(folder + ".tar.zst", f"{work}/{suffix}")
    with open(unpacked + "/kernel.log", "rb") as log:
        check("no line is out of date", log.read() == b"".join(LINE % n for n in (1, 2, 3)))
    check_files(unpacked)
    with open(unpacked + "/series/own.txt", "rb") as member:
        check("a series is its head and what was sampled",
              member.read() == b"# scoutfs-trace series 1 own every 0.1 s\n" + SAMPLES)
    check("a series without samples makes no file", not os.path.exists(unpacked + "/series/void.txt"))
    own = [s for s in manifest["sources"] if s["name"] == "series/own"][0]
    check("its row", own["records"] == 2 and own["recorded"] == (None if died else 2) and own["status"] == "ok", own)
    walked(folder + ".tar.zst", unpacked)
    check("died is told", manifest["died"] == died and manifest["stop"]["reason"] == ("died" if died else "trigger"))
    check("the last line of a gap's number counts", manifest["sources"][0]["lost"] == 9, manifest["sources"][0])
    check("an unknown number is null", manifest["sources"][1]["gaps"][0]["count"] is None)
    kinds = {g["kind"] for s in manifest["sources"] for g in s["gaps"]}
    check("kinds of gaps", kinds == ({"fault", "damage"} if died else {"fault"}), kinds)
    return manifest


# ---- the recorder itself, in a network of its own ----

def record(work):
    """A short life of the simulator's cluster, as the recorded command. None when this host cannot."""
    tracefs = "/sys/kernel/tracing"
    if not SIM or os.geteuid() != 0 or not os.path.exists(tracefs + "/uprobe_events") or not shutil.which("unshare"):
        print("# without the recorder: needs root, uprobe events, unshare and the simulator")
        return None
    with open("/run/scoutfs-trace-sim.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if run(SIM, "--install-events").returncode:
            print("# without the recorder: the simulator's events cannot be installed")
            return None
        try:
            done = run("unshare", "-n", "sh", "-c", 'ip link set lo up && exec "$@"', "-", PROGRAM, "127.0.0.1", "19700",
                       "--no-heartbeat-wait", "--disk-budget=64M", "--ring-memory=8M", "-o", work + "/out",
                       "--run-dir=" + work + "/run", "--suspect=event:scoutfs:scoutfs_conn_shutdown_queued",
                       "--", SIM, "-c", "nodes 2; reconnect 100ms; reclaim 100ms; run 200ms; fence; run 100ms")
        finally:
            run(SIM, "--remove-events")
    bundle = done.stdout.rstrip("\n").split("\n")[-1]  # what the command printed comes before
    check("the recorder makes a bundle", bundle.endswith(".tar.zst"), done.stderr)
    if not os.path.exists(bundle):
        return None
    manifest, folder = unpack(bundle, work + "/recorded")
    check_files(folder)
    sums = walked(bundle, folder)
    check("it has events, packets and clocks", not re.search(r"^sum (ftrace|packets|clocks) 0$", sums, re.M), sums)
    command = manifest["command"]
    check("the command ended well", command["ended"] and command["exit_status"] == 0, command)
    check("the command's times agree", 0 < command["started_monotonic_ns"] and 0 < command["wall_ns"], command)
    check("suspects were seen", manifest["suspects"])
    anchor = manifest["clocks"]["anchors"][-1]
    offset = anchor["realtime_ns"] - anchor["monotonic_ns"]
    with open(folder + "/trace.dat", "rb") as trace:
        options = trace.read()
    at = options.index(b"options  \0") + 10
    values = {}
    while (kind := int.from_bytes(options[at:at + 2], "little")) != 0:
        size = int.from_bytes(options[at + 2:at + 6], "little")
        values[kind] = options[at + 6:at + 6 + size].rstrip(b"\0")
        at += 6 + size
    check("DATE and OFFSET are the last anchor", int(values[1], 0) * 1000 + int(values[7]) == offset, values)
    check("the other options are the page's", set(values) <= {1, 2, 4, 5, 7, 8}, set(values))
    return manifest


def main():
    for tool in ("tar", "zstd"):
        if not shutil.which(tool):
            print(f"{tool} is not installed: skipped")
            return 77
    names = page_names(open(PAGE, encoding="utf-8").read())
    found = {}
    with tempfile.TemporaryDirectory() as work:
        for manifest in (recover(work, "EndedA", False, dict(ENDED, exit_status=0)),
                         recover(work, "EndedB", False, dict(ENDED, signal=9)),
                         recover(work, "DiedAb", True, None), record(work)):
            one = manifest_names(manifest or {})
            for name, types in one.items():
                found.setdefault(name, set()).update(types)
    for name in sorted(found):
        check(f"{name} is in the page", name in names)
    for name, kind in sorted(names.items()):
        allowed = set(kind.split(" or ")) | ({"array"} if kind == "array of strings" else set())
        check(f"{name} of the page is in a manifest, as {kind}", name in found and found[name] <= allowed,
              found.get(name, "in none"))
        if "null" in allowed and name in found:
            check(f"{name} can be null", "null" in found[name] or name == "scoutfs_version")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


sys.exit(main())
