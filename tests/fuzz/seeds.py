#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Cut seeds for the fuzz targets from the captures under tests/data: seeds.py DATA OUT

Makes OUT/TARGET/NAME for every target. What was never captured (a session folder, command lines)
is written by hand here. Spool files are made by this script alone, checksums and all, from
scoutfs-trace-bundle(5). Needs zstd and tar.
"""
import json
import os
import struct
import subprocess
import sys

CUT = b"%%%%"
DATA, OUT = sys.argv[1], sys.argv[2]


def put(target, name, data):
    os.makedirs(os.path.join(OUT, target), exist_ok=True)
    with open(os.path.join(OUT, target, name), "wb") as f:
        f.write(data)


def unpacked(name):
    return subprocess.run(["zstd", "-dcq", os.path.join(DATA, "real", name)], check=True, stdout=subprocess.PIPE).stdout


def packed(data):
    # With its length in the frame's header, as the recorder writes it.
    return subprocess.run(["zstd", "-cq", "-3", "--stream-size=%d" % len(data)], check=True, input=data,
                          stdout=subprocess.PIPE).stdout


def le(value, size):
    return value.to_bytes(size, "little")


# ---- spool ----

CRC_TABLE = []
for n in range(256):
    c = n
    for _ in range(8):
        c = c >> 1 ^ (0x82F63B78 if c & 1 else 0)
    CRC_TABLE.append(c)


def crc32c(data):
    c = 0xFFFFFFFF
    for b in data:
        c = c >> 8 ^ CRC_TABLE[(c ^ b) & 0xFF]
    return c


def chunk(stream, ident, sequence, payload, first=10 ** 9, last=2 * 10 ** 9, records=1, lost=0, tail_at=None):
    frame = packed(payload)
    head = struct.pack("<II8sHHIQQQQQQQIII8x", 0x184D2A5C, 96, b"scoutfsT", 1, stream, ident, sequence, first, last,
                       len(payload), records, lost, tail_at or 0, int(tail_at is not None), len(frame), crc32c(frame))
    assert len(head) == 100
    return head + le(crc32c(head), 4) + frame


# ---- ring pages ----

def entries(page):
    """The entries of a page of the usual layout: (bytes)."""
    at, end = 16, 16 + (struct.unpack_from("<I", page, 8)[0] & 0x3FFFFFFF)
    while at < end:
        head = struct.unpack_from("<I", page, at)[0]
        kind = head & 31
        if kind == 29 and head >> 5 == 0:
            return
        if kind in (0, 29):
            size = 4 + (struct.unpack_from("<I", page, at + 4)[0] + 3 & ~3)
        else:
            size = 8 if kind >= 30 else 4 + 4 * kind
        yield page[at:at + size]
        at += size


def short_page(stamp, parts, room, flags=0, missed=None, pad=True):
    data = b""
    for p in parts:
        if len(data) + len(p) > room - 16 - (8 if missed is not None else 0):
            break
        data += p
    page = le(stamp, 8) + le(len(data) | flags, 8) + data + (le(missed, 8) if missed is not None else b"")
    return page + bytes(room - len(page)) if pad else page


def ring():
    raw, marker = unpacked("ring/cpu0.raw.zst"), unpacked("ring/marker-cpu1.raw.zst")
    pages = [raw[i:i + 4096] for i in range(0, len(raw), 4096)]
    marks = [marker[i:i + 4096] for i in range(0, len(marker), 4096)]
    put("ringpage", "whole-page", b"\0\0" + pages[3])
    put("ringpage", "marker-pages", b"\0\0" + marks[10] + marks[11])
    for n, page in enumerate(pages[5:45:4] + marks[5:85:8]):
        stamp, parts = struct.unpack_from("<Q", page)[0], list(entries(page))
        front = short_page(stamp, parts[:4], 256)
        put("ringpage", "pair-%d" % n, b"\2\0" + front + short_page(stamp + 10 ** 6, parts[4:], 256))
        put("ringpage", "missed-%d" % n, b"\2\5" + short_page(stamp, parts, 256, 0xC0000000, 7) + front)
    # One of each rare entry: time extend, absolute stamp, discarded event, long event, end padding.
    rare = [le(30 | 9 << 5, 4) + le(5, 4), le(31 | 3 << 5, 4) + le(8, 4), le(29 | 1 << 5, 4) + le(8, 4) + bytes(4),
            le(0 | 2 << 5, 4) + le(12, 4) + b"longdata", le(2 | 1 << 5, 4) + b"abcdefgh", le(29, 4) + le(4, 4)]
    put("ringpage", "rare", b"\2\0" + short_page(1 << 40, rare, 256) + short_page(1 << 60, rare, 256))
    put("ringpage", "rare-narrow", b"\3\0" + short_page(1 << 40, rare, 128)[:8] + le(60, 4) + b"".join(rare)[:108])
    return pages


def layout(pages):
    out = os.path.join(OUT, "events")
    os.makedirs(out, exist_ok=True)
    subprocess.run(["tar", "--zstd", "-xf", os.path.join(DATA, "real", "events.tar.zst"), "-C", out], check=True)
    found = {}
    for folder, _, names in os.walk(out):
        for name in names:
            with open(os.path.join(folder, name), "rb") as f:
                found.setdefault(name if name != "format" else os.path.basename(folder), f.read())
    subprocess.run(["rm", "-rf", out], check=True)
    header = found["header_page"]
    put("layout", "real", header)
    put("layout", "small", header.replace(b"size:4080", b"size:240") + CUT + short_page(9, entries(pages[3]), 256))
    put("layout", "narrow", b"\tfield: u64 timestamp;\toffset:0;\tsize:8;\n\tfield: local_t commit;\toffset:8;\tsize:4;\n"
        b"\tfield: char data;\toffset:12;\tsize:244;\n")
    # As they are for tracedat(); and the longer ones, each of another length, for printing().
    formats = sorted(found.values(), key=len)
    printing([f for f in formats if f.startswith(b"name: ") and len(f) < 6000][::9])
    return header, found["header_event"], formats[20:23]


def tracedat(header, event_header, formats):
    small = b"\tfield: u64 timestamp;\toffset:0;\tsize:8;\n\tfield: local_t commit;\toffset:8;\tsize:8;\n" \
            b"\tfield: char data;\toffset:16;\tsize:4080;\n"
    numbers = bytes([0x1C, 0x20, 0x31]) + le(100, 8) + b"\2" + le(10 ** 18 + 7, 8) + b"\3\4\0\0\0\0\0\0"
    put("tracedat", "plain", CUT.join([numbers, small, b"# compressed entry header\n", b"", b"", b"1 init\n", b"entries: 1\n",
                                       b"local global [mono]", b"Linux host 6.1.0 x86_64"]))
    put("tracedat", "kernel", CUT.join([numbers, header, event_header[:200], formats[0][:300],
                                        b"ffffffff81000000 T _text\n", b"1 a\n2 b\n", b"overrun: 0\n", b"[mono]", b""]))
    put("tracedat", "sizes", CUT.join([bytes([4, 0, 8]) + le(65536, 4) + le(77, 8) + b"\1" + le(5, 8) + b"\1\xff"]))


def printing(formats):
    """For tracedat_read, event_format and print, from real formats."""
    text = le(7, 2) + bytes(2) + le(12, 4) + bytes(range(72))
    for n, one in enumerate(formats):
        fields = b"".join(l + b"\n" for l in one.split(b"\n") if l.startswith(b"\tfield:") and b"common_" not in l)
        fmt = one.partition(b"print fmt: ")[2].rstrip(b"\n")
        put("event_format", "real-%d" % n, text + CUT + one)
        put("print", "real-%d" % n, CUT.join([text, fmt, fields, b"ffffffff81000000 T f\n", b'0x0 : "a %d %s\\n"\n']))
    for n, fmt in enumerate((
            b'"%d %u %llx %s %s", REC->b, REC->c, REC->a, REC->s, __get_str(z)',
            b'"%s %s %s", __print_flags(REC->d, "|", { 1, "a" }, { 2, "b" }), '
            b'__print_symbolic(REC->c, { 1, "x" }), __print_array(REC->t, 2, 4)',
            b'"%s %pS %p %.*s %*d", __print_hex(REC->s, REC->d), REC->p, REC->p, REC->b, REC->s, 5, REC->d',
            b'"%d %s %d", REC->t[REC->d], REC->d > 3 ? "a" : __get_str(z), (int)(REC->a >> 40) / 1000')):
        put("print", "made-%d" % n, CUT.join([text, fmt]))
    head = b"\x17\x08\x44tracing6\0\0\x08" + le(4096, 4)
    head += b"header_page\0" + le(3, 8) + b"abc" + b"header_event\0" + le(2, 8) + b"de" + le(0, 4) + le(1, 4)
    head += b"scoutfs\0" + le(1, 4) + le(len(formats[0]), 8) + formats[0] + le(4, 4) + b"kall" + le(2, 4) + b"pr"
    put("tracedat_read", "head", b"\0" + head)
    options = ((1, b"0x5\0"), (7, b"-3\0"), (2, b"CPU: 0\n\0"), (4, b""), (5, b"Linux\0"), (8, le(2, 4)), (3, b"abc"))
    tail = le(7, 8) + b"1 init\n" + le(2, 4) + b"options  \0" + b"".join(le(k, 2) + le(len(v), 4) + v for k, v in options)
    tail += le(0, 2) + b"flyrecord\0" + b"".join(le(v, 8) for v in (4096, 8192, 12288, 0)) + le(6, 8) + b"[mono]"
    put("tracedat_read", "tail", b"\1" + tail)


def context():
    for n, line in enumerate((b"uname.txt              ok             68 bytes     12 ms  @817.003412  uname -a",
                              b"modules.txt            failed         58 bytes      0 ms  /proc/modules")):
        put("context", "line-%d" % n, line)


def kmsg():
    lines = []
    for name in ("fence-leader", "triggers"):
        lines += unpacked("kmsg/%s.kmsg.zst" % name).split(b"\n")
    seen = set()
    for n, line in enumerate(lines):
        text = line.partition(b";")[2]
        shape = b" ".join(w for w in text.split()[:6] if w.isalpha())[:30]
        if shape in seen or line[:1] == b" " or not text or (b"scoutfs" not in text and b"\\x" not in text and n % 40):
            continue
        seen.add(shape)
        put("kmsg", "line-%d" % n, le(1763632802123456789, 8) + line + b"\n")
        if b"scoutfs" in text and b"server" in text or b"client" in text:
            put("discover", "log-%d" % n, b"\0" + text)
        if b"scoutfs" in text:
            put("triggers", "line-%d" % n, b"nheartbeat-silence" + CUT + text)
    story = b"".join(b"\0" + le(n * 10 ** 9, 8) + b"\0" + line.partition(b";")[2] + b"\n"
                     for n, line in enumerate(l for l in lines if b"scoutfs f" in l))
    beat = b"\1" + le(7, 8) + b"\0\1\1\1\2\0\1" + le(3, 8)
    message = b"\2" + le(9, 8) + b"\7\1\0\1\1\7\0" + le(5, 8)
    for name, at in (("triggered", 40 * 10 ** 9 + 1), ("ended", 0)):
        put("verdict", name, le(at, 8) + b"scoutfs f.aaaaaa.r.111111: client 10.0.0.1:5 reconnect timed out, fencing\n" + story)
    put("verdict", "traffic", le(11, 8) + b"scoutfs f.aaaaaa.r.1: fencing previous leader\n" + beat * 3 + message * 2)
    sample = b"@ 123456789 4567 2\n= 12 /proc/vmstat\npgin 1\nb 22\n\n! ENOENT 0 /proc/no\\x0asuch\n"
    put("series", "member", b"# scoutfs-trace series 1 vmstat every 0.25 s\n" + sample + sample.replace(b"456", b"5"))
    put("series", "cut", sample + sample[:30])
    put("kmsg", "device", le(0, 8) + b"6,1,2,c,caller=T1;a \\x41 \\x5cx\n SUBSYSTEM=net\n DEVICE=n1\n")
    # Lines of kernel.log, by scoutfs-trace-bundle(5).
    for n, line in enumerate((b"2026-11-20T10:00:02.123456Z [   12.345678] kern.info 1 scoutfs f.3d167d.r.d8ec8b: server closing",
                              b"1970-01-01T00:00:00.000000Z [    0.000000] user.err 18446744073709551615 a \\x1b[31m \\x5cx \\xff",
                              b"2262-04-11T23:47:16.854775Z [9999999.999999] nobodys.debug 7 \\x", b"2024-02-29T23:59:60.9Z [1.0] k.x 1 ")):
        put("kmsg", "kernel-log-%d" % n, le(0, 8) + line)


def packets():
    for name, mode in (("workload-en10mb", 0), ("workload-sll1", 3), ("fence-client-sll2", 4), ("fence-leader-sll2", 4)):
        raw, at, seen = unpacked("pcap/%s.pcap.zst" % name), 24, set()
        while at < len(raw) and len(seen) < 12:
            size = struct.unpack_from("<I", raw, at + 8)[0]
            packet = raw[at + 16:at + 16 + size]
            at += 16 + size
            if min(size, 200) // 16 in seen:
                continue
            seen.add(min(size, 200) // 16)
            put("wire", "%s-%d" % (name, len(seen)), bytes([mode]) + packet[:200])
            if size < 120 and packet[-32:-24] != bytes(8):
                put("wire", "quorum-%s-%d" % (name, len(seen)), b"\x80" + packet[-32:])
    v6 = b"\x60\0\0\0" + struct.pack(">HBB", 36, 0, 64) + bytes(15) + b"\1" + bytes(15) + b"\2"
    options = b"\x2c\0" + bytes(6) + b"\x11\0\0\0\0\0\0\1" + struct.pack(">HHHH", 5000, 5001, 20, 0) + b"payload-here"
    put("wire", "v6-extensions", b"\2" + v6 + options)
    put("wire", "vlan", b"\0" + bytes(12) + b"\x81\0\0\5\x86\xdd" + v6 + options)
    put("wire", "address", b"\0fd00::5")


def flow_packet(server, flags, payload, which=0, ahead=0, when=1, extra=0):
    return bytes([server | which << 1 | flags << 3, when, extra]) + le(ahead & 0xFFFF, 4) + bytes([len(payload)]) + payload


def streams():
    """Captures as they are, and their TCP packets in the order that fuzz_tcpflow.c takes."""
    syn, ack, fin, rst = 2, 16, 17, 4
    for name in ("workload-en10mb", "workload-sll1", "fence-client-sll2", "fence-leader-sll2"):
        raw = unpacked("pcap/%s.pcap.zst" % name)
        at, link, packets, ports = 24, {"en10mb": 14, "sll1": 16, "sll2": 20}[name.rsplit("-", 1)[1]], [], {}
        while at < len(raw) and len(packets) < 400:
            size = struct.unpack_from("<I", raw, at + 8)[0]
            ip = raw[at + 16 + link:at + 16 + size]
            at += 16 + size
            if ip[9] != 6:
                continue
            tcp = ip[20:]
            source, destination = struct.unpack_from(">HH", tcp)
            payload = tcp[(tcp[12] >> 4) * 4:]
            server = int(19700 <= source <= 19702)
            which = ports.setdefault(destination if server else source, len(ports)) % 4
            if payload and len(payload) < 256:
                packets.append((server, which, payload))
        put("pcapfile", name, bytes(range(3, 19)) + raw[:1500])
        put("pcapfile", name + "-long", b"\xff" * 16 + raw[:4000])
        for n in range(0, len(packets), 40):
            some = packets[n:n + 12]
            put("tcpflow", "%s-%d" % (name, n), b"\x0c" + b"".join(flow_packet(s, ack, p, w) for s, w, p in some))
            put("tcpflow", "%s-late-%d" % (name, n), b"\x0f" + b"".join(
                flow_packet(s, ack, p, w, when=64 | 2, ahead=len(p)) + flow_packet(s, ack, p, w, when=3) for s, w, p in some[:6]))
    greeting = struct.pack("<QQQHBBB3x", 2, 0, 2, 40, 0, 0, 0) + bytes(40)
    lock = struct.pack("<QQQHBBB3x", 3, 1, 3, 48, 7, 0, 0) + bytes(48)
    hello = flow_packet(0, syn, b"") + flow_packet(1, syn | ack, b"") + flow_packet(0, ack, greeting)
    put("tcpflow", "life", b"\0" + hello + flow_packet(1, ack, lock) + flow_packet(0, fin, b"") + flow_packet(1, fin, b""))
    put("tcpflow", "refused", b"\0" + flow_packet(0, syn, b"") + flow_packet(1, rst | ack, b"") + hello)
    put("tcpflow", "greets-again", b"\0" + hello + flow_packet(1, ack, lock) + flow_packet(0, ack, greeting) + flow_packet(1, ack, lock))
    put("tcpflow", "halves", b"\x0c" + hello + b"".join(flow_packet(1, ack, lock[i:i + 20]) for i in range(0, 80, 20)))
    put("tcpflow", "cut", b"\x0c" + flow_packet(1, ack, lock[:40], extra=40) * 3 + flow_packet(1, ack, lock[:20], extra=60) * 2)
    put("pcapfile", "big-endian", bytes(16) + struct.pack(">IHHIIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1) +
        struct.pack(">IIII", 5, 6, 4, 9) + b"data" + struct.pack(">IIII", 5, 6, 0, 0))
    put("pcapfile", "next-generation", bytes(16) + b"\x0a\x0d\x0d\x0a" + bytes(30))


def discover():
    folder = os.path.join(DATA, "real", "host")
    for n, name in enumerate(sorted(os.listdir(folder))):
        if name.endswith(".connections"):
            with open(os.path.join(folder, name), "rb") as f:
                put("discover", "connections-%d" % n, b"\1" + f.read()[:1500])
    head = bytearray(640)
    head[120:152] = b"\1\0\x88\x13\5\0\0\x0a" + bytes(24)
    block = bytearray(640)
    block[40 + 2 * 40 + 16] = 4
    put("discover", "super", b"\x82" + bytes(head) + bytes(block))


def hand_written():
    for n, text in enumerate(("36 35 98:0 /mnt1 /mnt\\0402 rw,noatime shared:1 master:2 - ext3 /dev/root rw\n"
                              "37 1 8:1 / / rw - xfs /dev/sda1 rw\n",
                              "Name:\tx\nCapInh:\t0000000000000000\nCapEff:\t000001ffffffffff\n",
                              "         0          0 4294967295\n", "MemTotal: 16 kB\nMemAvailable:   12345 kB\n",
                              "1: FLOCK  ADVISORY  WRITE 812 08:01:1234 0 EOF\n2: -> FLOCK ADVISORY WRITE 9 08:01:1234 0 EOF\n")):
        put("host", "file-%d" % n, bytes([n]) + text.encode())
    for n, text in enumerate(("90", "1.5s", "250ms", "3d", "64M", "1.5G", "10KiB", "18446744073709551615", "durration",
                              "0.000000001h", "16EiB", "5PB")):
        put("text", "value-%d" % n, le(3 ** (3 * n), 8) + text.encode())
    for n, text in enumerate(("scoutfs", "scoutfs:*", "block:block_rq_error", "sched:sched_waking/pid == 1 && comm ~ \"a*\"",
                              "scoutfs:/x", ":x", "a:b/")):
        put("event", "spec-%d" % n, b"\0" + text.encode())
    trace = unpacked("ring/trace.txt.zst").split(b"\n")
    for n in list(range(0, 12)) + list(range(12, 12000, 1500)):
        put("event", "line-%d" % n, b"\1" + trace[n])
    put("event", "line-lost", b"\1CPU:1 [LOST 47 EVENTS]")
    put("event", "line-name", b"\1     my task 1-1234    [001] d.h1.  1234.567890: sched_waking: comm=x pid=1")
    for n, text in enumerate(("fusurped\nselection\nnhung-task\npscript", "flog:server (closing|gone)[a-z]*$\nssilence:5",
                              "fevent:block:block_rq_complete/error != 0\nnevent:block:block_rq_complete/error != 0",
                              "flog:(", "fnothing", "ssilence:0", "plog", "fevent", "sio-error\nfusurpd")):
        put("triggers", "choices-%d" % n, text.encode() + CUT + b"scoutfs f.3d167d.r.d8ec8b error: client fence "
            b"returned err -67, shutting down server")
    for n, text in enumerate(("10.0.0.5 5000", "check --json fd00::5 5000", "recover --output-dir=/x /y", "status -qv", "stop",
                              "help record", "-e scoutfs --events=block:* --before 30 --after=2s --disk-budget=1G 10.0.0.5 5000",
                              "--trigger usurped --suspect log:x.* --no-trigger oops --preset=script", "--help", "--version",
                              "--list-triggers --json", "--log-facility=any --duration 1h -- sleep 5", "10.0.0.5:5000",
                              "--bfore 3", "-before 3", "--before", "--lag=0", "recovr", "--completion=bash", "stop now", "--")):
        put("options", "line-%d" % n, text.replace(" ", "\n").encode())
    for n, text in enumerate(("# all\nlag = 1s\n[report] # those\nlimit=3", "trigger = 'log:a b' # it\n", 'event = "a\\"\\x41\\n"',
                              "lag 1s", "[x", "a = 'b", "a = b c")):
        put("config", "form-%d" % n, text.encode())


def folders(header, pages):
    facts = {
        "format": "scoutfs-trace-session", "version": 1, "stem": "scoutfs-trace.n1.20261120T100000Z.AbCdEf",
        "suffix": "AbCdEf", "tool_version": "0.1.0", "host": "n1", "kernel": "6.1.0", "machine": "x86_64",
        "boot_id": "x", "created_realtime_ns": 1763632802123456789, "created_monotonic_ns": 5 * 10 ** 8,
        "server": "10.0.0.5:5000", "command_line": ["scoutfs-trace", "10.0.0.5"], "budgets": {"disk_bytes": 1 << 30},
        "triggers": [{"name": "usurped", "role": "final", "kind": "log", "spec": "x"}],
        "sources": {"ftrace": {"trace_clock": "local [mono]", "uname": "Linux", "cpus": 2, "page_bytes": 4096,
                               "commit_offset": 8, "commit_bytes": 8, "data_offset": 16}, "packets": {}, "kmsg": {"a": 1}}}
    lines = [
        {"anchor": {"realtime_ns": 1763632802123456789, "monotonic_ns": 10 ** 9}},
        {"gap": {"number": 1, "source": "ftrace", "kind": "fault", "id": 1, "from_ns": 1, "to_ns": 2, "count": 3,
                 "uncounted": False, "reason": "ring overrun"}},
        {"gap": {"number": 2, "source": "spool", "kind": "retention", "from_ns": 1, "to_ns": 2, "reason": "budget"}},
        {"gap": {"number": 1, "source": "ftrace", "kind": "fault", "from_ns": 1, "to_ns": 9, "count": 5, "uncounted": True}},
        {"source": {"name": "packets", "status": "degraded", "why": "a queue"}},
        {"suspect": {"trigger": "server-closing", "role": "suspect", "text": "closing", "monotonic_ns": 5, "realtime_ns": 6}},
        {"cpu_stats": ["entries: 1\n", None]}, {"totals": {"ftrace": 3, "packets": 1, "kmsg": 1, "clocks": 1}},
        {"timings": {"frozen_monotonic_ns": 7}},
        {"stop": {"reason": "trigger", "trigger": "usurped", "role": "final", "text": "saw \u001b[2J it", "monotonic_ns": 8,
                  "realtime_ns": 9}}]
    text = json.dumps(facts).encode()
    journal = b"".join(json.dumps(x).encode() + b"\n" for x in lines)
    losses = b"".join((json.dumps(x).encode() + b"\n").ljust(512) for x in lines[1:4])
    put("folder", "ended", text + CUT + journal)
    put("folder", "losses", text + CUT + journal[:200] + CUT + losses + b'{"gap":')
    put("folder", "died", text + CUT + journal[:journal.index(b'{"totals')] + b'{"suspect": {"tri')
    put("folder", "bare", b'{"format":"scoutfs-trace-session","version":1}' + CUT)
    for n, x in enumerate([facts] + lines):
        put("json", "object-%d" % n, bytes([n & 1]) + json.dumps(x).encode())
    put("json", "words", b'\0[true, false, null, -0.5e+3, "\\u00e9\\ud83d\\ude00\\n", {}, [], 18446744073709551615]')
    put("json", "string", b"\2a\"b\\\xc3\xa9\xff\0\x1b")
    put("status", "recording", json.dumps({
        "state": "recording", "pid": 5, "armed_mono_ns": 1, "now_mono_ns": 10 ** 11, "armed_real_ns": 1763632802123456789,
        "retention_ns": 10 ** 9, "before_ns": 3 * 10 ** 10, "server": "10.0.0.5:5000", "events": 7, "events_per_s": 8,
        "packets": 9, "heartbeats": 3, "heartbeats_per_s": 10, "last_heartbeat_age_ns": 5, "log_records": 1,
        "sources": [{"name": "kmsg", "status": "failed", "why": "x"}], "lost": [{"source": "ftrace", "count": 5, "uncounted": True}],
        "triggers": [{"name": "a", "role": "final", "armed": True, "fired": 2}, {"name": "b", "role": "suspect", "armed": False}],
        "suspects": 2, "proof": "p", "disk_bytes": 1, "disk_budget_bytes": 2, "memory_bytes": 3, "session": "/x"}).encode())
    put("status", "ended", b'{"state":"finishing","heartbeats":0,"lost":[]}')

    page = short_page(10 ** 9, entries(pages[3]), 4096)[:300] + bytes(3796)
    log = b"2026-11-20T10:00:02.123456Z [    1.000000] kern.info 400 scoutfs f.1.r.2: server closing\n"
    one = chunk(1, 0, 1, page) + chunk(3, 0, 1, log) + chunk(4, 0, 1, b"1,2,3\n")
    two = chunk(1, 0, 3, page, 3 * 10 ** 9, 4 * 10 ** 9) + chunk(1, 1, 1, page) + chunk(2, 0, 1, bytes(40))
    tail = chunk(3, 0, 2, log[:50], tail_at=0) + chunk(3, 0, 2, log[50:], tail_at=50) + chunk(1, 0, 4, page, tail_at=0)
    put("chunk", "ring", b"\0" + one[:200])
    put("chunk", "log", b"\1" + chunk(3, 0, 1, log))
    put("chunk", "tail", b"\0" + tail)
    put("segments", "whole", b"\2" + CUT.join([one, two, tail]))
    put("segments", "headers", b"\0" + CUT.join([one, two, tail]))
    put("segments", "torn", b"\2" + CUT.join([one, two[:300], tail[:-9]]))
    put("segments", "sealed-after-all", b"\2" + CUT.join([one, chunk(3, 0, 2, log), tail]))
    head = packed(b"\x17\x08\x44tracing6\0\0\x08" + le(4096, 4) + header)
    heads = le(0xA1B23C4D, 4) + bytes(20)
    put("finish", "ended", b"\0" + CUT.join([text, journal, one, two, head, heads, b"1 init\n2 x\n", b"Linux n1\n"]))
    put("finish", "log-only", b"\0" + CUT.join([text, journal[:300], chunk(3, 0, 1, log)]))
    put("finish", "damaged", b"\1" + CUT.join([text, journal, one[:-3] + b"xyz", two, head]))


def bundles(header, event_header, formats, pages):
    """Small recordings in the forms that fuzz_bundle takes: 0 a file, 1 pieces of an assembled bundle, 2 a folder."""
    page = short_page(10 ** 9, entries(pages[3]), 4096)[:300] + bytes(3796)
    log = b"2026-11-20T10:00:02.123456Z [    1.000000] kern.info 400 scoutfs f.1.r.2: server closing\n"
    pcap = le(0xA1B23C4D, 4) + le(2, 2) + le(4, 2) + bytes(8) + le(262144, 4) + le(276, 4)
    packet = le(1795172458, 4) + le(5, 4) + le(24, 4) + le(60, 4) + bytes(24)
    columns, row = b"monotonic_ns,realtime_ns,boottime_ns,tai_ns,bound_ns\n", b"1000000000,1795172458000000000,1,1,100\n"
    manifest = json.dumps({"format": "scoutfs-trace-bundle", "version": 1, "clocks": {"anchors": [
        {"when": "end", "monotonic_ns": 10 ** 9, "realtime_ns": 1795172458 * 10 ** 9}]},
        "members": [{"path": "kernel.log", "bytes": len(log)}]}).encode()
    facts = json.dumps({"format": "scoutfs-trace-session", "version": 1, "stem": "s", "sources": {"ftrace": {
        "cpus": 2, "page_bytes": 4096, "trace_clock": "[mono]"}}}).encode()
    journal = b'{"anchor":{"monotonic_ns":1000000000,"realtime_ns":1795172458000000000}}\n'
    head = b"\x17\x08\x44tracing6\0\0\x08" + le(4096, 4)
    head += b"header_page\0" + le(len(header), 8) + header + b"header_event\0" + le(len(event_header), 8) + event_header
    head += le(0, 4) + le(1, 4) + b"scoutfs\0" + le(1, 4) + le(len(formats[0]), 8) + formats[0] + le(0, 4) + le(0, 4)
    tail = le(7, 8) + b"1 init\n" + le(1, 4) + b"options  \0" + le(0, 2) + b"flyrecord\0"
    at = (len(head) + len(tail) + 16 + 4095) // 4096 * 4096
    tail += le(at, 8) + le(8192, 8)
    trace = (head + tail).ljust(at, b"\0") + page + page

    def tar_header(name, size, kind=b"0"):
        h = name.encode().ljust(100, b"\0") + b"0000600\0" + b"0000000\0" * 2 + b"%011o\0" % size + b"0" * 11 + b"\0"
        h = (h + b"        " + kind).ljust(257, b"\0") + b"ustar\00000" + b"root".ljust(80, b"\0") + b"S"
        h = h.ljust(512, b"\0")
        return h[:148] + b"%06o\0 " % sum(h) + h[156:]

    def member(name, data):
        return tar_header(name, len(data)) + data + bytes(-len(data) % 512)

    files = [("manifest.json", manifest), ("kernel.log", log), ("packets.pcap", pcap + packet), ("clocks.csv", columns + row),
             ("context/start/x", b"Linux\n"), ("trace.dat", trace)]
    tar = b"".join(member(*f) for f in files) + bytes(1024)
    put("bundle", "tar", b"\0" + tar)
    put("bundle", "tar-zst", b"\0" + packed(tar))
    put("bundle", "tar-gz", b"\0" + subprocess.run(["gzip", "-nc"], check=True, input=tar, stdout=subprocess.PIPE).stdout)
    put("bundle", "trace", b"\0" + trace)
    put("bundle", "pcap", b"\0" + pcap + packet + packet[:30])

    def piece_chunk(stream, ident, sequence, payload):
        return [struct.pack("<8sHHIQQQQQQQIII8x", b"scoutfsT", 1, stream, ident, sequence, 10 ** 9, 2 * 10 ** 9, len(payload),
                            1, 0, 0, 0, 0, 0).rstrip(b"\0"), payload]

    pieces, row_bytes = [], b""
    for name, data in files:
        pieces.append(tar_header(name, len(data)))
        row_bytes += packed(tar_header(name, len(data)))
        kind = {"kernel.log": 3, "packets.pcap": 2, "clocks.csv": 4, "trace.dat": 1}.get(name, 0)
        front = {"packets.pcap": len(pcap), "clocks.csv": len(columns), "trace.dat": at}.get(name, 0 if kind else len(data))
        pieces += [data[:front]] * (front > 0)
        row_bytes += packed(data[:front]) if front else b""
        if kind:
            pieces += piece_chunk(kind, 0, 1, data[front:])
            row_bytes += chunk(kind, 0, 1, data[front:])
        pieces += [bytes(-len(data) % 512)] * (len(data) % 512 > 0)
        row_bytes += packed(bytes(-len(data) % 512)) if len(data) % 512 else b""
    put("bundle", "assembled", b"\0" + row_bytes + packed(bytes(1024)))
    put("bundle", "assembled-cut", b"\0" + row_bytes[:-700])
    put("bundle", "pieces", b"\1" + CUT.join(pieces + [bytes(1024)]))
    put("bundle", "pieces-some", b"\1" + CUT.join(pieces[:2] + pieces[5:9] + [b"junk"] + pieces[10:]))

    one = chunk(1, 0, 1, page) + chunk(3, 0, 1, log) + chunk(4, 0, 1, row)
    two = chunk(1, 0, 2, page, 3 * 10 ** 9, 4 * 10 ** 9) + chunk(1, 1, 1, page) + chunk(2, 0, 1, packet)
    open_chunks = chunk(3, 0, 2, log[:50], tail_at=0) + chunk(3, 0, 2, log[50:], tail_at=50) + chunk(1, 0, 3, page, tail_at=0)
    put("bundle", "session", b"\2" + CUT.join([facts, journal, one, two, open_chunks, packed(head), b"1 init\n2 x\n", pcap, columns]))
    put("bundle", "session-torn", b"\2" + CUT.join([facts, journal[:40], one[:-9], two, open_chunks[:-5], b"", b"1 init"]))
    put("bundle", "folder", b"\2" + CUT.join([b""] * 9 + [manifest, trace, log, pcap + packet, columns + row, b"Linux\n"]))


ring_pages = ring()
header_page, header_event, event_formats = layout(ring_pages)
tracedat(header_page, header_event, event_formats)
context()
kmsg()
packets()
streams()
discover()
hand_written()
folders(header_page, ring_pages)
bundles(header_page, header_event, event_formats, ring_pages)
