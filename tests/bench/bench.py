#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""
Figures of the recorder, with `trace-cmd record` and `tar --zstd` beside it in the same run.

    sudo meson test -C BUILD --benchmark -v
    sudo tests/bench/bench.py --recorder ... --storm ... --spool-pages ... --sim ... --data ...

Sections (--only A,B): storm, verdict, spool, idle. Nothing here is judged by its time: the exit
status is 1 only when something did not run, or when the events recorded and lost are not exactly
those that the kernel counted.

It uses tracing instances and one uprobe event of its own and removes them. The simulator's events
are global to the machine: the lock of its README is held while it runs.
"""
import argparse
import contextlib
import fcntl
import json
import math
import os
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time

TRACEFS = "/sys/kernel/tracing"
MARK = "scoutfs_bench_mark"
PEER = "scoutfs-bench-peer"
SIM_LOCK = "/run/scoutfs-trace-sim.lock"
PATIENCE_S = 120  # for anything to happen: beyond that it never will
LONG_MS = 600_000  # a storm that will be ended by a signal
MIB = 1 << 20


class Failed(Exception):
    pass


def mono_ns():
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC)


def percentile(values, p):
    """Nearest rank: a value that really occurred."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(p / 100 * len(ordered)) - 1)]


def own_cpu_seconds(pid):
    """User and system time of all threads, also of a process that has ended but was not waited for."""
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss_kib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as f:
        for line in f:
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
    return 0


# ---- processes ----

class Process:
    """A child whose output is collected and whose lines can be waited for."""

    running = []

    def __init__(self, argv, **kw):
        self.begun_ns = mono_ns()
        self.child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                      stderr=subprocess.PIPE, text=True, errors="replace", **kw)
        self.argv = argv
        self.lines = []  # (monotonic ns of arrival, stream, line)
        self.news = threading.Condition()
        self.readers = [threading.Thread(target=self.read, args=(name, pipe), daemon=True)
                        for name, pipe in (("out", self.child.stdout), ("err", self.child.stderr))]
        for r in self.readers:
            r.start()
        Process.running.append(self)

    def read(self, name, pipe):
        for line in pipe:
            with self.news:
                self.lines.append((mono_ns(), name, line.rstrip("\n")))
                self.news.notify_all()
        with self.news:
            self.lines.append((mono_ns(), name, None))
            self.news.notify_all()

    def wait_for(self, word, stream):
        """The first line of @stream that contains @word, with its time of arrival."""
        seen = 0
        with self.news:
            while True:
                for at, name, line in self.lines[seen:]:
                    seen += 1
                    if name == stream and line is None:
                        raise Failed(f"{self.argv[0]} ended without saying '{word}':\n{self.text()}")
                    if name == stream and word in line:
                        return at, line
                if not self.news.wait(PATIENCE_S):
                    raise Failed(f"{self.argv[0]} never said '{word}':\n{self.text()}")

    def alive(self):
        return os.waitid(os.P_PID, self.child.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None

    def text(self):
        return "\n".join(line for _, _, line in self.lines if line is not None)

    def output(self):
        return [line for _, name, line in self.lines if name == "out" and line is not None]

    def signal(self, number):
        self.child.send_signal(number)

    def finish(self):
        """Wait for the end. Sets status, own_cpu (its own threads) and all_cpu (with its children)."""
        os.waitid(os.P_PID, self.child.pid, os.WEXITED | os.WNOWAIT)
        self.ended_ns = mono_ns()
        self.own_cpu = own_cpu_seconds(self.child.pid)
        for r in self.readers:
            r.join()
        _, status, usage = os.wait4(self.child.pid, 0)
        self.child.returncode = self.status = os.waitstatus_to_exitcode(status)
        self.all_cpu = usage.ru_utime + usage.ru_stime
        Process.running.remove(self)
        return self

    @classmethod
    def kill_all(cls):
        for p in list(cls.running):
            with contextlib.suppress(ProcessLookupError, ChildProcessError):
                p.child.kill()
                p.finish()
        with contextlib.suppress(OSError):
            os.rmdir(f"{TRACEFS}/instances/{PEER}")


def run(argv, **kw):
    done = subprocess.run(argv, capture_output=True, **kw)
    if done.returncode:
        raise Failed(f"{argv[0]} failed ({done.returncode}): "
                     f"{done.stderr.decode(errors='replace').strip()}")
    return done.stdout


# ---- tracefs ----

def write_file(path, text):
    fd = os.open(path, os.O_WRONLY | os.O_APPEND)
    try:
        os.write(fd, text.encode())
    finally:
        os.close(fd)


def read_file(path):
    with open(path, encoding="ascii") as f:
        return f.read()


@contextlib.contextmanager
def mark_event(storm):
    """A uprobe on the storm's mark(), under a name that the recorder takes for one of the module's."""
    offset = run([storm, "--mark-offset"]).decode().strip()
    remove = f"-:scoutfs/{MARK}\n"
    with contextlib.suppress(OSError):  # one that was left behind
        write_file(f"{TRACEFS}/uprobe_events", remove)
    write_file(f"{TRACEFS}/uprobe_events", f"p:scoutfs/{MARK} {os.path.realpath(storm)}:{offset}\n")
    try:
        yield int(read_file(f"{TRACEFS}/events/scoutfs/{MARK}/id"))
    finally:
        write_file(f"{TRACEFS}/uprobe_events", remove)


# ---- trace.dat, read by nobody else's code ----

class TraceDat:
    """
    The last pages of each CPU and the kernel's statistics, out of a stream: head as in
    trace-cmd.dat.v6(5), pages as in the kernel's ring_buffer.c.
    """

    KEEP_PAGES = 32

    def __init__(self, stream):
        self.stream, self.at = stream, 0
        if self.take(10) != b"\x17\x08\x44tracing" or self.take(2) != b"6\0":
            raise Failed("trace.dat is not of version 6")
        self.take(2)
        self.page_bytes = self.number(4)
        self.skip_head()
        self.cpus = self.number(4)
        self.stats = []
        self.read_options()
        if self.take(10) != b"flyrecord\0":
            raise Failed("trace.dat has no flyrecord")
        table = [(self.number(8), self.number(8)) for _ in range(self.cpus)]
        self.last_pages = [self.read_cpu(*place) for place in table]

    def take(self, n):
        data = self.stream.read(n)
        if len(data) != n:
            raise Failed("trace.dat ends early")
        self.at += n
        return data

    def number(self, n):
        return int.from_bytes(self.take(n), "little")

    def string(self):
        out = b""
        while not out.endswith(b"\0"):
            out += self.take(1)
        return out[:-1]

    def skip(self, n):
        while n:
            n -= len(self.take(min(n, MIB)))

    def skip_head(self):
        for _ in range(2):
            self.string()
            self.skip(self.number(8))
        for _ in range(self.number(4)):
            self.skip(self.number(8))
        for _ in range(self.number(4)):
            self.string()
            for _ in range(self.number(4)):
                self.skip(self.number(8))
        self.skip(self.number(4))
        self.skip(self.number(4))
        self.skip(self.number(8))

    def read_options(self):
        if self.take(10) != b"options  \0":
            raise Failed("trace.dat has no options")
        while kind := self.number(2):
            data = self.take(self.number(4))
            if kind == 2:
                self.stats.append(data.rstrip(b"\0").decode())

    def read_cpu(self, offset, size):
        if not size:
            return []
        keep = min(size, self.KEEP_PAGES * self.page_bytes)
        self.skip(offset - self.at)
        self.skip(size - keep)
        data = self.take(keep)
        return [data[i:i + self.page_bytes] for i in range(0, keep, self.page_bytes)]

    def stat(self, field):
        return sum(int(line.split(":")[1]) for text in self.stats for line in text.splitlines()
                   if line.startswith(field + ":"))

    def events(self):
        """(stamp, id) of the events in the last pages of all CPUs."""
        for pages in self.last_pages:
            for page in pages:
                yield from page_events(page)


def page_events(page):
    stamp, commit = struct.unpack_from("<QI", page)
    at, end = 16, 16 + (commit & 0xFFFFF)
    while at < end:
        head, array0 = struct.unpack_from("<II", page, at) if at + 8 <= end else (
            struct.unpack_from("<I", page, at)[0], 0)
        kind, delta = head & 31, head >> 5
        if kind == 30:
            stamp += (array0 << 27) + delta
            at += 8
        elif kind == 31:
            stamp = (stamp >> 59 << 59) | ((array0 << 27) + delta)
            at += 8
        elif kind == 29:
            if not delta:
                return
            stamp += delta
            at += 4 + array0
        else:
            stamp += delta
            data = at + (4 if kind else 8)
            yield stamp, struct.unpack_from("<H", page, data)[0]
            at = at + 4 + (4 * kind if kind else (array0 + 3) & ~3)


# ---- bundles ----

class Bundle:
    def __init__(self, path):
        self.path = path
        self.bytes = os.stat(path).st_size
        self.manifest = json.loads(run(["tar", "--zstd", "-xOf", path, "--occurrence=1",
                                        "--wildcards", "*/manifest.json"]))
        self.ftrace = next(s for s in self.manifest["sources"] if s["name"] == "ftrace")
        with subprocess.Popen(["tar", "--zstd", "-xOf", path, "--wildcards", "*/trace.dat"],
                              stdout=subprocess.PIPE) as tar:
            self.trace = TraceDat(tar.stdout)
            while tar.stdout.read(MIB):
                pass
        if tar.returncode:
            raise Failed(f"tar cannot read {path}")

    def wrong(self):
        """Where the manifest and the kernel's counters differ; '' when they agree."""
        kernel_read = self.trace.stat("read events")
        kernel_lost = sum(self.trace.stat(f)
                          for f in ("overrun", "commit overrun", "dropped events"))
        said = []
        if self.ftrace["records"] != kernel_read:
            said.append(f"{self.ftrace['records']} events recorded, {kernel_read} read by the "
                        "kernel's count")
        if self.ftrace["lost"] != kernel_lost or self.ftrace["lost_is_lower_bound"]:
            said.append(f"{self.ftrace['lost']} events in the ledger, {kernel_lost} lost by the "
                        "kernel's count")
        return "; ".join(said)


# ---- the two recorders ----

class Bench:
    def __init__(self, args, folder):
        self.args, self.folder = args, folder
        self.rows, self.failures, self.result = [], [], {}
        self.mark_id = None
        self.load = os.getloadavg()[0]

    def row(self, figure, goal, ours, peer=""):
        self.rows.append((figure, goal, ours, peer))

    def note(self, text):
        print(f"    {text}", file=sys.stderr, flush=True)

    def check(self, bundle, what):
        if wrong := bundle.wrong():
            self.failures.append(f"{what}: {wrong}")

    def start_recorder(self, *options):
        p = Process([self.args.recorder, "127.0.0.1", "19700", "--no-heartbeat-wait",
                     "--run-dir", f"{self.folder}/run", "-o", f"{self.folder}/out", *options])
        p.armed_ns = self.wait_armed(p)
        p.armed_rss_kib = rss_kib(p.child.pid)
        p.armed_cpu = own_cpu_seconds(p.child.pid)
        return p

    def wait_armed(self, p):
        """When it was armed, by its own word, asked for over and over."""
        ask = [self.args.recorder, "status", "--json", "--run-dir", f"{self.folder}/run"]
        while p.alive() and mono_ns() - p.begun_ns < PATIENCE_S * 10**9:
            answer = subprocess.run(ask, capture_output=True)
            if answer.returncode == 0 and (s := json.loads(answer.stdout))["state"] == "recording":
                return s["armed_mono_ns"]
            time.sleep(0.02)
        raise Failed(f"the recorder was never armed:\n{p.text()}")

    def start_storm(self, mark_ms, run_ms):
        p = Process([self.args.storm, str(mark_ms), str(run_ms)])
        p.wait_for("begin", "out")
        return p

    def storm_facts(self, storm):
        return {k: int(v) for k, v in (line.split() for line in storm.output())}

    def finished_bundle(self, p, what):
        p.finish()
        out = p.output()
        if p.status not in (0, 4) or not out:
            raise Failed(f"{what}: the recorder ended with {p.status}:\n{p.text()}")
        return Bundle(out[-1])

    def start_peer(self, ring_kib, events, out):
        """
        trace-cmd in an instance of its own. Where /proc or tracefs refuses what it writes there,
        plain files are bound over these in a mount namespace.
        """
        argv = ["trace-cmd", "record", "-B", PEER, "-b", str(ring_kib), "-o", out]
        for e in events:
            argv += ["-e", e]
        instance = f"{TRACEFS}/instances/{PEER}"
        with contextlib.suppress(FileExistsError):
            os.mkdir(instance)
        one, none = f"{self.folder}/one", f"{self.folder}/none"
        for path, text in ((one, "1\n"), (none, "")):
            with open(path, "w", encoding="ascii") as f:
                f.write(text)
        covered = [(one, "/proc/sys/kernel/ftrace_enabled")]
        covered += [(none, f"{d}/{f}") for d in (TRACEFS, instance)
                    for f in ("set_ftrace_filter", "set_ftrace_notrace", "set_ftrace_pid")]
        script = " && ".join(f"mount --bind {a} {b}" for a, b in covered if os.path.exists(b))
        p = Process(["unshare", "-m", "sh", "-c", script + ' && exec "$@"', "sh", *argv])
        pieces = [f"{out}.{PEER}.cpu{cpu}" for cpu in range(os.cpu_count())]
        while not all(map(os.path.exists, pieces)) or read_file(f"{instance}/tracing_on") != "1\n":
            if not p.alive() or mono_ns() - p.begun_ns > PATIENCE_S * 10**9:
                raise Failed(f"trace-cmd record did not begin:\n{p.text()}")
            time.sleep(0.02)
        return p

    def stop_peer(self, p):
        p.signal(signal.SIGINT)
        p.finish()
        with contextlib.suppress(OSError):
            os.rmdir(f"{TRACEFS}/instances/{PEER}")
        if p.status:
            raise Failed(f"trace-cmd record ended with {p.status}:\n{p.text()}")

    def peer_counts(self, path):
        text = run(["trace-cmd", "report", "--stat", "-i", path]).decode(errors="replace")

        def total(field):
            return sum(int(line.split(":")[1]) for line in text.splitlines()
                       if line.strip().startswith(field + ":"))

        return total("read events"), (total("overrun") + total("commit overrun") +
                                      total("dropped events"))

    def pack_peer(self, dat):
        """What the shell script does then. Returns (process, bytes)."""
        packed = f"{dat}.tar.zst"
        p = Process(["sh", "-c", f"tar --zstd -cf {packed} -C {os.path.dirname(dat)} "
                                 f"{os.path.basename(dat)} && sync {packed}"]).finish()
        if p.status:
            raise Failed(f"tar --zstd ended with {p.status}:\n{p.text()}")
        size = os.stat(packed).st_size
        os.unlink(packed)
        return p, size

    # ---- section: storm ----

    def storm_ours(self, options, what):
        p = self.start_recorder("-e", "raw_syscalls", *options)
        storm = self.start_storm(0, self.args.storm_seconds * 1000).finish()
        p.signal(signal.SIGINT)
        b = self.finished_bundle(p, what)
        self.check(b, what)
        facts, f = self.storm_facts(storm), b.ftrace
        seconds = (facts["end"] - facts["begin"]) / 1e9
        if f["records"] + f["lost"] < 2 * facts["calls"]:
            self.failures.append(f"{what}: {facts['calls']} calls made, but only "
                                 f"{f['records']} events recorded and {f['lost']} lost")
        r = {"ring_kib_per_cpu": f["facts"]["ring_kb_per_cpu"], "events": f["records"],
             "lost": f["lost"], "kernel_overrun": b.trace.stat("overrun"),
             "equal": not b.wrong(), "cpu_seconds": p.own_cpu, "cpu_seconds_with_children": p.all_cpu,
             "cpu_seconds_per_million": p.own_cpu / (f["records"] / 1e6),
             "cpu_seconds_armed": p.armed_cpu,
             "events_per_second": f["records"] / seconds, "bundle_bytes": b.bytes,
             "bytes_per_event": b.bytes / f["records"], "rss_armed_kib": p.armed_rss_kib}
        os.unlink(b.path)
        return r

    def storm_peer(self, ring_kib):
        dat = f"{self.folder}/peer.dat"
        p = self.start_peer(ring_kib, ["raw_syscalls"], dat)
        storm = self.start_storm(0, self.args.storm_seconds * 1000).finish()
        self.stop_peer(p)
        events, lost = self.peer_counts(dat)
        if not events:
            raise Failed(f"trace-cmd record recorded nothing:\n{p.text()}")
        tar, size = self.pack_peer(dat)
        facts = self.storm_facts(storm)
        cpu = p.all_cpu + tar.all_cpu
        r = {"ring_kib_per_cpu": ring_kib, "events": events, "lost": lost, "cpu_seconds": cpu,
             "record_cpu_seconds": p.all_cpu, "tar_cpu_seconds": tar.all_cpu,
             "cpu_seconds_per_million": cpu / (events / 1e6),
             "events_per_second": events / ((facts["end"] - facts["begin"]) / 1e9),
             "bundle_bytes": size, "bytes_per_event": size / events,
             "raw_bytes": os.stat(dat).st_size}
        os.unlink(dat)
        return r

    def storm_rows(self, name, a, b):
        self.row(f"{name}: events recorded", "", f"{a['events']:,}", f"{b['events']:,}")
        self.row("    events per second", "", f"{a['events_per_second'] / 1e6:.2f} M",
                 f"{b['events_per_second'] / 1e6:.2f} M")
        self.row("    lost (overrun by the kernel's count)", "0 with 64 MiB",
                 f"{a['kernel_overrun']:,}", f"{b['lost']:,}")
        self.row("    loss ledger", "= overrun",
                 f"{a['lost']:,}{'' if a['equal'] else ' NOT EQUAL'}", "none")
        self.row("    CPU seconds per million events, start to bundle", "<= 0.1",
                 f"{a['cpu_seconds_per_million']:.4f}", f"{b['cpu_seconds_per_million']:.4f}")
        self.row("    the same without what arming took", "",
                 f"{(a['cpu_seconds'] - a['cpu_seconds_armed']) / a['events'] * 1e6:.4f}")
        self.row("    bundle bytes per event", "", f"{a['bytes_per_event']:.2f}",
                 f"{b['bytes_per_event']:.2f}")

    def section_storm(self):
        out = self.result["storm"] = {}
        small = self.args.small_ring_kib
        cpus = os.cpu_count()
        for name, options in (
                ("defaults", []),
                ("64 MiB", [f"--ring-memory={64 * cpus}M"]),
                ("small rings", [f"--ring-memory={small * cpus}K"])):
            self.note(f"storm: {name}")
            ours = self.storm_ours(options, f"storm, {name}")
            peer = self.storm_peer(ours["ring_kib_per_cpu"])
            out[name] = {"ours": ours, "peer": peer}
            self.storm_rows(f"Storm, {name} ({ours['ring_kib_per_cpu'] / 1024:g} MiB per CPU)",
                            ours, peer)

    # ---- section: verdict ----

    def plain_copy(self, path):
        """cp and fsync of a file, seconds."""
        copy = f"{self.folder}/copy"
        begun = mono_ns()
        run(["sh", "-c", f"cp {path} {copy} && sync {copy}"])
        took = mono_ns() - begun
        os.unlink(copy)
        return took

    def one_verdict(self, after):
        p = self.start_recorder("-e", "raw_syscalls", f"--after={after}", "--trigger",
                                f"event:scoutfs:{MARK}")
        storm = self.start_storm(self.args.before_ms, LONG_MS)
        said_ns, path = p.wait_for(f"{self.folder}/out", "out")
        real_offset = time.time_ns() - mono_ns()
        renamed_ns = os.stat(path).st_ctime_ns - real_offset
        p.finish()
        copy_ns = self.plain_copy(path)
        storm.signal(signal.SIGTERM)
        storm.finish()
        b = Bundle(path)
        self.check(b, f"verdict with --after {after}")
        mark_ns = self.storm_facts(storm)["mark"]
        events = sorted(b.trace.events())
        t = b.manifest["timings"]
        verdict_ns = mark_ns if after == 0 else mark_ns + after * 10**9
        begun, frozen, durable = (t[f"{k}_monotonic_ns"] for k in
                                  ("freeze_begun", "frozen", "durable"))
        r = {"bundle_bytes": b.bytes, "events": b.ftrace["records"], "lost": b.ftrace["lost"],
             "armed_ns": p.armed_ns - p.begun_ns,
             "ring_off_ns": events[-1][0] - verdict_ns,
             "user_freeze_ns": frozen - begun,
             "verdict_to_freeze_ns": begun - verdict_ns,
             "durable_ns": durable - min(begun, max(verdict_ns, 0)),
             "bundle_ns": renamed_ns - durable, "said_ns": said_ns - durable, "copy_ns": copy_ns,
             "trigger_in_trace": after != 0 or any(i == self.mark_id for _, i in events)}
        if not r["trigger_in_trace"]:
            self.failures.append("the event that fired the trigger is not in trace.dat")
        os.unlink(path)
        return r

    def one_peer_verdict(self):
        dat = f"{self.folder}/peer.dat"
        p = self.start_peer(64 * 1024, ["raw_syscalls"], dat)
        storm = self.start_storm(0, LONG_MS)
        time.sleep(self.args.before_ms / 1000)
        begun = mono_ns()
        self.stop_peer(p)
        stopped = mono_ns()
        _, size = self.pack_peer(dat)
        done = mono_ns()
        storm.signal(signal.SIGTERM)
        storm.finish()
        os.unlink(dat)
        return {"bundle_bytes": size, "stop_ns": stopped - begun, "bundle_ns": done - stopped}

    def section_verdict(self):
        out = self.result["verdict"] = {}
        for after in (0, 1):
            runs = out[f"after_{after}"] = []
            for i in range(self.args.verdicts):
                self.note(f"verdict: --after {after}, {i + 1} of {self.args.verdicts}")
                runs.append(self.one_verdict(after))
        peers = out["peer"] = []
        for i in range(self.args.peer_verdicts):
            self.note(f"verdict: trace-cmd, {i + 1} of {self.args.peer_verdicts}")
            peers.append(self.one_peer_verdict())
        for after in (0, 1):
            self.verdict_rows(after, out[f"after_{after}"], peers)

    def verdict_rows(self, after, runs, peers):
        def spread(key, unit_ns, of=runs):
            values = [r[key] / unit_ns for r in of]
            return f"{percentile(values, 50):.3g} / {percentile(values, 99):.3g}"

        ratio = [r["bundle_ns"] / r["copy_ns"] for r in runs]
        said = [r["said_ns"] / r["copy_ns"] for r in runs]
        self.row(f"Verdict under the storm, --after {after} ({len(runs)} runs; p50 / p99)", "", "",
                 f"({len(peers)} runs)")
        self.row("    verdict to tracing_on off, by the last event's stamp, us", "p99 < 1000",
                 spread("ring_off_ns", 1e3))
        self.row("    verdict to the recorder's own freeze, us", "", spread("verdict_to_freeze_ns", 1e3))
        self.row("    freeze begun to frozen, us", "p99 < 1000", spread("user_freeze_ns", 1e3))
        self.row("    verdict to raw data durable, ms", "p99 < 250", spread("durable_ns", 1e6),
                 f"{spread('stop_ns', 1e6, peers)} (not synced)")
        self.row("    from there to the bundle, ms", "", spread("bundle_ns", 1e6),
                 spread("bundle_ns", 1e6, peers))
        self.row("    from there to the path on stdout, ms", "", spread("said_ns", 1e6))
        self.row("    cp and fsync of the same bytes, ms", "", spread("copy_ns", 1e6))
        self.row("    bundle over copy", "<= 2", f"{percentile(ratio, 50):.2f} / "
                 f"{percentile(ratio, 99):.2f}")
        self.row("    path on stdout over copy", "", f"{percentile(said, 50):.2f} / "
                 f"{percentile(said, 99):.2f}")
        self.row("    bundle size, MiB", "", spread("bundle_bytes", MIB),
                 spread("bundle_bytes", MIB, peers))
        self.row("    events lost in all runs", "", f"{sum(r['lost'] for r in runs):,}")

    # ---- section: spool ----

    def section_spool(self):
        self.note("spool: the real pages")
        folder = f"{self.folder}/spool"
        os.mkdir(folder)
        os.mkdir(f"{folder}/session")
        run(["tar", "--zstd", "-xf", f"{self.args.data}/events.tar.zst", "-C", folder,
             "events/header_page"])
        pages = []
        for cpu in (0, 1):
            pages.append(f"{folder}/cpu{cpu}")
            run(["zstd", "-dq", f"{self.args.data}/ring/cpu{cpu}.raw.zst", "-o", pages[-1]])
        fed = json.loads(run([self.args.spool_pages, f"{folder}/session",
                              f"{folder}/events/header_page", *pages]))
        disk = sum(os.stat(f"{folder}/session/spool/{f}").st_size
                   for f in os.listdir(f"{folder}/session/spool"))
        raw = fed["pages"] * fed["page_bytes"]
        self.result["spool"] = {**fed, "spool_bytes": disk, "ratio": raw / disk}
        self.row(f"Spool on the real pages ({fed['events']:,} scoutfs events), bytes per event", "",
                 f"{disk / fed['events']:.1f}", f"{raw / fed['events']:.1f} (raw pages)")
        self.row("    events per byte over that of raw ring pages", ">= 5", f"{raw / disk:.2f}")
        shutil.rmtree(folder)

    # ---- section: idle ----

    def section_idle(self):
        self.note("idle: recorder and simulator at rest")
        run([self.args.sim, "--install-events"])
        try:
            self.idle()
        finally:
            run([self.args.sim, "--remove-events"])

    def idle(self):
        sim = Process([self.args.sim, "-c", "rate 1; forever"])
        try:
            sim.wait_for(" ready ", "out")
            p = self.start_recorder()
            time.sleep(self.args.idle_seconds / 4)  # what starts once, such as the context, has ended
            begun, cpu = mono_ns(), own_cpu_seconds(p.child.pid)
            time.sleep(self.args.idle_seconds)
            share = (own_cpu_seconds(p.child.pid) - cpu) / ((mono_ns() - begun) / 1e9)
            rss = rss_kib(p.child.pid)
            p.signal(signal.SIGINT)
            b = self.finished_bundle(p, "idle")
        finally:
            sim.signal(signal.SIGTERM)
            sim.finish()
        self.check(b, "idle")
        self.result["idle"] = {"cpu_share": share, "rss_kib": rss, "armed_ns": p.armed_ns - p.begun_ns,
                               "events": b.ftrace["records"]}
        self.row("Idle: CPU of the recorder, percent of one CPU", "", f"{share * 100:.2f}")
        self.row("    memory (RSS), MiB", "", f"{rss / 1024:.1f}")
        self.row(f"    start to armed, ms ({os.cpu_count()} CPUs)", "",
                 f"{(p.armed_ns - p.begun_ns) / 1e6:.0f}")

    # ---- the end ----

    def print_table(self):
        head = ("figure", "goal", "scoutfs-trace", "trace-cmd + tar --zstd")
        widths = [max(len(r[i]) for r in [head, *self.rows]) for i in range(4)]
        for r in [head, tuple("-" * w for w in widths), *self.rows]:
            print("  ".join(c.ljust(w) for c, w in zip(r, widths)).rstrip())
        print(f"\n{os.cpu_count()} CPUs, Linux {os.uname().release}, load average {self.load:.1f} when this "
              "began. Rings of 256 CPUs were not\nmeasured: that takes a machine that has them.")
        if self.load > 0.5 * os.cpu_count():
            print("The machine was busy with other things: neither times nor rates mean much.")


SECTIONS = {"storm": Bench.section_storm, "verdict": Bench.section_verdict,
            "spool": Bench.section_spool, "idle": Bench.section_idle}


def parse():
    p = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    p.add_argument("--recorder", required=True)
    p.add_argument("--storm", required=True)
    p.add_argument("--spool-pages", required=True)
    p.add_argument("--sim", required=True)
    p.add_argument("--data", required=True, help="tests/data/real")
    p.add_argument("--only", default=",".join(SECTIONS), help="sections, with commas")
    p.add_argument("--verdicts", type=int, default=30, help="for each of --after 0 and 1")
    p.add_argument("--peer-verdicts", type=int, default=5)
    p.add_argument("--storm-seconds", type=int, default=3)
    p.add_argument("--before-ms", type=int, default=300, help="of storm before the trigger")
    p.add_argument("--small-ring-kib", type=int, default=2048, help="per CPU, so that some is lost")
    p.add_argument("--idle-seconds", type=int, default=20)
    p.add_argument("--dir", default="/var/tmp", help="for recordings: a disk, not memory")
    p.add_argument("--json", action="store_true", help="every figure of every run instead of the table")
    return p.parse_args()


def main():
    args = parse()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # undo what was done
    if os.geteuid() != 0:
        print("bench: needs root, as the recorder does", file=sys.stderr)
        return 1
    with contextlib.ExitStack() as undo:
        lock = undo.enter_context(open(SIM_LOCK, "w", encoding="ascii"))
        fcntl.flock(lock, fcntl.LOCK_EX)
        folder = undo.enter_context(tempfile.TemporaryDirectory(prefix="scoutfs-bench.", dir=args.dir))
        b = Bench(args, folder)
        try:
            b.mark_id = undo.enter_context(mark_event(args.storm))
            undo.callback(Process.kill_all)
            for name in args.only.split(","):
                SECTIONS[name](b)
        except (Failed, OSError) as why:
            b.failures.append(str(why))
    if args.json:
        json.dump({**b.result, "failures": b.failures, "cpus": os.cpu_count(),
                   "kernel": os.uname().release, "load_average": b.load}, sys.stdout, indent=1)
        print()
    else:
        b.print_table()
    for f in b.failures:
        print(f"bench: FAILED: {f}", file=sys.stderr)
    return 1 if b.failures else 0


if __name__ == "__main__":
    sys.exit(main())
