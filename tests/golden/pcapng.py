# SPDX-License-Identifier: GPL-2.0-only
"""pcapng.py FILE: the statistics blocks of a pcapng file, a line each: options by number, and comment."""
import struct
import sys

data, at = open(sys.argv[1], "rb").read(), 0
while at < len(data):
    kind, length = struct.unpack_from("<II", data, at)
    assert struct.unpack_from("<I", data, at + length - 4)[0] == length, "a block's two lengths"
    option, out = at + 20, []
    while kind == 5 and option < at + length - 4:
        code, n = struct.unpack_from("<HH", data, option)
        value = data[option + 4:option + 4 + n]
        if code == 1:
            out.append(f"comment={value.decode()}")
        elif code in (2, 3):
            high, low = struct.unpack("<II", value)
            out.append(f"{code}={high << 32 | low}")
        elif code:
            out.append(f"{code}={struct.unpack('<Q', value)[0]}")
        option += 4 + (n + 3 & ~3)
    if kind == 5:
        print(" ".join(out))
    at += length
