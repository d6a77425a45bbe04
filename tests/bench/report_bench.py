#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Figures of the reports, with trace-cmd and tshark beside them in the same run.

A real trace (the fence of a client, tests/data) is repeated to five million events and, for the window, to a bundle of two GiB.
Times are of whole processes, sandbox and start included; the best and the median of several runs, since other things run too.
Needs some 5 GiB in --dir. No verdict: figures.
"""
import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

MIB = 1 << 20
OFFSETS = ["--trace-minus-mono", "14580955", "--kmsg-minus-mono", "9733875", "--real-minus-mono", "1795172468250297300",
           "--trigger", "reconnect-timeout=reconnect timed out, fencing"]
EVENTS = 95003  # of the trace, by its README


def run(argv, **kw):
    """Wall seconds, CPU seconds, greatest resident set in KiB of a process and its children."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begun = time.monotonic()
    p = subprocess.Popen(argv, **kw)
    _, status, usage = os.wait4(p.pid, 0)
    wall = time.monotonic() - begun
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if os.waitstatus_to_exitcode(status):
        sys.exit(f"{' '.join(argv)}: exit status {os.waitstatus_to_exitcode(status)}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall, cpu, usage.ru_maxrss


def several(argv, count):
    runs = [run(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for _ in range(count)]
    walls = [r[0] for r in runs]
    return min(walls), statistics.median(walls), min(r[1] for r in runs), max(r[2] for r in runs)


def lines_of(argv):
    p = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return sum(chunk.count(b"\n") for chunk in iter(lambda: p.stdout.read(MIB), b""))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", required=True)
    parser.add_argument("--raw-bundle", required=True)
    parser.add_argument("--data", required=True, help="tests/data/real")
    parser.add_argument("--dir", default="/var/tmp")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--window-gib", type=float, default=2, help="of the bundle that a window is cut of; 0: leave it out")
    args = parser.parse_args()
    work = tempfile.mkdtemp(dir=args.dir)
    try:
        bench(args, work)
    finally:
        shutil.rmtree(work)


def make(args, work, repeat):
    out = os.path.join(work, f"made{repeat}")
    os.mkdir(out)
    raw = {}
    for name, packed in (("trace", "fence-client-v6.dat.zst"), ("pcap", "pcap/fence-client-sll2.pcap.zst"),
                         ("kmsg", "kmsg/fence-client.kmsg.zst")):
        raw[name] = os.path.join(out, name)
        subprocess.run(["zstd", "-dqf", os.path.join(args.data, packed), "-o", raw[name]], check=True)
    argv = [args.raw_bundle, "--output", out, "--repeat", str(repeat), *OFFSETS]
    for name, path in raw.items():
        argv += [f"--{name}", path]
    bundle = subprocess.run(argv, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    for path in raw.values():
        os.unlink(path)
    return bundle


def row(what, goal, ours, peer="", ratio=""):
    print(f"{what:58} {goal:16} {ours:24} {peer:24} {ratio}", flush=True)


def bench(args, work):
    me = [args.program, "report"]
    repeat = 53
    bundle = make(args, work, repeat)
    events = EVENTS * repeat
    print(f"{events:,} events, a bundle of {os.path.getsize(bundle) / MIB:.0f} MiB, {os.cpu_count()} CPUs, "
          f"load average {os.getloadavg()[0]:.1f}; best / median of {args.runs}\n")
    row("", "goal", "scoutfs-trace", "peer", "ratio of the best")

    subprocess.run(["tar", "--zstd", "-C", work, "--wildcards", "-xf", bundle, "*/trace.dat", "*/packets.pcap"], check=True)
    folder = next(os.path.join(work, d) for d in os.listdir(work) if d.startswith("scoutfs-trace."))
    trace, pcap = os.path.join(folder, "trace.dat"), os.path.join(folder, "packets.pcap")

    printed = lines_of([*me, bundle, "events"])
    theirs = lines_of(["trace-cmd", "report", "-i", trace])
    ours = several([*me, bundle, "events"], args.runs)
    peer = several(["trace-cmd", "report", "-i", trace], 2)
    row("events as text", ">= 5 x trace-cmd", f"{ours[0]:.2f} / {ours[1]:.2f} s", f"{peer[0]:.2f} / {peer[1]:.2f} s",
        f"{peer[0] / ours[0]:.1f}")
    row("    CPU seconds", "", f"{ours[2]:.2f}", f"{peer[2]:.2f}", f"{peer[2] / ours[2]:.1f}")
    row("    lines", "", f"{printed:,}", f"{theirs:,}")

    ours = several([*me, bundle, "verdict", "rpc", "rates", "locks"], args.runs)
    row("verdict, rpc, rates and locks in one pass", ">= 10 M events/s", f"{ours[0]:.2f} / {ours[1]:.2f} s")
    row("    events a second", "", f"{events / ours[0] / 1e6:.1f} M / {events / ours[1] / 1e6:.1f} M")
    row("    CPU nanoseconds an event", "", f"{ours[2] / events * 1e9:.0f}")
    row("    memory, MiB", "< 256", f"{ours[3] / 1024:.0f}")

    peer = several(["tshark", "-r", pcap, "-q", "-z", "io,stat,0"], 2) if shutil.which("tshark") else None
    ours = several([*me, bundle, "rpc", "--source", "packets"], args.runs)
    row("rpc from packets alone (tshark: only counts packets)", "", f"{ours[0]:.2f} / {ours[1]:.2f} s",
        f"{peer[0]:.2f} / {peer[1]:.2f} s" if peer else "not installed", f"{peer[0] / ours[0]:.1f}" if peer else "")
    shutil.rmtree(folder)
    per_repeat = os.path.getsize(bundle) / repeat
    os.unlink(bundle)

    if args.window_gib:
        bundle = make(args, work, int(args.window_gib * 1024 * MIB / per_repeat) + 1)
        window = ["verdict", "rpc", "rates", "locks", "--from", "-10s", "--to", "+0s"]
        ours = several([*me, bundle, *window], args.runs)
        row(f"10 s of a bundle of {os.path.getsize(bundle) / MIB / 1024:.2f} GiB", "< 0.5 s", f"{ours[0]:.2f} / {ours[1]:.2f} s")
        row("    memory, MiB", "< 256", f"{ours[3] / 1024:.0f}")
        row("    the whole of it, once", "", f"{several([*me, bundle, 'verdict', 'rpc', 'rates', 'locks'], 1)[0]:.1f} s")


main()
