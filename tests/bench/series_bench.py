#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""
What series cost, on a host that is made to look like one of 256 CPUs and ten scoutfs mounts, with `cat` of the same
files beside it in the same run.

    sudo meson test -C BUILD --benchmark -v series
    sudo tests/bench/series_bench.py --recorder ... --sim ... [--seconds 20]

/proc/stat of 256 CPUs (a second), interrupts of 1000 lines and softirqs of 256 CPUs (10 s) are files in memory, of which
every number that would move moves each second; two thousand one-value files of sysfs stand for the counters of ten
mounts. The default set of this host runs beside them. What each thread used is the kernel's own account
(/proc/PID/task/TID/schedstat); a recorder without series in between shows what is not the series'. What the real kernel
of such a host needs to make its text is not in the figures of the files in memory: `took`, the time that reading took,
is in every sample of a real one.

Nothing is judged by its time; the exit status is 1 when something did not run.
"""
import argparse
import fcntl
import glob
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

CPUS = 256
MOUNTS, COUNTERS = 10, 202
SIM_LOCK = "/run/scoutfs-trace-sim.lock"
PORT = "19790"


class Host(threading.Thread):
    """The files, written anew each second as the counters go on."""

    def __init__(self, folder):
        super().__init__(daemon=True)
        self.folder = folder
        self.stop = threading.Event()
        self.random = random.Random(1)
        self.cpu = [[self.random.randrange(10**7) for _ in range(8)] for _ in range(CPUS)]
        self.irq = [[self.random.randrange(10**6) if self.random.random() < 0.2 else 0 for _ in range(CPUS)]
                    for _ in range(1000)]
        self.beat = 0

    def put(self, name, text):
        with open(f"{self.folder}/{name}.new", "w", encoding="ascii") as out:
            out.write(text)
        os.rename(f"{self.folder}/{name}.new", f"{self.folder}/{name}")

    def write(self):
        step = self.random.randrange
        for row in self.cpu:
            row[0] += step(30)
            row[2] += step(20)
            row[3] += 60
        lines = ["cpu%d %s 0 0\n" % (n, " ".join(map(str, row))) for n, row in enumerate(self.cpu)]
        total = [sum(column) for column in zip(*self.cpu)]
        irqs = [sum(row) for row in self.irq]
        self.put("stat", "cpu  %s 0 0\n%sintr %d %s\nctxt %d\nbtime 1\nprocesses 7\nprocs_running 3\nprocs_blocked 0\n"
                 "softirq 1 2 3 4 5 6 7 8 9 10 11\n" % (" ".join(map(str, total)), "".join(lines), sum(irqs),
                                                        " ".join(map(str, irqs)), sum(irqs) * 2))
        if self.beat % 10 == 0:
            for row in self.irq[::5]:
                for n in range(0, CPUS, 3):
                    row[n] += step(50)
            head = "     " + "".join(" %10s" % ("CPU%d" % n) for n in range(CPUS)) + "\n"
            self.put("interrupts", head + "".join(
                "%4d:%s   PCI-MSI %d-edge      nvme%dq%d\n" % (n, "".join(" %10d" % v for v in row), n, n % 9, n)
                for n, row in enumerate(self.irq)))
            self.put("softirqs", head + "".join(
                "%10s:%s\n" % (name, "".join(" %10d" % (v + self.beat) for v in self.irq[n]))
                for n, name in enumerate("HI TIMER NET_TX NET_RX BLOCK IRQ_POLL TASKLET SCHED HRTIMER RCU".split())))
        self.beat += 1

    def run(self):
        while not self.stop.wait(1):
            self.write()


def threads(pid):
    """{name: ns on a CPU}"""
    used = {}
    for task in glob.glob(f"/proc/{pid}/task/*"):
        try:
            with open(task + "/comm", encoding="ascii") as name, open(task + "/schedstat", encoding="ascii") as stat:
                used[name.read().strip()] = int(stat.read().split()[0])
        except OSError:
            pass
    return used


def wait_for(what, limit_s=60):
    end = time.monotonic() + limit_s
    while not what():
        if time.monotonic() > end:
            raise SystemExit("waited in vain")
        time.sleep(0.05)


def record(args, work, name, samples):
    """CPU ns a second of each thread, and the bundle."""
    log = open(f"{work}/{name}.err", "w+", encoding="utf-8")
    out = open(f"{work}/{name}.out", "w+", encoding="utf-8")
    argv = [args.recorder, "127.0.0.1", PORT, "--no-config", "--no-heartbeat-wait", "--disk-budget=1G", "--ring-memory=8M", "-o",
            f"{work}/out", "--run-dir", f"{work}/run"] + [f"--sample={s}" for s in samples]
    child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=log)
    try:
        wait_for(lambda: "armed: " in open(log.name, encoding="utf-8").read() or child.poll() is not None)
        time.sleep(3)
        before, began = threads(child.pid), time.monotonic()
        time.sleep(args.seconds)
        after, ended = threads(child.pid), time.monotonic()
    finally:
        child.send_signal(signal.SIGINT)
        child.wait()
    bundle = open(out.name, encoding="utf-8").read().strip()
    if not bundle:
        sys.exit(open(log.name, encoding="utf-8").read())
    return {t: (after[t] - before[t]) / (ended - began) for t in after if t in before}, bundle


def cat(args, files, seconds):
    """The same files read by cat each second, as a script would: CPU s of a second."""
    begin = os.times()
    end = time.monotonic() + seconds
    rounds = 0
    while time.monotonic() < end:
        due = time.monotonic() + 1
        now = [f for f, every in files if rounds % every == 0]
        with open("/dev/null", "wb") as null:
            for at in range(0, len(now), 500):
                subprocess.run(["cat"] + now[at:at + 500], stdout=null, stderr=null, check=False)
        rounds += 1
        time.sleep(max(0, due - time.monotonic()))
    done = os.times()
    return (done.children_user + done.children_system - begin.children_user - begin.children_system) / rounds


def members(bundle):
    listed = subprocess.run(["tar", "--zstd", "-tvf", bundle], capture_output=True, text=True, check=True).stdout
    return {line.split()[5].split("/", 1)[1]: int(line.split()[2]) for line in listed.splitlines()}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--recorder", required=True)
    parser.add_argument("--sim", required=True)
    parser.add_argument("--seconds", type=int, default=20)
    args = parser.parse_args()
    # Attributes that the kernel only prints, as it prints a counter of scoutfs.
    values = sorted(v for name in ("object_size", "slab_size", "objs_per_slab", "min_partial", "hwcache_align")
                    for v in glob.glob("/sys/kernel/slab/*/" + name))[:MOUNTS * COUNTERS]
    if os.geteuid() != 0 or len(values) < 200:
        print("needs root, and a few hundred files in /sys/kernel/slab")
        return 77
    work = tempfile.mkdtemp(dir="/dev/shm")
    host = Host(work)
    host.write()
    host.start()
    # A glob has no lists: links make a folder of just these.
    os.mkdir(work + "/counters")
    for n, value in enumerate(values):
        os.symlink(value, f"{work}/counters/{n:04d}")
    mine = [f"stat256={work}/stat@1", f"interrupts256={work}/interrupts@10", f"softirqs256={work}/softirqs@10",
            f"counters={work}/counters/*@1"]
    real = [("/proc/vmstat", 1), ("/proc/meminfo", 1), ("/proc/stat", 1), ("/proc/net/dev", 1), ("/proc/net/snmp", 1),
            ("/proc/net/netstat", 1), ("/proc/diskstats", 10), ("/proc/interrupts", 10), ("/proc/softirqs", 10)]
    made = [(f"{work}/stat", 1), (f"{work}/interrupts", 10), (f"{work}/softirqs", 10)] + [(v, 1) for v in values]
    lock = open(SIM_LOCK, "w", encoding="ascii")
    fcntl.flock(lock, fcntl.LOCK_EX)
    subprocess.run([args.sim, "--install-events"], check=True)
    try:
        without, _ = record(args, work, "without", ["none"])
        small, one = record(args, work, "small", ["default"])
        large, two = record(args, work, "large", ["default"] + mine)
        peer_small = cat(args, real, args.seconds / 2)
        peer_large = cat(args, real + made, args.seconds / 2)
        print(f"{len(values)} one-value files, /proc/stat of {os.path.getsize(work + '/stat')} bytes, "
              f"interrupts of {os.path.getsize(work + '/interrupts')} bytes; per cent of one core:")
        for name, run in (("without", without), ("default set of this host", small), ("and 256 CPUs, ten mounts", large)):
            print(f"  {name:26} series {run.get('series', 0) / 1e7:.3f} %   spool's writer {run['spool'] / 1e7:.3f} %")
        print(f"  {'':26} together, less the writer without series: default {(small['series'] + small['spool'] - without['spool']) / 1e7:.3f} %, "
              f"all {(large['series'] + large['spool'] - without['spool']) / 1e7:.3f} %")
        print(f"  {'cat of the same files':26} default {peer_small * 100:.2f} %, all {peer_large * 100:.2f} %")
        for bundle in (one, two):
            sizes = members(bundle)
            print(f"  bundle {os.path.getsize(bundle)} bytes; series unpacked "
                  f"{sum(n for m, n in sizes.items() if m.startswith('series/'))} bytes in {args.seconds + 3} s and more")
    finally:
        subprocess.run([args.sim, "--remove-events"], check=True)
        host.stop.set()
        host.join()
        shutil.rmtree(work)
    return 0


sys.exit(main())
