#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""
The recorder for hours under a mixed load; tests/soak builds it, and calls this in a network namespace of its own.

The load is the simulator's: traffic at changing rates, paced storms, storms beyond what the rings hold, clients that are
lost and fenced and come again (suspects, and pins of their windows), a leader that falls silent, log lines. Beside it the
loopback goes down and comes up. The disk budget is small, so that segments go and come all the time.

What is measured is measured from outside: memory, files and threads from /proc; the lag from the chunk headers in the
session folder, read as scoutfs-trace-bundle(5) says; what should have been seen from the simulator's own count and from a
tracing instance that counts the kernel log's events; the bundle by tar, zstd, trace-cmd and tcpdump. Nothing here
trusts the recorder's word but for what it says was lost, and that is compared with the kernel's counters.

A machine that is busy with other things makes the recorder late without its fault. How much that was is measured too: by a probe
that syncs a file of its own to the same disk four times a second, and by the time that the recorder's threads waited for a CPU
(the scheduler's account). Each bound on time is kept with no more than what these measured in the same moment.
"""
import argparse
import contextlib
import json
import os
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time

from bench import MIB, TRACEFS, Failed, Process, mono_ns, own_cpu_seconds, read_file, run, write_file

ADDRESS, PORT = "127.77.0.1", 19740  # so that its log lines are told from those of other tests
CYCLE_S = 53
# In one cycle, about a million events, most of them in the storms.
CYCLE = """
rate 100; run 8s
rate 2000; run 6s
storm 20000 6s
rate 20; run 6s
log-warning the soak goes on
storm 0 200ms
rate 400; lose client 2; run 7s
mount client 2; run 5s
silence 2s
storm 3000 5s
rate 1000; run 7.8s
"""
SAMPLE_S = 2
FLAP_EVERY_S = 60
FLAP_S = 0.2
LAG_BOUND_NS = 10**9
SUSPECT_BOUND_NS = 250 * 10**6  # from what made it a suspect to its being in the files, p99
PROBE_EVERY_S = 0.25
PROBE_BYTES = 65536
WATCH_EVERY_S = 0.005
RING_STREAM = 1  # scoutfs-trace-bundle(5): a ring of the kernel
CHUNK_HEADER_BYTES = 104
CHUNK_TAG = b"scoutfsT"


# ---- looking from outside ----

def proc_facts(pid):
    """Resident KiB, open files, threads."""
    facts = dict(line.split(":", 1) for line in read_file(f"/proc/{pid}/status").splitlines())
    return int(facts["VmRSS"].split()[0]), len(os.listdir(f"/proc/{pid}/fd")), int(facts["Threads"])


def newest_in(path, stream=None):
    """The latest time in the chunk headers of one file, by the page's table; 0 without any. Of all streams, or of one kind."""
    newest = at = 0
    with open(path, "rb") as f:
        while len(head := os.pread(f.fileno(), CHUNK_HEADER_BYTES, at)) == CHUNK_HEADER_BYTES and head[8:16] == CHUNK_TAG:
            if stream in (None, struct.unpack_from("<H", head, 18)[0]):
                newest = max(newest, struct.unpack_from("<Q", head, 40)[0])
            at += CHUNK_HEADER_BYTES + struct.unpack_from("<I", head, 84)[0]
    return newest


def segments(session):
    return sorted(f for f in os.listdir(f"{session}/spool") if f.endswith(".zst"))


def newest_on_disk(session, stream=None):
    newest = 0
    for name in ["tail", *segments(session)[-1:]]:
        with contextlib.suppress(FileNotFoundError):  # a segment that went meanwhile
            newest = max(newest, newest_in(f"{session}/spool/{name}", stream))
    return newest


def lag_ns(session):
    """How old the newest record in the folder's files is. The clock is read first: at most that."""
    now = mono_ns()
    newest = newest_on_disk(session)
    return now - newest if newest else None


class Machine(threading.Thread):
    """What the machine itself costs: how long a sync of somebody else takes, and how long the recorder's threads wait for a CPU."""

    def __init__(self, pid, path):
        super().__init__(daemon=True)
        self.pid, self.path = pid, path
        self.seen = []  # (begun ns, ended ns, ns that the recorder's threads had waited by then)
        self.stop = threading.Event()

    def waited_ns(self):
        total = 0
        for task in os.listdir(f"/proc/{self.pid}/task"):
            with contextlib.suppress(OSError):  # a thread that ended
                total += int(read_file(f"/proc/{self.pid}/task/{task}/schedstat").split()[1])
        return total

    def run(self):
        fd = os.open(self.path, os.O_CREAT | os.O_WRONLY, 0o600)
        with contextlib.suppress(FileNotFoundError):  # the recorder has ended
            while not self.stop.wait(PROBE_EVERY_S):
                begun = mono_ns()
                os.pwrite(fd, os.urandom(PROBE_BYTES), 0)
                os.fdatasync(fd)
                self.seen.append((begun, mono_ns(), self.waited_ns()))
        os.close(fd)

    def cost_ns(self, begun_ns, ended_ns):
        """The slowest of its syncs that were under way then, and what the recorder waited; from the one before to the one after."""
        during = [i for i, (b, e, _) in enumerate(self.seen) if e >= begun_ns and b <= ended_ns]
        if not during:
            return 0
        first, last = max(during[0] - 1, 0), min(during[-1] + 1, len(self.seen) - 1)
        slowest = max(e - b for b, e, _ in self.seen[first:last + 1])
        return slowest + max(self.seen[last][2] - self.seen[first][2], 0)


class SuspectWatch(threading.Thread):
    """For each client that the simulator loses: how long until the event that says so is in the folder's files."""

    def __init__(self, load, session):
        super().__init__(daemon=True)
        self.load, self.session = load, session
        self.took = []  # (when ns, until it was there ns)
        self.stop = threading.Event()

    def run(self):
        looked = 0
        while not self.stop.wait(WATCH_EVERY_S):
            lines = self.load.output() if len(self.load.lines) > looked else []
            looked = max(looked, len(self.load.lines))
            for line in lines:
                word = line.split()
                if len(word) > 1 and word[1] == "client-lost" and int(word[0]) > (self.took[-1][0] if self.took else 0):
                    self.wait_for(int(word[0]))

    def wait_for(self, when):
        while newest_on_disk(self.session, RING_STREAM) < when and not self.stop.wait(WATCH_EVERY_S):
            pass
        if not self.stop.is_set():
            self.took.append((when, mono_ns() - when))


def disk_bytes(folder):
    total = 0
    for at, _, files in os.walk(folder):
        for f in files:
            with contextlib.suppress(FileNotFoundError):
                total += os.lstat(f"{at}/{f}").st_blocks * 512
    return total


class ConsoleCount:
    """How many events of the kernel log there were: by an instance that nobody reads, from its counters."""

    def __init__(self):
        self.path = f"{TRACEFS}/instances/soak_{os.getpid()}"
        os.mkdir(self.path)
        write_file(f"{self.path}/buffer_size_kb", "64")
        write_file(f"{self.path}/events/printk/console/enable", "1")

    def count(self):
        total = 0
        for cpu in os.listdir(f"{self.path}/per_cpu"):
            stats = dict(line.split(":") for line in read_file(f"{self.path}/per_cpu/{cpu}/stats").splitlines())
            total += sum(int(stats[k]) for k in ("entries", "overrun", "commit overrun", "dropped events"))
        return total

    def remove(self):
        with contextlib.suppress(OSError):
            write_file(f"{self.path}/events/enable", "0")
        with contextlib.suppress(OSError):
            os.rmdir(self.path)


# ---- the run ----

class Soak:
    def __init__(self, args, folder):
        self.args, self.folder = args, folder
        self.samples = []  # (seconds, rss KiB, fds, threads, lag ns, disk bytes)
        self.verdicts = []
        self.flaps = 0
        self.cpu = 0

    def start_recorder(self):
        ours = [row.split()[0] for row in
                run([self.args.recorder, "--list-triggers"]).decode().splitlines() if row.strip()]
        argv = [self.args.recorder, ADDRESS, str(PORT), "-i", "lo", "--run-dir", f"{self.folder}/run", "-o",
                f"{self.folder}/out", "--disk-budget", self.args.disk_budget, "--ring-memory", "2M", "--packet-memory",
                "4M", "--before", "20s", "--no-heartbeat-wait", "--log-facility", "any", "--sample", "default"]
        # The kernel log is the machine's: lines of others must not fire. Ours are told by their address.
        for name in ours:
            if name not in ("connection-lost", "heartbeat-silence"):
                argv += ["--no-trigger", name]
        host = ADDRESS.replace(".", "[.]")
        argv += ["--suspect", f"log:server closing {host}:{PORT}", "--suspect", f"log:client {host}:[0-9]+ reconnect timed out"]
        self.recorder = Process(argv)
        self.pid = self.recorder.child.pid
        while (answer := self.status()) is None or answer["state"] != "recording":
            if not self.recorder.alive() or mono_ns() - self.recorder.begun_ns > 120 * 10**9:
                raise Failed(f"the recorder was never armed:\n{self.recorder.text()}")
            time.sleep(0.05)
        self.session = answer["session"]

    def status(self):
        done = subprocess.run([self.args.recorder, "status", "--json", "--run-dir", f"{self.folder}/run"],
                              capture_output=True, check=False)
        return json.loads(done.stdout) if done.returncode == 0 else None

    def start_load(self):
        scenario = (f"nodes 3; address {ADDRESS}; port {PORT}; reconnect 2s; reclaim 500ms\n"
                    f"run 1s\nloop {{\n{CYCLE}}}\n")
        path = f"{self.folder}/scenario"
        with open(path, "w", encoding="ascii") as f:
            f.write(scenario)
        self.load = Process(["nice", "-n", "5", self.args.sim, "--kmsg", path])
        self.load.wait_for(" ready ", "out")
        self.machine = Machine(self.pid, f"{self.folder}/probe")
        self.watch = SuspectWatch(self.load, self.session)
        self.machine.start()
        self.watch.start()

    def flap(self):
        run(["ip", "link", "set", "lo", "down"])
        time.sleep(FLAP_S)
        run(["ip", "link", "set", "lo", "up"])
        self.flaps += 1

    def sample(self, seconds):
        rss, fds, threads = proc_facts(self.pid)
        lag = lag_ns(self.session)
        self.samples.append((seconds, rss, fds, threads, lag or 0, disk_bytes(self.session), mono_ns()))

    def print_minute(self, seconds, first):
        s = self.status()
        if s is None:
            raise Failed(f"the recorder does not answer:\n{self.recorder.text()}")
        cpu = own_cpu_seconds(self.pid)
        last = [x for x in self.samples if x[0] > seconds - 60]
        lost = sum(row["count"] for row in s["lost"])
        if first:
            print("minute  RSS MiB  files  threads        events      lost  lag ms  sync ms  disk MiB  segment  suspects"
                  "  CPU %", flush=True)
        print(f"{seconds / 60:6.1f}  {max(x[1] for x in last) / 1024:7.1f}  {max(x[2] for x in last):5}  "
              f"{max(x[3] for x in last):7}  {s['events']:12,}  {lost:8,}  {max(x[4] for x in last) / 1e6:6.0f}  "
              f"{s['worst_sync_ns'] / 1e6:7.0f}  {max(x[5] for x in last) / MIB:8.1f}  "
              f"{segments(self.session)[-1].removesuffix('.zst').lstrip('0'):>7}  {s['suspects']:8}  "
              f"{(cpu - self.cpu) / 60 * 100:5.1f}", flush=True)
        self.cpu = cpu

    def go_on(self):
        begun = mono_ns()
        end_s, minute, flap_s, first = self.args.minutes * 60, 60, 30, True
        self.cpu = own_cpu_seconds(self.pid)
        while (now := (mono_ns() - begun) / 1e9) < end_s:
            if not self.recorder.alive() or not self.load.alive():
                who = self.load if self.recorder.alive() else self.recorder
                raise Failed(f"{who.argv[0]} ended by itself:\n{who.text()[-2000:]}")
            self.sample(now)
            if now >= flap_s:
                self.flap()
                flap_s += FLAP_EVERY_S
            if now >= minute:
                self.print_minute(now, first)
                minute, first = minute + 60, False
            time.sleep(SAMPLE_S)

    def end(self):
        for t in (self.watch, self.machine):
            t.stop.set()
            t.join()
        self.last_segment = int(segments(self.session)[-1].removesuffix(".zst"))
        self.load.signal(signal.SIGTERM)
        self.load.finish()
        time.sleep(1)  # the last of its lines through the kernel's console
        self.ended_ns = mono_ns()
        self.ran_s = (self.ended_ns - self.recorder.begun_ns) / 1e9
        self.recorder.signal(signal.SIGTERM)
        self.recorder.finish()
        return self.recorder.output()[-1] if self.recorder.output() else ""

    # ---- the verdict ----

    def judge(self, what, good, figures):
        self.verdicts.append(good)
        print(f"{'good' if good else 'BAD':4}  {what:44}  {figures}", flush=True)

    def tenth(self, last):
        """The samples of the first or the last tenth; of a whole cycle at least, and not those of the warming up."""
        span = max(self.args.minutes * 6, CYCLE_S + 5)
        if last:
            return [x for x in self.samples if x[0] > self.samples[-1][0] - span]
        return [x for x in self.samples if CYCLE_S <= x[0] <= CYCLE_S + span]

    def judge_growth(self):
        first, last = self.tenth(False), self.tenth(True)
        a, b = max(x[1] for x in first), max(x[1] for x in last)
        self.judge("most memory (RSS), MiB: first tenth, last", b <= a * 1.1 + 1024, f"{a / 1024:.1f}, {b / 1024:.1f}")
        # A few files are open for a moment each second; a leak moves the median.
        for name, at in (("open files", 2), ("threads", 3)):
            a, b = statistics.median(x[at] for x in first), statistics.median(x[at] for x in last)
            self.judge(f"{name}: first tenth, last", b <= a, f"{a:g}, {b:g}")
        lags = sorted(x[4] for x in self.samples)
        late = [x for x in self.samples if x[4] > LAG_BOUND_NS]
        bad = [x for x in late if x[4] > LAG_BOUND_NS + self.machine.cost_ns(x[6] - x[4], x[6])]
        self.judge("lag: newest record on disk to now, ms", not bad,
                   f"median {lags[len(lags) // 2] / 1e6:.0f}, most {lags[-1] / 1e6:.0f}; {len(late)} of {len(lags)} times beyond "
                   f"{LAG_BOUND_NS / 1e6:.0f}, {len(bad)} of them more than the machine's own")
        self.judge_suspects()
        budget = self.args.budget_bytes
        most = max(x[5] for x in self.samples)
        self.judge("disk of the session folder, MiB", most <= budget + 4 * MIB, f"{most / MIB:.1f} of {budget / MIB:.0f} "
                   f"and what surrounds it; {self.last_segment} segments written")

    def judge_suspects(self):
        took = sorted(t for _, t in self.watch.took)
        over = sorted(max(t - self.machine.cost_ns(when, when + t), 0) for when, t in self.watch.took)
        probes = sorted(e - b for b, e, _ in self.machine.seen)
        if not took:
            self.judge("suspect event to its being in the files, ms", False, "there was none")
            return
        at = min(len(over) - 1, len(over) * 99 // 100)
        self.judge("suspect event to its being in the files, ms", over[at] <= SUSPECT_BOUND_NS,
                   f"{len(took)} times: median {took[len(took) // 2] / 1e6:.0f}, p99 {took[at] / 1e6:.0f}; beyond what the machine "
                   f"itself cost, p99 {over[at] / 1e6:.0f}")
        print(f"      {'(a sync of another program, ms':44}  median {probes[len(probes) // 2] / 1e6:.0f}, most "
              f"{probes[-1] / 1e6:.0f}, {len(probes)} times)")

    def judge_series(self, manifest, folder):
        """Samples by the manifest and as they stand in the files; never more often than asked for, and until the end."""
        rows = [r for r in manifest["sources"] if r["name"].startswith("series/")]
        wrong, total, size = [], 0, 0
        for r in rows:
            data = read_file(f"{folder}/{r['member']}") if r.get("member") else ""
            head, stamps = data.split("\n", 1)[0], [int(x.split()[1]) for x in data.split("\n") if x.startswith("@ ")]
            size += len(data)
            total += r["recorded"]
            every = float(head.split(" every ")[1].split()[0]) if " every " in head else None
            most = self.ran_s / every + 2 if every else 2
            alive = not every or (stamps and self.ended_ns - stamps[-1] < 10**9 * (30 + 2 * every))
            if r["status"] == "failed" or len(stamps) != r["records"] or r["recorded"] > most or not alive:
                wrong.append(f"{r['name']} ({r['status']}, {r['records']} of {r['recorded']}, {len(stamps)} in the file, most {most:.0f})")
        self.judge("series: samples in the manifest, in the files", rows and not wrong and total >= self.final["series"]["samples"],
                   "; ".join(wrong) or f"{len(rows)} series, {total:,} samples; {size / MIB:.1f} MiB of text are kept")

    def judge_ledger(self, manifest, stat, console):
        f = next(s for s in manifest["sources"] if s["name"] == "ftrace")
        lost = stat("overrun") + stat("commit overrun") + stat("dropped events")
        self.judge("events lost: ledger, kernel's counters", f["lost"] == lost and not f["lost_is_lower_bound"],
                   f"{f['lost']:,}, {lost:,}")
        self.judge("events recorded: ledger, kernel's counters", f["recorded"] == stat("read events"),
                   f"{f['recorded']:,}, {stat('read events'):,}")
        fired = sum(int(line.split()[2]) for line in self.load.output() if line.startswith("count scoutfs_"))
        seen = f["recorded"] + f["lost"]
        self.judge("events fired by the simulator, seen", fired <= seen <= fired + console,
                   f"{fired:,}, {seen:,} with at most {console:,} of the kernel log")
        losses = sum(1 for line in self.load.output() if " client-lost " in line)
        fired = sum(t["fired"] for t in self.final["triggers"] if t["name"] == "connection-lost")
        self.judge("clients lost by the simulator, suspects seen", losses == fired, f"{losses}, {fired}")

    def judge_bundle(self, path, console):
        """By the programs of others."""
        def count(pipe, what):
            out = subprocess.run(["bash", "-c", f"set -o pipefail; {pipe}", "sh", path, folder], capture_output=True,
                                 check=False)
            text = out.stdout.decode(errors="replace").strip()
            return int(text.split()[0]) if out.returncode == 0 and text else f"{what} failed: {out.stderr[-200:]}"

        folder = f"{self.folder}/unpacked"
        os.mkdir(folder)
        run(["zstd", "-tq", path])
        run(["tar", "--zstd", "-xf", path, "-C", folder, "--strip-components=1"])
        self.judge("zstd and tar read the bundle", True, f"{os.stat(path).st_size / MIB:.1f} MiB")
        with open(f"{folder}/manifest.json", encoding="utf-8") as f:
            manifest = json.load(f)
        records = {s["name"]: s["records"] for s in manifest["sources"] if "records" in s}
        shown = count("trace-cmd report -i $2/trace.dat 2>/dev/null | grep -vc -e ^cpus= -e 'EVENTS DROPPED'", "trace-cmd")
        self.judge("events in the bundle: manifest, trace-cmd", shown == records["ftrace"], f"{records['ftrace']:,}, {shown:,}")
        self.judge_series(manifest, folder)
        shown = count("tcpdump -Z root -nr $2/packets.pcap 2>/dev/null | wc -l", "tcpdump")
        self.judge("packets in the bundle: manifest, tcpdump", shown == records["packets"], f"{records['packets']:,}, {shown:,}")
        text = run(["bash", "-c", "trace-cmd report --stat -i \"$1\" 2>/dev/null | sed '/^CPU0 data/q'", "sh",
                    f"{folder}/trace.dat"]).decode(errors="replace")
        self.judge_ledger(manifest, lambda field: sum(int(line.split(":")[1]) for line in text.splitlines()
                                                      if line.strip().startswith(field + ":")), console)
        done = subprocess.run([self.args.recorder, "report", path], capture_output=True, check=False)
        self.judge("report reads it", done.returncode == 0, f"exit status {done.returncode}")

    def judge_leftovers(self, path):
        left = [d for d in os.listdir(f"{TRACEFS}/instances") if self.session.rsplit(".", 1)[1] in d]
        left += [f for f in os.listdir(f"{self.folder}/out") if f != os.path.basename(path)]
        left += [f for f in os.listdir(f"{self.folder}/run") if f != "lock"]
        self.judge("left behind", not left, ", ".join(left) or "nothing")

    def play(self):
        run([self.args.sim, "--install-events"])
        console = ConsoleCount()
        try:
            self.start_recorder()
            self.start_load()
            self.go_on()
            self.final = self.status()
            path = self.end()
            lines = console.count()
        finally:
            Process.kill_all()
            console.remove()
            subprocess.run([self.args.sim, "--remove-events"], check=False)
        print()
        self.judge("the recorder ended with a bundle", self.recorder.status in (0, 4) and path,
                   f"status {self.recorder.status}, {self.flaps} times the link was down on the way")
        self.judge_growth()
        if path:
            self.judge_bundle(path, lines)
            self.judge_leftovers(path)
        return all(self.verdicts)


def parse():
    p = argparse.ArgumentParser(prog="tests/soak", description=__doc__.split("\n\n", maxsplit=1)[0])
    p.add_argument("--recorder", required=True)
    p.add_argument("--sim", required=True)
    p.add_argument("--hours", type=float, default=0)
    p.add_argument("--minutes", type=float, default=0)
    p.add_argument("--disk-budget", default="16M", help="in MiB, as 16M")
    p.add_argument("--dir", default="/var/tmp", help="for recordings: a disk, not memory")
    args = p.parse_args()
    args.minutes += args.hours * 60
    args.minutes = args.minutes or 60
    args.budget_bytes = int(args.disk_budget.removesuffix("M")) * MIB
    if args.minutes < 4:
        p.error("growth is seen over some cycles of a minute: four minutes at least")
    return args


def main():
    args = parse()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with tempfile.TemporaryDirectory(prefix="scoutfs-trace-soak.", dir=args.dir) as folder:
        os.mkdir(f"{folder}/out", 0o700)
        try:
            good = Soak(args, folder).play()
        except (Failed, subprocess.CalledProcessError) as e:
            print(f"soak: {e}", file=sys.stderr)
            return 1
    print("\nIt holds." if good else "\nSomething does not hold; see BAD.")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
