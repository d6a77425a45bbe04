#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Walk a capture of scoutfs traffic and count what is in it, as `count NAME N` lines.

Shares nothing with the simulator or the tool: tests compare its counts with the simulator's summary. Reads classic
pcap, plain or zstd (through the zstd program), of link types EN10MB, RAW, LINUX_SLL and LINUX_SLL2.
Exit status: 0; 1 if anything on the wire was wrong (each complaint on stderr)."""
import collections
import struct
import subprocess
import sys

CMDS = """GREETING ALLOC_INODES GET_LOG_TREES COMMIT_LOG_TREES SYNC_LOG_TREES GET_ROOTS GET_LAST_SEQ LOCK LOCK_RECOVER
SRCH_GET_COMPACT SRCH_COMMIT_COMPACT GET_LOG_MERGE COMMIT_LOG_MERGE OPEN_INO_MAP GET_VOLOPT SET_VOLOPT CLEAR_VOLOPT
RESIZE_DEVICES STATFS FAREWELL""".split()
UDP = ["request-vote", "vote", "heartbeat", "resignation"]
# data bytes of request, response; None where several are right
SIZES = {0: (40, 40), 1: (8, 16), 2: (0, 472), 3: (472, 0), 4: (0, 0), 5: (0, 72), 6: (0, 8), 7: (48, 48),
         8: (32, None), 9: (0, 584), 10: (584, 0), 11: (0, None), 12: (208, 0), 13: (16, 144), 14: (0, 520),
         15: (520, 0), 16: (520, 0), 17: (16, 0), 18: (0, 56), 19: (0, 0)}
BOTH = {7, 13}
FROM_SERVER = {4, 8}

counts = collections.Counter()
faults = 0


def fault(text):
    global faults
    faults += 1
    if faults <= 20:
        print("walk: " + text, file=sys.stderr)


def crc32c_table():
    table = []
    for i in range(256):
        for _ in range(8):
            i = i >> 1 ^ (0x82F63B78 if i & 1 else 0)
        table.append(i)
    return table


TABLE = crc32c_table()


def crc32c(data):
    crc = 0xFFFFFFFF
    for b in data:
        crc = crc >> 8 ^ TABLE[(crc ^ b) & 255]
    return crc


class Stream:
    """One direction of one connection: bytes in order, messages taken off the front."""

    def __init__(self, name):
        self.name = name
        self.next = None
        self.later = {}
        self.data = b""
        self.last_seq = 0
        self.highest = 0
        self.requests = {}
        self.peer = None
        self.is_server = None

    def segment(self, seq, data, syn):
        if syn:
            self.next = (seq + 1) & 0xFFFFFFFF
            return
        if not data:
            return
        if self.next is None:
            # A capture that began after the connection did: the first segment starts with a message header, or the
            # complaints that follow will say so.
            self.next = seq
        self.later[seq] = data
        # What begins at or before what is wanted next; a busy machine's TCP sends some of it again.
        while ripe := [at for at in self.later if (self.next - at) & 0xFFFFFFFF < 1 << 31]:
            for at in ripe:
                piece = self.later.pop(at)[(self.next - at) & 0xFFFFFFFF:]
                self.next = (self.next + len(piece)) & 0xFFFFFFFF
                self.data += piece
                counts["tcp.payload"] += len(piece)
        self.messages()

    def messages(self):
        while len(self.data) >= 32:
            seq, recv_seq, ident, size, cmd, flags, error = struct.unpack_from("<QQQHBBB", self.data)
            if not (seq and ident and cmd < 20 and flags <= 1 and error <= 6 and size <= 1100
                    and self.data[29:32] == b"\0\0\0"):
                fault(f"{self.name}: bad header {self.data[:32].hex()}")
                self.data = b""
                return
            if len(self.data) < 32 + size:
                return
            body = self.data[32:32 + size]
            self.data = self.data[32 + size:]
            self.message(seq, recv_seq, ident, cmd, flags, error, body)

    def message(self, seq, recv_seq, ident, cmd, flags, error, body):
        kind = "response" if flags else "request"
        name = CMDS[cmd]
        counts["tcp.messages"] += 1
        counts[f"tcp.{name}.{kind}"] += 1
        if error:
            counts[f"tcp.error.{error}"] += 1
        want = SIZES[cmd][flags]
        if want is not None and len(body) != want:
            fault(f"{self.name}: {name} {kind} has {len(body)} bytes of data, not {want}")
        if cmd == 8 and flags and (len(body) - 8) % 48:
            fault(f"{self.name}: LOCK_RECOVER response of {len(body)} bytes")
        if cmd == 11 and flags and len(body) not in (0, 208):
            fault(f"{self.name}: GET_LOG_MERGE response of {len(body)} bytes")
        if error and not flags:
            fault(f"{self.name}: {name} request carries error {error}")
        if not flags and cmd not in BOTH and self.is_server is not None:
            if (cmd in FROM_SERVER) != self.is_server:
                fault(f"{self.name}: {name} request in the wrong direction")
        if cmd:  # a greeting is outside the order and the acknowledging of the others
            if seq <= self.last_seq:
                fault(f"{self.name}: seq {seq} after {self.last_seq}")
            self.last_seq = seq
        self.highest = max(self.highest, seq)
        if self.peer:
            if cmd and recv_seq > self.peer.highest:
                fault(f"{self.name}: acknowledges {recv_seq}, peer has sent up to {self.peer.highest}")
            if flags and self.peer.requests.pop(ident, None) != cmd:
                fault(f"{self.name}: {name} response with id {ident} answers nothing")
        if not flags:
            self.requests[ident] = cmd


def packets(raw):
    magic = raw[:4]
    order = {b"\xd4\xc3\xb2\xa1": "<", b"\x4d\x3c\xb2\xa1": "<", b"\xa1\xb2\xc3\xd4": ">", b"\xa1\xb2\x3c\x4d": ">"}
    if magic not in order:
        sys.exit("walk: not a classic pcap file")
    e = order[magic]
    link = struct.unpack_from(e + "I", raw, 20)[0] & 0xFFFF
    off = 24
    while off + 16 <= len(raw):
        n = struct.unpack_from(e + "I", raw, off + 8)[0]
        off += 16
        if off + n > len(raw):
            fault("capture ends within a packet")
            return
        yield link, raw[off:off + n]
        off += n


def network(link, p):
    """The network header on: (ethertype, bytes)."""
    if link == 276:
        return struct.unpack_from(">H", p)[0], p[20:]
    if link == 113:
        return struct.unpack_from(">H", p, 14)[0], p[16:]
    if link == 1:
        return struct.unpack_from(">H", p, 12)[0], p[14:]
    return (0x86DD if p[0] >> 4 == 6 else 0x0800), p


def transport(kind, p):
    if kind == 0x0800 and len(p) >= 20:
        head = (p[0] & 15) * 4
        return p[9], p[12:16], p[16:20], p[head:struct.unpack_from(">H", p, 2)[0]]
    if kind == 0x86DD and len(p) >= 40:
        return p[6], p[8:24], p[24:40], p[40:40 + struct.unpack_from(">H", p, 4)[0]]
    return None, b"", b"", b""


def walk(raw, low, high):
    streams = {}
    for link, frame in packets(raw):
        proto, src, dst, p = transport(*network(link, frame))
        if proto not in (6, 17) or len(p) < 8:
            continue
        sport, dport = struct.unpack_from(">HH", p)
        if not (low <= sport <= high or low <= dport <= high):
            continue
        if proto == 17:
            datagram(p[8:], sport)
            continue
        seq, head, flags = struct.unpack_from(">I", p, 4)[0], (p[12] >> 4) * 4, p[13]
        there, back = (src, sport, dst, dport), (dst, dport, src, sport)
        if flags & 2:
            streams.pop(there, None)
        s = streams.get(there)
        if s is None:
            s = streams[there] = Stream(f"{sport}->{dport}")
            s.is_server = low <= sport <= high
        s.peer = streams.get(back)
        if s.peer:
            s.peer.peer = s
        s.segment(seq, p[head:], flags & 2)
    for s in streams.values():
        if s.later:
            fault(f"{s.name}: {len(s.later)} segments after a hole")


def datagram(body, sport):
    counts["udp.datagrams"] += 1
    if len(body) != 32:
        return fault(f"udp from {sport}: {len(body)} bytes")
    _, version, _, kind, sender, _, crc = struct.unpack("<QQQBBHI", body)
    if crc != crc32c(body[:28]):
        return fault(f"udp from {sport}: crc {crc:08x}, should be {crc32c(body[:28]):08x}")
    if version or kind > 3 or sender > 14:
        return fault(f"udp from {sport}: version {version} type {kind} from {sender}")
    counts["udp." + UDP[kind]] += 1


def main():
    if len(sys.argv) not in (2, 4):
        sys.exit("usage: walk.py FILE.pcap[.zst] [LOWEST_PORT HIGHEST_PORT]")
    if sys.argv[1].endswith(".zst"):
        raw = subprocess.run(["zstd", "-dcq", sys.argv[1]], check=True, stdout=subprocess.PIPE).stdout
    else:
        with open(sys.argv[1], "rb") as f:
            raw = f.read()
    low, high = (int(sys.argv[2]), int(sys.argv[3])) if len(sys.argv) == 4 else (19700, 19714)
    walk(raw, low, high)
    for name in sorted(counts):
        print("count", name, counts[name])
    print("count faults", faults)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
