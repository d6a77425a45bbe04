# SPDX-License-Identifier: GPL-2.0-only
"""gnuplot.py trace|rules|sim|draw PROGRAM ARGUMENT WORK DATA: the files of --gnuplot.

trace  each row of each file, beside the same made here of what trace-cmd prints (WORK/fence-client.tar.zst)
rules  smoothing, zeros, figures of TCP: by hand (ARGUMENT: raw_bundle)
sim    sums beside what the simulator says it sent, and the rate that it was told (ARGUMENT: the simulator)
draw   gnuplot runs the script and draws something (ARGUMENT: folder for the pictures)
"""
import math
import os
import re
import shutil
import struct
import subprocess
import sys
import time
import zlib

from session import COMMANDS

what, program, argument, work, data = sys.argv[1:]
S, MS = 10 ** 9, 10 ** 6
faults = []


def check(name, got, want):
    if got != want:
        faults.append("%s: %r, not %r" % (name, got, want))


def compare(name, got, want):
    """Rows of (time, value); times to a microsecond."""
    if len(got) != len(want):
        faults.append("%s: %d rows, not %d" % (name, len(got), len(want)))
    for (t, v), (u, w) in zip(got, want):
        if abs(t - u) > 2e-6 or not math.isclose(v, w, rel_tol=1e-8, abs_tol=1e-12):
            faults.append("%s: %r, not %r" % (name, (t, v), (u, w)))
            return


def make(bundle, folder, *args):
    shutil.rmtree(folder, ignore_errors=True)
    out = subprocess.run([program, "report", bundle, "--gnuplot", folder, *args], capture_output=True, text=True)
    if out.returncode not in (0, 4):
        faults.append("%s: exit status %d: %s" % (args, out.returncode, out.stderr))
    return {n: [tuple(map(float, row.split("\t"))) for row in open(os.path.join(folder, n))]
            for n in os.listdir(folder) if not n.startswith("rpc.")}


# ---- the rules, as they are written down ----

def smooth(rows, n):
    groups = [rows[i:i + n] for i in range(0, len(rows), n)]
    return [(sum(t for t, _ in g) / len(g), sum(v for _, v in g) / len(g)) for g in groups]


def compress(rows):
    kept = []
    for i, (t, v) in enumerate(rows):
        inside = v == 0 and 0 < i < len(rows) - 1 and rows[i - 1][1] == 0 and rows[i + 1][1] == 0
        if not inside:
            kept.append((t, v))
    return kept


def intervals(begin, end, width):
    """A rest of less than half an interval belongs to the one before."""
    edges = list(range(begin, end, width)) + [end]
    if len(edges) > 2 and 2 * (edges[-1] - edges[-2]) < width:
        del edges[-2]
    return list(zip(edges, edges[1:]))


def rates(times, begin, end, width, n, zero):
    rows = []
    times = sorted(times)
    at = 0
    parts = intervals(begin, end, width)
    for k, (a, b) in enumerate(parts):
        count = 0
        while at < len(times) and (times[at] < b or k == len(parts) - 1):
            count += 1
            at += 1
        rows.append(((b - zero) / S, count * 10 * MS / (b - a)))
    return compress(smooth(rows, n))


def levels(changes, begin, end, width, n, zero):
    """changes: (ns, by)."""
    rows, at, level = [], 0, 0
    parts = intervals(begin, end, width)
    for k, (a, b) in enumerate(parts):
        while at < len(changes) and (changes[at][0] < b or k == len(parts) - 1):
            level += changes[at][1]
            at += 1
        rows.append(((b - zero) / S, level))
    return compress(smooth(rows, n))


# ---- beside trace-cmd ----

EVENT = re.compile(r"\s(\d+)\.(\d{9}): +scoutfs_net_(send|recv)_message: +\S+ name (\S+) peer (\S+) nh seq (\d+) "
                   r"recv_seq (\d+) id (\d+) data_len \d+ cmd (\d+) flags 0x([01])")
OFFSET = 14580955  # trace clock minus CLOCK_MONOTONIC: real.sh


def trace():
    path = os.path.join(work, "gnuplot.dat")
    with open(path, "wb") as f:
        f.write(subprocess.run(["zstd", "-dqc", data + "/fence-client-v6.dat.zst"], check=True, capture_output=True).stdout)
    text = subprocess.run(["trace-cmd", "report", "-t", path], capture_output=True, text=True).stdout
    frames = []
    for line in text.split("\n"):
        m = EVENT.search(line)
        if not m:
            continue
        own, peer = m[4], m[5]
        if 19700 <= int(own.rsplit(":", 1)[1]) <= 19702:
            continue  # the server's end of it: what clients traced is looked at
        frames.append((int(m[1]) * S + int(m[2]) - OFFSET, m[3] == "send", own, peer, int(m[6]), int(m[7]), int(m[8]),
                       COMMANDS[int(m[9])], m[10] == "1"))
    begin, end = frames[0][0] + 123456, frames[-1][0] - 1000
    frames = [f for f in frames if begin <= f[0] <= end]
    check("enough frames", len(frames) > 3000, True)
    times, pending, cong, open_calls, unacked = {}, [], [], {}, {}
    for ns, sent, client, server, seq, recv_seq, number, command, answer in frames:
        by_client = sent
        asker = by_client != answer
        key = (client, server, asker, number, command)
        note = lambda figure: times.setdefault((command, figure), []).append(ns)
        if not answer:
            note("sent")
            if key not in open_calls:
                open_calls[key] = True
                note("new")
                pending.append((ns, 1))
                if command != "GREETING":
                    unacked.setdefault((client, server, by_client), []).append((seq, command))
                    cong.append((ns, 1))
        elif open_calls.get(key):
            open_calls[key] = False
            note("fin")
            pending.append((ns, -1))
        waiting = unacked.get((client, server, not by_client), [])
        while waiting and waiting[0][0] <= recv_seq:
            times.setdefault((waiting.pop(0)[1], "ackd"), []).append(ns)
            cong.append((ns, -1))
    trigger = None
    at = lambda ns: "@%d.%09d" % divmod(ns, S)
    for width, n in ((10 * MS, 1), (70 * MS, 3)):
        files = make(os.path.join(work, "fence-client.tar.zst"), os.path.join(work, "plots"), "--source", "trace", "--from",
                     at(begin), "--to", at(end), "--interval", "%dms" % (width // MS), "--smooth", str(n))
        if trigger is None:
            out = subprocess.run([program, "report", os.path.join(work, "fence-client.tar.zst"), "--json"], capture_output=True)
            import json
            trigger = json.loads(out.stdout)["trigger_monotonic_ns"]
        commands = sorted({c for c, _ in times})
        check("files", sorted(files), sorted(["%s.%s" % (c, f) for c in commands for f in ("new", "sent", "ackd", "fin")
                                              if (c, f) != ("GREETING", "ackd")] + ["cong", "pending"]))
        for name, rows in files.items():
            where = "%s at %d ms by %d" % (name, width // MS, n)
            if "." in name:
                compare(where, rows, rates(times.get(tuple(name.split(".")), []), begin, end, width, n, trigger))
            else:
                compare(where, rows, levels(cong if name == "cong" else pending, begin, end, width, n, trigger))


# ---- by hand ----

def rules():
    rows = [(1, 0), (2, 0), (3, 0), (4, 5), (5, 0), (6, 7), (7, 0), (8, 0)]
    check("the rules of this file: zeros", compress(rows), [(1, 0), (3, 0), (4, 5), (5, 0), (6, 7), (7, 0), (8, 0)])
    check("the rules of this file: smoothing", smooth([(1, 2), (2, 4), (3, 9), (4, 5), (5, 1)], 2), [(1.5, 3), (3.5, 7), (5, 1)])
    # Two connections at each second; one of them ends, another begins.
    start, text = 1000 * S, "# scoutfs-trace series 1 tcpinfo every 1 s\n"
    line = "10.0.0.1:5000 10.0.0.%d:4000 state=established cwnd=%d rtt_us=%d notsent=%d total_retrans=%d\n"
    seconds = [[(1, 10, 100, 0, 5), (2, 20, 300, 0, 7)], [(1, 10, 100, 0, 5), (2, 20, 300, 0, 7)],
               [(1, 10, 100, 0, 5), (2, 20, 300, 0, 7)], [(1, 11, 100, 500, 6), (2, 20, 500, 0, 9)],
               [(1, 11, 100, 0, 6), (3, 1, 900, 40, 3)], [(1, 11, 100, 0, 6), (3, 2, 900, 0, 3)], []]
    for i, rows in enumerate(seconds):
        section = "".join(line % r for r in rows)
        text += "@ %d 1000 1\n= %d tcp_info\n%s\n" % (start + i * S, len(section), section)
    with open(work + "/tcpinfo.txt", "w") as f:
        f.write(text)
    out = subprocess.run([argument, "--output", work, "--real-minus-mono", str(1795172415 * S), "--series",
                          "tcpinfo=" + work + "/tcpinfo.txt"], check=True, capture_output=True, text=True).stdout.strip()
    files = make(out, work + "/tcp")
    check("cwnd", files["cwnd"], [(0, 30), (1, 30), (2, 30), (3, 31), (4, 12), (5, 13), (6, 0)])
    check("backlog", files["backlog"], [(0, 0), (2, 0), (3, 500), (4, 40), (5, 0), (6, 0)])
    check("timeo", files["timeo"], [(0, 0), (2, 0), (3, 3), (4, 0), (6, 0)])
    check("rtt", files["rtt"], [(0, 200), (1, 200), (2, 200), (3, 300), (4, 500), (5, 500)])
    check("nothing else", sorted(files), ["backlog", "cwnd", "rtt", "timeo"])
    smoothed = make(out, work + "/tcp", "--smooth", "2")
    check("smoothed", smoothed["cwnd"], [(0.5, 30), (2.5, 30.5), (4.5, 12.5), (6, 0)])
    check("smoothed, then zeros", smoothed["timeo"], [(0.5, 0), (2.5, 1.5), (4.5, 0), (6, 0)])
    script = open(work + "/tcp/rpc.gp").read()
    check("what was measured and is 0 is not taken for nothing", re.findall('set title "(.*)"', script), ["cwnd", "backlog", "timeo", "rtt"])
    # Only the seconds without retransmissions.
    make(out, work + "/tcp", "--from", "-6s", "--to", "-4s")
    script = open(work + "/tcp/rpc.gp").read()
    check("0 all along", re.findall('set title "(.*)"', script), ["cwnd", "backlog: 0 all along", "timeo: 0 all along", "rtt"])


# ---- beside the simulator ----

def requests(pcap, port):
    """[(us, requests)] of each packet of Ethernet and IPv4 with whole messages in it, as those of the loopback are."""
    at, found = 24, []
    while at < len(pcap):
        seconds, micros, kept = struct.unpack_from("<III", pcap, at)
        tcp = pcap[at + 16 + 14 + 20:at + 16 + kept]
        at += 16 + kept
        body, count = tcp[(tcp[12] >> 4) * 4:], 0
        while len(body) >= 32:  # bytes of data at 24, answers at 27
            count += body[27] == 0
            body = body[32 + struct.unpack_from("<H", body, 24)[0]:]
        found.append((seconds * 10 ** 6 + micros, count))
    return found


def sim():
    pcap, port, rate, seconds = work + "/sim.pcap", 23710, 400, 4
    # Whole packets: on a busy machine the loopback carries many messages in one of up to 64 KiB.
    dump = subprocess.Popen(["tcpdump", "-i", "lo", "-U", "-B", "32768", "-w", pcap,
                             "tcp portrange %d-%d" % (port, port + 9)], stderr=subprocess.PIPE, text=True)
    try:
        if not any("listening" in line for line in iter(dump.stderr.readline, "")):
            sys.exit("tcpdump does not listen")
        # Silence before the end: what was sent is on the wire, and not in a queue that goes with its connection.
        scenario = "port %d; rate %d; run %ds; rate 0; run 300ms" % (port, rate, seconds)
        said = subprocess.run([argument, "-c", scenario], check=True, capture_output=True, text=True).stdout
        counts = {m[1]: int(m[2]) for m in re.finditer(r"^count (\S+) (\d+)$", said, re.M)}
        # Until all of it is in the file.
        walk = [os.path.join(os.path.dirname(os.path.abspath(__file__)), "../sim/walk.py"), pcap, str(port), str(port + 9)]
        whole = "count tcp.messages %d\n" % counts["tcp.messages"]
        deadline = time.monotonic() + 90
        while whole not in subprocess.run(walk, capture_output=True, text=True).stdout and time.monotonic() < deadline:
            time.sleep(0.05)
    finally:
        dump.terminate()
        dump.communicate()
    check("walk.py has all of it", time.monotonic() < deadline, True)
    width = 100
    files = make(pcap, work + "/simplots", "--interval", "%dms" % width)
    # The last interval has another length, so that its rate is not as its count: by the stamps of the capture.
    stamps = []
    capture = open(pcap, "rb").read()
    at = 24
    while at < len(capture):
        seconds_, micros, kept = struct.unpack_from("<III", capture, at)
        stamps.append(seconds_ * 10 ** 6 + micros)
        at += 16 + kept
    length = lambda ms: (intervals(stamps[0], stamps[-1], ms * 1000)[-1][1] - intervals(stamps[0], stamps[-1], ms * 1000)[-1][0]) / 1000
    end = max(t for rows in files.values() for t, _ in rows)
    count = lambda name: sum(v * (length(width) if t == end else width) / 10 for t, v in files.get(name, []))
    asked = {m[1]: n for n in counts if (m := re.fullmatch(r"tcp\.(\S+)\.request", n))}
    for command, key in asked.items():
        for figure in ("new", "sent") if command == "GREETING" else ("new", "sent", "ackd"):
            close = abs(count("%s.%s" % (command, figure)) - counts[key]) < 0.5
            check("%s.%s: %s of %d" % (command, figure, count("%s.%s" % (command, figure)), counts[key]), close, True)
        answers = counts.get("tcp.%s.response" % command, 0)
        check("%s.fin of %d" % (command, answers), abs(count(command + ".fin") - answers) < 0.5, True)
    check("commands", sorted({n.split(".")[0] for n in files if "." in n}), sorted(asked))
    # The same in two seconds amid it as in the capture: a request begins with its packet, however busy the machine is.
    begun = {}
    for name, rows in files.items():
        if name.endswith(".new"):
            for t, v in rows:
                begun[round(t, 3)] = begun.get(round(t, 3), 0) + v
    steady = sum(v for t, v in begun.items() if 1 < t <= 3) * width / 10
    sent = sum(n for us, n in requests(capture, port) if 10 ** 6 <= us - stamps[0] < 3 * 10 ** 6)
    check("%.0f requests in two seconds of %d" % (steady, sent), sent > 50 and abs(steady - sent) <= 2, True)
    check("nothing is left", files["pending"][-1][1], 0)
    # What waits at a moment is what began until then and did not end: at each step of a millisecond, of all commands.
    files = make(pcap, work + "/simplots", "--interval", "1ms")
    for level, figure in (("pending", "fin"), ("cong", "ackd")):
        changes = sorted((t, v * (length(1) if t == end else 1) / 10 * by) for name, rows in files.items() for t, v in rows
                         for by in [{"new": 1, figure: -1}.get(name.split(".")[-1], 0)]
                         if by and (level == "pending" or not name.startswith("GREETING")))
        at, now, wrong = 0, 0, []
        for t, v in files[level]:
            while at < len(changes) and changes[at][0] <= t:
                now += changes[at][1]
                at += 1
            if abs(now - v) > 0.01:
                wrong.append((t, v, now))
        check(level + " at each moment", wrong[:3], [])
        check(level + " is something at times", max(v for _, v in files[level]) >= 1, True)


# ---- drawn ----

def pixels(png):
    """How many colours there are in it, without a library."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    at, body = 8, b""
    while at < len(png):
        length = int.from_bytes(png[at:at + 4], "big")
        if png[at + 4:at + 8] == b"IDAT":
            body += png[at + 8:at + 8 + length]
        at += 12 + length
    return zlib.decompress(body)


def draw():
    folder = work + "/drawn"
    make(os.path.join(work, "fence-client.tar.zst"), folder, "--interval", "100ms", "--smooth", "2")
    for form in ("svg", "png"):
        out = subprocess.run(["gnuplot", "-e", 'form="%s"' % form, "rpc.gp"], cwd=folder, capture_output=True, text=True)
        check("gnuplot %s" % form, (out.returncode, out.stderr), (0, ""))
    svg = open(folder + "/rpc.svg").read()
    for title in ("began", "sent", "acknowledged", "answered", "at the end of each interval", "LOCK", "pending"):
        check("title %s" % title, ">" + title + "<" in svg or title + "</text>" in svg, True)
    # Names in one column, right of the plot, each below the other.
    at = [(float(x), float(y), name) for x, y, name in
          re.findall(r'translate\(([\d.]+),([\d.]+)\)[^>]*text-anchor="end">\s*<text>(?:<tspan[^>]*>)?([A-Z][A-Z_]+|others)<', svg)]
    check("names are there", len(at) >= 24, True)
    check("in one column", len({x for x, _, _ in at}), 1)
    check("right of the plots", min(x - 6 * len(name) for x, _, name in at) > 900 and max(x for x, _, _ in at) < 1200, True)
    check("none on another", len({y for _, y, _ in at}), len(at))
    script = open(folder + "/rpc.gp").read()
    check("the mean of two stands amid them", ("histeps" in script, "fsteps" in script), (True, False))
    check("the trigger is marked", svg.count("rgb(255,   0,   0)") >= 5, True)
    check("lines are drawn", svg.count("<path") > 100, True)
    check("the picture is not empty", len(set(pixels(open(folder + "/rpc.png", "rb").read()))) > 8, True)
    if argument != work:
        shutil.copy(folder + "/rpc.png", os.path.join(argument, "gnuplot.png"))


{"trace": trace, "rules": rules, "sim": sim, "draw": draw}[what]()
for fault in faults[:20]:
    print(fault)
sys.exit(bool(faults))
