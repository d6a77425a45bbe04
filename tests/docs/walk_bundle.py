#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Walk a bundle, or a segment of a session's spool, by what scoutfs-trace-bundle(5) says, without decompressing.

Written from the page alone, and shares nothing with the program: that it can be written is what shows that the page is
enough. The layout of the chunk header is read from the page's own table, so a wrong table fails here.

    walk_bundle.py PAGE FILE [MANIFEST]

Series are told apart by their numbers, which are in the manifest. Prints `chunk STREAM CPU SEQUENCE RECORDS BYTES` for each chunk and `sum SOURCE RECORDS` for each source. With a
manifest.json its sums, times and gaps in the sequence are compared with it. Exit status 1 if anything is wrong."""
import json
import re
import struct
import sys

HEADER_TABLE_FROM = ".It Em offset Ta Em bytes"
STREAMS = {1: "ftrace", 2: "packets", 3: "kmsg", 4: "clocks", 5: "series"}
CRC_TABLE = []
for byte in range(256):
    for _ in range(8):
        byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
    CRC_TABLE.append(byte)


class Wrong(Exception):
    pass


def crc32c(data):
    """Begun with 0xFFFFFFFF, not inverted at the end."""
    crc = 0xFFFFFFFF
    table = CRC_TABLE
    for b in data:
        crc = crc >> 8 ^ table[(crc ^ b) & 255]
    return crc


def header_fields(page):
    """[(offset, bytes, text)] of the table in the page's source."""
    lines = open(page, encoding="utf-8").read().split("\n")
    begin = next(i for i, line in enumerate(lines) if line.startswith(HEADER_TABLE_FROM))
    fields = []
    for line in lines[begin + 1:]:
        row = re.match(r"\.It (\d+) Ta (\d+) Ta (.*)", line)
        if not row:
            break
        fields.append((int(row[1]), int(row[2]), row[3]))
    at = 0
    for offset, size, text in fields:
        if offset != at:
            raise Wrong(f"the page's table has a hole or an overlap at {offset}: {text}")
        at += size
    return fields, at


class ChunkLayout:
    """Where the fields are, found in the page by what it says about them."""
    WORDS = {"magic": "0x184D2A5C", "size": "bytes that follow", "tag": "scoutfsT", "version": "version",
             "stream": "stream:", "cpu": "CPU of a ring", "sequence": "sequence", "first": "earliest",
             "last": "latest", "raw": "payload", "records": "records in it", "lost": "lost", "offset": "offset;",
             "flags": "flags", "frame_bytes": "bytes of the frame", "frame_crc": "checksum of that frame",
             "zero": "0", "crc": "checksum of the"}

    def __init__(self, page):
        fields, self.bytes = header_fields(page)
        if len(fields) != len(self.WORDS):
            raise Wrong(f"{len(fields)} fields in the page's table, {len(self.WORDS)} expected")
        self.at = {}
        for (name, word), (offset, size, text) in zip(self.WORDS.items(), fields):
            if word not in text:
                raise Wrong(f"the page's table has \"{text}\" where \"{word}\" was expected")
            self.at[name] = (offset, size)

    def read(self, data):
        chunk = {}
        for name, (offset, size) in self.at.items():
            chunk[name] = int.from_bytes(data[offset:offset + size], "little")
        if data[self.at["tag"][0]:][:8] != b"scoutfsT":
            raise Wrong("a chunk header without its tag")
        if chunk["size"] != self.bytes - 8 or chunk["version"] != 1 or chunk["zero"] != 0:
            raise Wrong("a chunk header of another version")
        if chunk["crc"] != crc32c(data[:self.at["crc"][0]]):
            raise Wrong("the checksum of a chunk header is wrong")
        return chunk


def zstd_frame_length(data, at):
    """Length of an ordinary zstd frame, from its block headers (RFC 8878, 3.1.1)."""
    begin = at
    descriptor = data[at + 4]
    single = descriptor >> 5 & 1
    at += 5 + (0 if single else 1) + (0, 1, 2, 4)[descriptor & 3]
    at += (1 if single else 0, 2, 4, 8)[descriptor >> 6]
    while True:
        header = int.from_bytes(data[at:at + 3], "little")
        kind, size = header >> 1 & 3, header >> 3
        if kind == 3 or at + 3 > len(data):
            raise Wrong(f"a frame at {begin} is torn")
        at += 3 + (1 if kind == 1 else size)
        if header & 1:
            return at + (4 if descriptor >> 2 & 1 else 0) - begin


def walk(data, layout):
    """Yield every chunk; complain about anything that is not as the page says."""
    at = 0
    while at < len(data):
        if at + 8 > len(data):
            raise Wrong(f"{len(data) - at} bytes too many at the end")
        magic, size = struct.unpack_from("<II", data, at)
        if magic == 0xFD2FB528:
            at += zstd_frame_length(data, at)
            continue
        if not 0x184D2A50 <= magic <= 0x184D2A5F:
            raise Wrong(f"no frame at {at}")
        if magic != 0x184D2A5C:
            at += 8 + size
            continue
        chunk = layout.read(data[at:at + layout.bytes])
        at += layout.bytes
        frame = data[at:at + chunk["frame_bytes"]]
        if len(frame) != chunk["frame_bytes"] or zstd_frame_length(data, at) != len(frame):
            raise Wrong(f"the frame at {at} has another length than its header says")
        if crc32c(frame) != chunk["frame_crc"]:
            raise Wrong(f"the checksum of the frame at {at} is wrong")
        at += len(frame)
        yield chunk


def compare(chunks, manifest):
    for source in manifest["sources"]:
        number = source["facts"]["id"] if source["name"].startswith("series/") else None
        mine = [c for c in chunks if STREAMS.get(c["stream"]) == source["name"].partition("/")[0] and
                number in (None, c["cpu"])]
        records = sum(c["records"] for c in mine)
        if source["name"] == "spool":
            continue
        if records != source["records"]:
            raise Wrong(f"{source['name']}: {records} records in the chunks, {source['records']} in the manifest")
        if not mine:
            continue
        if max(c["last"] for c in mine) != source["last_monotonic_ns"]:
            raise Wrong(f"{source['name']}: the last record is not where the manifest says")
        streams = {}
        for c in mine:
            streams.setdefault(c["cpu"], []).append(c["sequence"])
        holes = sum(max(s) - len(s) for s in streams.values())
        named = [g for g in source["gaps"] if g["kind"] in ("retention", "damage")]
        if (holes > 0) != (len(named) > 0):
            raise Wrong(f"{source['name']}: {holes} chunks are missing, {len(named)} gaps in the manifest say so")
    members = {m["path"]: m["bytes"] for m in manifest["members"]}
    for stream, name in ((1, "trace.dat"), (2, "packets.pcap"), (3, "kernel.log"), (4, "clocks.csv")):
        payload = sum(c["raw"] for c in chunks if c["stream"] == stream)
        # In front of the payloads: a log has nothing, the others a header or prologue.
        if name in members and not (payload == members[name] if stream == 3 else payload < members[name]):
            raise Wrong(f"{name}: {members[name]} bytes cannot hold payloads of {payload}")
    for source in manifest["sources"]:
        if source["name"].startswith("series/") and source["member"]:
            payload = sum(c["raw"] for c in chunks if c["stream"] == 5 and c["cpu"] == source["facts"]["id"])
            if members.get(source["member"], 0) <= payload:
                raise Wrong(f"{source['member']}: {members.get(source['member'])} bytes cannot hold {payload}")


def main():
    if crc32c(b"123456789") != 0x1CF96D7C:
        raise Wrong("crc32c() is wrong")
    layout = ChunkLayout(sys.argv[1])
    data = open(sys.argv[2], "rb").read()
    chunks = list(walk(data, layout))
    for c in chunks:
        print("chunk", STREAMS.get(c["stream"], c["stream"]), c["cpu"], c["sequence"], c["records"], c["raw"])
    for stream, name in STREAMS.items():
        print("sum", name, sum(c["records"] for c in chunks if c["stream"] == stream))
    if len(sys.argv) > 3:
        compare(chunks, json.load(open(sys.argv[3], encoding="utf-8")))


if __name__ == "__main__":
    try:
        main()
    except Wrong as wrong:
        print(f"walk_bundle: {wrong}", file=sys.stderr)
        sys.exit(1)
