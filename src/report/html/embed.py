#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""embed.py STYLE.CSS SCRIPT.JS OUTPUT.H: both files as C arrays, and the hashes by which a content
security policy knows them. Run by meson; the hash must be of the very bytes between the tags."""
import base64
import hashlib
import sys


def main():
    out = ["/* Made by html/embed.py. */"]
    for name, path in (("style", sys.argv[1]), ("script", sys.argv[2])):
        with open(path, "rb") as f:
            data = f.read()
        if b"</s" in data or b"<!--" in data or b"\r" in data:
            sys.exit(path + ": may not hold what ends its element, nor carriage returns")
        digest = base64.b64encode(hashlib.sha256(data).digest()).decode()
        out.append("#define HTML_%s_BYTES %d" % (name.upper(), len(data)))
        out.append('#define HTML_%s_SHA256 "%s"' % (name.upper(), digest))
        out.append("static const unsigned char html_%s[] = {" % name)
        for i in range(0, len(data), 20):
            out.append("\t" + "".join("%d," % b for b in data[i:i + 20]))
        out.append("};")
    with open(sys.argv[3], "w") as f:
        f.write("\n".join(out) + "\n")


main()
