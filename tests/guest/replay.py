#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""
The disk that a power cut leaves behind, from a log of writes.

    replay.py LOG DISK flushed|torn|written SEED

DISK is as it was when the log began, and is changed in place. LOG has the format of the kernel's dm-log-writes
(Documentation/admin-guide/device-mapper/log-writes.rst; drivers/md/dm-log-writes.c): a super block of one sector,
then entries of one sector each, followed by their data. The super block's count is brought up to date with each
flush (QEMU does it at each flush when its interval is long), but entries behind it are whole as well: each is
written before the guest hears that its write is done.
"""
import random
import struct
import sys

MAGIC = 0x6a736677736872
FLUSH, DISCARD = 1, 4


def entries(log, sector):
    """(sector, data, flags) until the log ends"""
    at = sector
    while True:
        log.seek(at)
        head = log.read(sector)
        if len(head) < 32:
            return
        where, count, flags, _ = struct.unpack_from("<QQQQ", head)
        if count == 0 and flags == 0:
            return
        at += sector
        data = b""
        if count and not flags & DISCARD:
            log.seek(at)
            data = log.read(count * sector)
            at += count * sector
        yield where, data, flags


def main():
    log_path, disk_path, mode, seed = sys.argv[1:]
    coin = random.Random(int(seed))
    with open(log_path, "rb") as log, open(disk_path, "r+b") as disk:
        magic, version, _, sector = struct.unpack_from("<QQQI", log.read(512))
        if (magic, version, sector) == (0, 0, 0):
            sector = 512  # there was no flush at all
        elif magic != MAGIC or version != 1:
            sys.exit(f"{log_path} is no log of writes")
        pending, flushed, kept, lost = [], 0, 0, 0

        def write(where, data):
            disk.seek(where * sector)
            disk.write(data)

        for where, data, flags in entries(log, sector):
            if flags & FLUSH:
                for one in pending:
                    write(*one)
                flushed += len(pending)
                pending = []
            if data:
                pending.append((where, data))
        for one in pending:
            if mode == "written" or (mode == "torn" and coin.random() < 0.5):
                write(*one)
                kept += 1
            else:
                lost += 1
        print(f"{flushed} writes flushed, after them {kept} kept and {lost} lost")


main()
