#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""`report A B`: two captures of conversations that are made here, whose every figure is known, side by side.

    test_compare.py PROGRAM RAW_BUNDLE

A lasts ten seconds: 10 GET_ROOTS that take 1 ms, 20 STATFS that take 2 ms, 4 of them answered with an error.
B lasts five: 20 GET_ROOTS that take 3 ms, 10 STATFS that take 2 ms, and 5 GET_LAST_SEQ."""
import csv
import io
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile

PROGRAM, RAW_BUNDLE = map(os.path.abspath, sys.argv[1:])
os.environ["SCOUTFS_TRACE_NO_CONFIG"] = "yes"
passed = failed = 0
T0 = 1_790_000_000 * 10**9  # of the first packet, in a whole second
MS = 10**6
LACKS = 4  # the exit status: these recordings have no trace events, and that is said
CLIENT, SERVER = (bytes([10, 0, 0, 1]), 40000), (bytes([10, 0, 0, 2]), 5000)
DATA = {5: 72, 18: 56, 6: 8}  # GET_ROOTS, STATFS, GET_LAST_SEQ: bytes of an answer; a request has none


def check(name, good, more=""):
    global passed, failed
    passed += bool(good)
    failed += not good
    print(("ok" if good else "not ok") + f" {passed + failed} - {name}")
    if not good and more != "":
        print("\n".join("# " + line for line in str(more).split("\n")[:20]))


# ---- captures ----

class Flow:
    def __init__(self):
        self.packets, self.next, self.sent = [], {CLIENT: 1000, SERVER: 5000}, {CLIENT: 0, SERVER: 0}

    def packet(self, ns, source, flags, payload=b""):
        to = SERVER if source == CLIENT else CLIENT
        tcp = struct.pack(">HHIIBBHHH", source[1], to[1], self.next[source], self.next[to], 0x50, flags, 65535, 0, 0)
        ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 40 + len(payload), 0, 0, 64, 6, 0, source[0], to[0])
        self.next[source] += len(payload) + (1 if flags & 2 else 0)
        self.packets.append((ns, ip + tcp + payload))

    def message(self, ns, source, ident, command, response=False, error=0):
        self.sent[source] += 1
        size = DATA[command] if response and not error else 0
        self.packet(ns, source, 0x18, struct.pack("<QQQHBBB3x", self.sent[source], 0, ident, size, command, response, error) + bytes(size))


def capture(path, seconds, calls):
    """@calls: (command, how many, ns each, how many of them fail); evenly, in order of time."""
    flow, todo, ident = Flow(), [], 0
    flow.packet(T0, CLIENT, 2)
    flow.packet(T0 + 1000, SERVER, 0x12)
    flow.packet(T0 + 2000, CLIENT, 0x10)
    for which, (command, count, took, errors) in enumerate(calls):
        for i in range(count):
            ident += 1
            at = T0 + 100 * MS + which * 10 * MS + i * seconds * 900 * MS // count
            todo += [(at, CLIENT, ident, command, False, 0), (at + took, SERVER, ident, command, True, 1 if i < errors else 0)]
    for one in sorted(todo):
        flow.message(*one)
    flow.packet(T0 + seconds * 10**9, CLIENT, 0x10)
    with open(path, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 65535, 101))  # ns, raw IP
        for ns, packet in flow.packets:
            f.write(struct.pack("<IIII", ns // 10**9, ns % 10**9, len(packet), len(packet)) + packet)


def series(path, name, samples):
    """A member of a bundle; @samples: each second the sections, as (path, text)."""
    with open(path, "w") as f:
        f.write(f"# scoutfs-trace series 1 {name} every 1 s\n")
        for i, sections in enumerate(samples):
            f.write(f"@ {10**12 + i * 10**9} 1000 {len(sections)}\n")
            for where, text in sections:
                f.write(f"= {len(text)} {where}\n{text}\n")
    return ["--series", f"{name}={path}"]


def trace_of(work):
    """A real trace, as trace-cmd tells it: what raw_bundle takes, the first stamp and the last, events by name. Or None."""
    if not shutil.which("zstd") or not shutil.which("trace-cmd"):
        return None
    file, names, stamps = work + "/trace.dat", {}, []
    real = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "data", "real", "fence-client-v6.dat.zst")
    subprocess.run(["zstd", "-dqf", real, "-o", file], check=True)
    for line in subprocess.run(["trace-cmd", "report", "-t", "-i", file], capture_output=True, text=True, check=True).stdout.split("\n"):
        found = re.match(r" .*\[\d+\] +(\d+)\.(\d{9}): ([a-z0-9_]+): ", line)
        if found:
            stamps.append(int(found[1]) * 10**9 + int(found[2]))
            names[found[3]] = names.get(found[3], 0) + 1
    # The trace begins a second later than the packets.
    return ["--trace", file, "--trace-minus-mono", str(stamps[0] - 10**12 - 10**9)], max(stamps) - min(stamps), names


def counters(work, ports, rid, mounts, still):
    """Eleven samples: each connection sends 100 bytes a second, each mount counts 5; `idle` stands still, or rises by 3."""
    tcp = [[("tcp_info", "".join(f"10.0.0.2:5000 10.0.0.1:{p} bytes_sent={7 * p + 100 * i} rtt_us={p}\n" for p in ports))] for i in range(11)]
    own = [[("/srv/own", f"idle {50 if still else 50 + 3 * i}\nbusy {9000 * i}\n" + (f"alone {10**6 * i}\n" if still else ""))]
           for i in range(11)]
    fs = [[(f"/sys/fs/scoutfs/f.abc123.r.{rid}{m}/counters/", f"lock_lock {1000 * m + 5 * i}\n") for m in range(mounts)] for i in range(11)]
    return sum((series(f"{work}/{n}.txt", n, v) for n, v in (("tcpinfo", tcp), ("own", own), ("scoutfs", fs))), [])


def bundle(work, name, seconds, calls, more=()):
    pcap, path = f"{work}/{name}.pcap", f"{work}/{name}.tar.zst"
    capture(pcap, seconds, calls)
    os.mkdir(work + "/raw")
    made = subprocess.run([RAW_BUNDLE, "--output", work + "/raw", "--pcap", pcap, "--real-minus-mono", str(T0 - 10**12), "--server",
                           "10.0.0.2:5000", *more], capture_output=True, text=True, check=True).stdout.strip()
    os.rename(made, path)
    subprocess.run(["rm", "-r", work + "/raw"], check=True)
    return path


def report(*words, cwd=None):
    return subprocess.run([PROGRAM, "report", *words], capture_output=True, text=True, cwd=cwd, stdin=subprocess.DEVNULL)


def tables(*words):
    done = report(*words, "--json", "--limit", "0")
    if done.returncode != LACKS:
        print("# " + done.stderr)
    return {f"{r}.{t}": v for r, made in json.loads(done.stdout)["reports"].items() for t, v in made["tables"].items()}


def row(table, **names):
    found = [r for r in table["rows"] if all(r[k] == v for k, v in names.items())]
    return found[0] if len(found) == 1 else found


def keys(table):
    return [c["key"] for c in table["columns"] if c["type"] == "text"]


def near(a, b):
    return a is not None and abs(a - b) <= 1e-9 * max(1, abs(b))


def is_row(r, a, b, change, factor, suffix=""):
    return all((r[k] is None) if v is None else near(r[k], v)
               for k, v in (("a" + suffix, a), ("b" + suffix, b), ("change_percent", change), ("factor", factor)))


with tempfile.TemporaryDirectory() as work:
    a = bundle(work, "before", 10, [(5, 10, 1 * MS, 0), (18, 20, 2 * MS, 4)])
    b = bundle(work, "after", 5, [(5, 20, 3 * MS, 0), (18, 10, 2 * MS, 0), (6, 5, 1 * MS, 0)])

    t = tables(a, b)
    head = t["compare.recordings"]["rows"]
    check("both are told apart, with what each covers",
          [(r["recording"], r["bundle"], r["covered_ns"]) for r in head] == [("A", a, 10 * 10**9), ("B", b, 5 * 10**9)], head)
    rates = t["rates.messages_avg_per_s"]
    check("a rate that is four times as high", is_row(row(rates, message="GET_ROOTS", kind="request"), 1, 4, 300, 4), rates["rows"])
    check("a rate that is the same, of half as much in half the time", is_row(row(rates, message="STATFS", kind="response"), 2, 2, 0, 1), rates["rows"])
    check("what is in B alone has no change", is_row(row(rates, message="GET_LAST_SEQ", kind="request"), None, 1, None, None), rates["rows"])
    check("what differs most comes first, what one side lacks last",
          [r["message"] for r in rates["rows"]] == ["GET_ROOTS"] * 2 + ["STATFS"] * 2 + ["GET_LAST_SEQ"] * 2, rates["rows"])
    count = t["rpc.latency_count"]
    check("counts are told a second", is_row(row(count, command="GET_ROOTS"), 1, 4, 300, 4) and count["columns"][-4]["type"] == "rate", count)
    most = t["rpc.latency_max_ns"]
    check("a latency three times as long", is_row(row(most, command="GET_ROOTS"), MS, 3 * MS, 200, 3, "_ns"), most["rows"])
    check("a latency that is the same", is_row(row(most, command="STATFS"), 2 * MS, 2 * MS, 0, 1, "_ns"), most["rows"])
    errors = t["rpc.errors_count"]
    check("failures that are gone", is_row(row(errors, command="STATFS"), 0.4, None, None, None), errors["rows"])

    t = tables(b, a)
    check("the other way round it is the inverse", is_row(row(t["rpc.latency_max_ns"], command="GET_ROOTS"), 3 * MS, MS, -200 / 3, 1 / 3, "_ns"),
          t["rpc.latency_max_ns"]["rows"])
    t = tables(a, a)
    same = [r for v in t.values() for r in v["rows"] if "factor" in r]
    check("a recording beside itself: every factor is 1", len(same) > 10 and all(r["factor"] == 1 and r["change_percent"] == 0 for r in same), same)
    t = tables(a, b, "rpc.latency")
    check("of a table that is named every figure is shown",
          {"min_ns", "avg_ns", "p50_ns", "p99_ns", "max_ns", "stdev_ns", "count"} == {n[len("rpc.latency_"):] for n in t if n.startswith("rpc.")}, list(t))
    # GET_ROOTS at 100 + i * 900 ms: three begin in [0 s, 2 s] of A; of B's at 100 + i * 225 ms, nine.
    t = tables(a, b, "rates", "--to", "2026-09-21T14:13:22Z", "--from", "2026-09-21T14:13:20Z")
    r = row(t["rates.messages_avg_per_s"], message="GET_ROOTS", kind="request")
    check("a window is of both", is_row(r, 1.5, 4.5, 200, 3) and all(h["covered_ns"] == 2 * 10**9 for h in t["compare.recordings"]["rows"]), r)

    # A list of single requests has no row twice by its ids, or no names at all: said, or compared, but no failure.
    done = report(a, b, "rpc.slowest", "about", "verdict", "loss")
    check("reports that are no figures do no harm", done.returncode == LACKS and "What is compared" in done.stdout and
          "The table 'slowest' has nothing that tells its rows apart" in done.stdout and "The report 'about' has no figures" in done.stdout, done)

    # Counters: names that no other recording has do not part what belongs together.
    calls = [(5, 10, MS, 0)]
    c = bundle(work, "c", 10, calls, counters(work, (40001, 40002), "aa", 1, True))
    d = bundle(work, "d", 10, calls, counters(work, (50001, 50002, 50003), "bb", 2, False))
    t = tables(c, d, "series")
    rates, values = t["series.counters_avg_per_s"], t["series.gauges_avg"]
    end, mount = "all, at the server's end", "/sys/fs/scoutfs/f.abc123.r.*/counters/"
    check("connections are compared by their end", is_row(row(rates, series="tcpinfo", file=end, counter="bytes_sent"), 200, 300, 50, 1.5), rates)
    one = row(values, series="tcpinfo", file=end, counter="rtt_us")
    check("and what each of them has is a mean", (one["a"], one["b"]) == (40001.5, 50002), values)
    check("mounts without their rid", is_row(row(rates, series="scoutfs", file=mount, counter="lock_lock"), 5, 10, 100, 2), rates)
    check("what stands still in one is a counter beside one that rises", is_row(row(rates, counter="idle"), 0, 3, None, None), rates)
    check("and no value", not row(values, counter="idle"), values)
    check("what one side lacks comes last", [r["counter"] for r in rates["rows"]][-1] == "alone" and row(rates, counter="alone")["a"] == 10**6, rates)
    # 7 times as many come before a thousand more; what one side lacks stays last.
    steps = [[("/srv/own", f"big {n * i}\nsmall {k * i}\nload {k}.5\n") for i in range(11)] for n, k in ((100000, 1), (101000, 7))]
    g, h = (bundle(work, name, 10, calls, series(f"{work}/{name}.txt", "own", [[s] for s in steps[i]])) for i, name in enumerate("gh"))
    ranked = tables(g, h, "series")
    check("counters are ranked by factor: they are not of one unit",
          [r["counter"] for r in ranked["series.counters_avg_per_s"]["rows"]] == ["small", "big"], ranked)
    check("and their rates are theirs", is_row(row(ranked["series.counters_avg_per_s"], counter="small"), 1, 7, 600, 7), ranked)
    check("a level is divided by nothing", is_row(row(ranked["series.gauges_avg"], counter="load"), 1.5, 7.5, 400, 5), ranked)
    named = tables(c, h, "series.sources")
    check("how many files and counters there are is no rate",
          [(k, row(named[f"series.sources_{k}"], series="own")["a"], row(named[f"series.sources_{k}"], series="own")["b"],
            named[f"series.sources_{k}"]["columns"][-4]["type"]) for k in ("files", "counters")] ==
          [("files", 1, 1, "count"), ("counters", 3, 3, "count")], named)
    named = tables(c, d, "rpc.commands", "connections.connections", "heartbeats.terms")
    check("nor is what is pending", is_row(row(named["rpc.commands_pending"], command="GET_ROOTS"), 0, 0, 0, 1) and
          named["rpc.commands_pending"]["columns"][-4]["type"] == "count", named)
    check("numbers that are names are not compared", not [k for k in named if k.split("_")[-1] in ("number", "term", "id")], list(named))
    t = tables(d, c, "series")
    check("so the other way round", is_row(row(t["series.counters_avg_per_s"], counter="idle"), 3, 0, -100, 0) and
          not row(t["series.gauges_avg"], counter="idle"), t)

    # Each count is divided by the time of its own source, however long the others are.
    long, short = (series(f"{work}/{n}.txt", "own", [[("/srv/own", f"n {2 * i}\n")] for i in range(n)]) for n in (41, 3))
    e = bundle(work, "e", 10, [(5, 10, MS, 0), (18, 20, MS, 4)], long)
    f = bundle(work, "f", 5, [(5, 20, MS, 0), (18, 10, MS, 1)], short)
    t = tables(e, f)
    head = t["compare.recordings"]["rows"]
    check("40 s of counters, 10 s of packets: both are told",
          [(r["covered_ns"], r["trace_ns"], r["packets_ns"]) for r in head] == [(40 * 10**9, None, 10**10), (5 * 10**9, None, 5 * 10**9)], head)
    check("20 in 10 s of packets are 2 a second", is_row(row(t["rpc.latency_count"], command="STATFS"), 2, 2, 0, 1), t["rpc.latency_count"])
    check("as the rates have it", is_row(row(t["rates.messages_avg_per_s"], message="STATFS", kind="request"), 2, 2, 0, 1), t)
    check("4 failures in 10 s, 1 in 5 s", is_row(row(t["rpc.errors_count"], command="STATFS"), 0.4, 0.2, -50, 0.5), t["rpc.errors_count"])
    t = tables(e, f, "rates.messages", "heartbeats")
    check("named, the count and the rate agree", is_row(row(t["rates.messages_count"], message="GET_ROOTS", kind="response"), 1, 4, 300, 4), t)
    t = tables(e, f, "series.counters")
    check("of counters there are figures per second alone, also when they are named",
          sorted(k for k in t if k.startswith("series.")) == [f"series.counters_{k}_per_s" for k in ("avg", "max", "min")] and
          all(is_row(row(v, counter="n"), 2, 2, 0, 1) for k, v in t.items() if k.startswith("series.")), t)
    t = tables(e, f, "series.sources")["series.sources_samples"]
    check("41 samples in 40 s, 3 in 2 s", is_row(row(t, series="own"), 41 / 40, 3 / 2, 1900 / 41, 60 / 41), t)

    # A trace of some 30 s, with 60 s of packets and with 20 s of them.
    made = trace_of(work)
    if made:
        trace, trace_ns, names = made
        g = bundle(work, "g", 60, [(18, 120, MS, 0)], trace)
        h = bundle(work, "h", 20, [(18, 20, MS, 0)], trace)
        found = [{f"{r}.{n}": v for r, all in json.loads(report(x, "rpc", "locks", "--json", "--limit", "0").stdout)["reports"].items()
                  for n, v in all["tables"].items()} for x in (g, h)]
        done = report(g, h, "rates.events", "rpc.latency", "rpc.commands", "locks.waits", "--json", "--limit", "0")
        check("a trace and packets: nothing is missing", done.returncode == 0, done.stderr)
        t = {f"{r}.{n}": v for r, all in json.loads(done.stdout)["reports"].items() for n, v in all["tables"].items()}
        head = t["compare.recordings"]["rows"]
        check("what each source covers", [(r["trace_ns"], r["packets_ns"]) for r in head] == [(trace_ns, 60 * 10**9), (trace_ns, 20 * 10**9)], head)
        check("and all", [r["covered_ns"] for r in head] == [60 * 10**9, 10**9 + trace_ns], head)
        sends = names["scoutfs_net_send_message"] / (trace_ns / 1e9)
        check("events, by the trace's time", is_row(row(t["rates.events_count"], event="scoutfs:scoutfs_net_send_message"), sends, sends, 0, 1), t)
        packets = row(t["rpc.latency_count"], seen="packets", command="STATFS")
        check("packets, by theirs", is_row(packets, 2, 1, -50, 0.5), packets)
        for name, figure, seen in (("rpc.latency", "count", "client"), ("rpc.commands", "sent", "server"), ("locks.waits", "acquired", None)):
            rows = [r for r in found[0][name]["rows"] if r.get(seen and "seen") == seen and r[figure]]
            want = {tuple(r[k] for k in keys(found[0][name])): r[figure] / (trace_ns / 1e9) for r in rows}
            got = {tuple(r[k] for k in keys(found[0][name])): r for r in t[f"{name}_{figure}"]["rows"] if r.get(seen and "seen") == seen}
            check(f"{name}: {figure} by the trace's time", want and all(k in got and is_row(got[k], v, v, 0, 1) for k, v in want.items()), (want, got))

    # Views.
    done = report(a, b, "--limit", "1")
    check("text: the limit leaves the greatest differences", done.returncode == LACKS and "and 5 more" in done.stdout and "4.00" in done.stdout, done.stdout)
    done = report(a, b, "rates.messages", "--format", "csv")
    parts = done.stdout.split("# rates.messages_avg_per_s\n")
    rows = list(csv.DictReader(io.StringIO(parts[-1].split("\n\n")[0].split("\n#")[0])))
    check("csv: the same figures", len(parts) == 2 and any(r["message"] == "GET_ROOTS" and float(r["factor"]) == 4 for r in rows), done.stdout)
    page = work + "/page.html"
    done = report(a, b, "--html", page)
    text = open(page).read() if os.path.exists(page) else ""
    check("html: a page with both names and the tables", done.returncode == LACKS and done.stdout == "" and a in text and b in text and
          "From request to answer: max" in text and text.rstrip().endswith("</html>"), done)

    # What is a bundle.
    done = report(a, b + ".not")
    check("a second bundle that is not there is named", done.returncode == 1 and b + ".not" in done.stderr and done.stdout == "", done)
    with open(work + "/garbage.tar.zst", "wb") as f:
        f.write(b"no bundle at all" * 100)
    done = report(a, work + "/garbage.tar.zst", "--html", work + "/none.html")
    check("a second bundle that is none is named, and no page made",
          done.returncode == 1 and "garbage.tar.zst" in done.stderr and not os.path.exists(work + "/none.html"), done)
    with open(work + "/rpc", "wb") as f:
        f.write(open(b, "rb").read())
    done = report(a, "rpc", cwd=work)
    check("the name of a report is a report, also where a file is called so", done.returncode == LACKS and "What is compared" not in done.stdout and
          "From request to answer\n" in done.stdout, done)
    done = report(a, "./rpc", cwd=work)
    check("with its folder it is a file", done.returncode == LACKS and "What is compared" in done.stdout, done)
    done = report("before.tar.zst", "after.tar.zst", cwd=work)
    check("a file without a folder in its name is a bundle too", done.returncode == LACKS and "What is compared" in done.stdout, done)
    done = report(a, "rcp")
    check("a misspelt report is not taken for a bundle", done.returncode == 2 and "did you mean 'rpc'" in done.stderr, done)
    done = report("-", "-")
    check("standard input is one bundle, not two", done.returncode == 2 and "only one" in done.stderr, done)

print(f"1..{passed + failed}")
sys.exit(failed > 0)
