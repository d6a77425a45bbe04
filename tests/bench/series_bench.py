#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""
What series cost, on a host that is made to look like one of 256 CPUs and ten scoutfs mounts, with `cat` of the same
files beside it in the same run.

    sudo meson test -C BUILD --benchmark -v series
    sudo tests/bench/series_bench.py --recorder ... --sim ... [--seconds 40]

In a mount namespace of its own the recorder finds /proc/stat of 256 CPUs, /proc/interrupts of 1000 lines and
/proc/softirqs, of which every number that would move moves each second, and below /sys/fs/scoutfs ten mounts of 202
counters. They are files in memory; those of the counters are opened at each sample, which those of a real sysfs are not.
It collects its default set, and that gives way by itself where it takes too much: that is found out after four samples
of each series, 40 s, and shown for itself. What each thread used is the kernel's own account
(/proc/PID/task/TID/schedstat); a recorder without series shows what is not the series'. What the real kernel of such a
host needs to make its text is not in these figures: `took`, the time that reading took, is in every sample of a real
one, and counts for what gives way.

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
        # In place: what is mounted elsewhere is this file.
        with open(os.open(f"{self.folder}/{name}", os.O_WRONLY | os.O_CREAT, 0o644), "w", encoding="ascii") as out:
            out.write(text)

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

    def mounts(self):
        """As scoutfs's: a folder of one-value files for each; they stay as they are."""
        for mount in range(MOUNTS):
            folder = f"{self.folder}/fs/scoutfs/f.{mount:06x}.r.{mount:06x}/counters"
            os.makedirs(folder)
            for n in range(COUNTERS):
                with open(f"{folder}/counter_{n:03d}", "w", encoding="ascii") as out:
                    out.write(f"{self.random.randrange(10**9)}\n")

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


# What it takes to be on that host; the rest of its words is the command.
SHADOW = """work=$1; shift
for f in stat interrupts softirqs; do mount --bind "$work/$f" "/proc/$f" || exit 1; done
mount --bind "$work/fs" /sys/fs || exit 1
exec "$@"
"""


def record(args, work, name, samples, shadow=False, settle=3):
    """CPU ns a second of each thread when it has settled, and before; the bundle."""
    log = open(f"{work}/{name}.err", "w+", encoding="utf-8")
    out = open(f"{work}/{name}.out", "w+", encoding="utf-8")
    argv = [args.recorder, "127.0.0.1", PORT, "--no-config", "--no-heartbeat-wait", "--disk-budget=1G", "--ring-memory=8M", "-o",
            f"{work}/out", "--run-dir", f"{work}/run"] + [f"--sample={s}" for s in samples]
    if shadow:
        argv = ["unshare", "--mount", "--propagation", "private", "sh", "-c", SHADOW, "sh", work] + argv
    child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=log)
    try:
        wait_for(lambda: "armed: " in open(log.name, encoding="utf-8").read() or child.poll() is not None)
        first, started = threads(child.pid), time.monotonic()
        time.sleep(settle)
        before, began = threads(child.pid), time.monotonic()
        time.sleep(args.seconds)
        after, ended = threads(child.pid), time.monotonic()
    finally:
        child.send_signal(signal.SIGINT)
        child.wait()
    bundle = open(out.name, encoding="utf-8").read().strip()
    if not bundle:
        sys.exit(open(log.name, encoding="utf-8").read())
    return ({t: (after[t] - before[t]) / (ended - began) for t in after if t in before},
            {t: (before[t] - first[t]) / (began - started) for t in before if t in first}, bundle)


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
    parser.add_argument("--seconds", type=int, default=40)
    args = parser.parse_args()
    if os.geteuid() != 0:
        print("needs root")
        return 77
    work = tempfile.mkdtemp(dir="/dev/shm")
    host = Host(work)
    host.write()
    host.mounts()
    host.start()
    values = glob.glob(work + "/fs/scoutfs/*/counters/*")
    rest = [("/proc/vmstat", 1), ("/proc/meminfo", 1), ("/proc/net/dev", 1), ("/proc/net/snmp", 1), ("/proc/net/netstat", 1),
            ("/proc/diskstats", 10)]
    real = [("/proc/stat", 1), ("/proc/interrupts", 10), ("/proc/softirqs", 10)]
    made = [(f"{work}/stat", 1), (f"{work}/interrupts", 10), (f"{work}/softirqs", 10)] + [(v, 1) for v in values]
    lock = open(SIM_LOCK, "w", encoding="ascii")
    fcntl.flock(lock, fcntl.LOCK_EX)
    subprocess.run([args.sim, "--install-events"], check=True)
    try:
        without, _, _ = record(args, work, "without", ["none"])
        small, _, one = record(args, work, "small", ["default"])
        large, early, two = record(args, work, "large", ["default"], shadow=True, settle=45)
        peer_small = cat(args, rest + real, 10)
        peer_large = cat(args, rest + made, 10)
        print(f"{len(values)} counters, /proc/stat of {os.path.getsize(work + '/stat')} bytes, interrupts of "
              f"{os.path.getsize(work + '/interrupts')} bytes, softirqs of {os.path.getsize(work + '/softirqs')}; "
              f"{args.seconds} s each; per cent of one core:")
        for name, run in (("without series", without), ("default set of this host", small),
                          ("256 CPUs, ten mounts", large), ("the same, first 45 s", early)):
            own = run.get("series", 0) + run["spool"] - without["spool"]
            print(f"  {name:26} series {run.get('series', 0) / 1e7:.3f} %   spool's writer {run['spool'] / 1e7:.3f} %   "
                  f"together, less the writer without series {own / 1e7:.3f} %")
        print(f"  {'cat of the same files':26} this host {peer_small * 100:.2f} %, 256 CPUs {peer_large * 100:.2f} %")
        for bundle in (one, two):
            sizes = members(bundle)
            print(f"  bundle {os.path.getsize(bundle)} bytes; series unpacked "
                  f"{sum(n for m, n in sizes.items() if m.startswith('series/'))} bytes")
    finally:
        subprocess.run([args.sim, "--remove-events"], check=True)
        host.stop.set()
        host.join()
        shutil.rmtree(work)
    return 0


sys.exit(main())
