#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""A file system of one file, whose second read never returns: what statistics of a hung mount are to their reader.

    hung_file.py FOLDER        mounts itself there; prints "hung" when somebody waits; ends, and unmounts, on SIGTERM

The FUSE protocol by hand (include/uapi/linux/fuse.h, version 7.31), for as much as one reader needs."""
import ctypes
import os
import signal
import struct
import sys

LOOKUP, GETATTR, OPEN, READ, RELEASE, FLUSH, INIT, DESTROY, FORGET = 1, 3, 14, 15, 18, 25, 26, 38, 2
STATFS = 17
folder = sys.argv[1]
libc = ctypes.CDLL(None, use_errno=True)
fuse = os.open("/dev/fuse", os.O_RDWR)
options = f"fd={fuse},rootmode=40000,user_id=0,group_id=0,allow_other"
if libc.mount(b"hung", folder.encode(), b"fuse.hung", 0, options.encode()) != 0:
    sys.exit(f"cannot mount: {os.strerror(ctypes.get_errno())}")


def end(*_):
    libc.umount2(folder.encode(), 2)  # MNT_DETACH
    os._exit(0)


signal.signal(signal.SIGTERM, end)


def attr(node):
    mode = 0o40755 if node == 1 else 0o100444
    return struct.pack("<6Q3I7I", node, 4096, 8, 0, 0, 0, 0, 0, 0, mode, 1, 0, 0, 0, 4096, 0)


def answer(unique, data=b"", error=0):
    os.write(fuse, struct.pack("<IiQ", 16 + len(data), -error, unique) + data)


reads = 0
while True:
    try:
        message = os.read(fuse, 1 << 17)
    except OSError:
        end()
    _, opcode, unique, node = struct.unpack_from("<IIQQ", message)
    body = message[40:]
    if opcode == INIT:
        answer(unique, struct.pack("<4I2H2I2H8I", 7, 31, 0, 0, 12, 9, 65536, 1, 0, 0, *[0] * 8)[:64])
    elif opcode == LOOKUP and body.rstrip(b"\0") == b"stats":
        answer(unique, struct.pack("<4Q2I", 2, 0, 0, 0, 0, 0) + attr(2))
    elif opcode == LOOKUP:
        answer(unique, error=2)
    elif opcode == GETATTR:
        answer(unique, struct.pack("<QII", 0, 0, 0) + attr(node))
    elif opcode == OPEN:
        answer(unique, struct.pack("<QII", 1, 1, 0))  # direct: the size says nothing
    elif opcode == READ:
        offset, = struct.unpack_from("<8xQ", body)
        reads += offset == 0
        if reads > 1:
            print("hung", flush=True)  # and no answer
        else:
            answer(unique, b"calls 7\n" if offset == 0 else b"")
    elif opcode == STATFS:
        answer(unique, struct.pack("<5Q4I24x", 0, 0, 0, 0, 0, 512, 255, 512, 0))
    elif opcode in (RELEASE, FLUSH):
        answer(unique)
    elif opcode not in (FORGET, DESTROY):
        answer(unique, error=38)
