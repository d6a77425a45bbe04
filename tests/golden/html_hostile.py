# SPDX-License-Identifier: GPL-2.0-only
"""html_hostile.py make FOLDER: in a copy of a real session (trace.dat, kmsg), names and lines that would like to be more.
html_hostile.py check PAGE.HTML: are the lines there, as text and nothing else? comms PAGE.HTML: and the names?
"""
import re
import sys

from html_page import read

# Each line of the log, and what a page may show of it.
RUN = "window.hacked=1"
LINES = [
    ("<script>%s</script>" % RUN,) * 2,
    ("</td></table></script><img src=x onerror=%s>" % RUN,) * 2,
    ("' onfocus='%s' autofocus \" onmouseover=\"%s" % (RUN, RUN),) * 2,
    ("</script><script>%s</script>" % RUN,) * 2,
    ("<!--<script> &lt;b&gt; &#60;i&#62; &amp;",) * 2,
    ("javascript:%s http://example.com/ <a href=javascript:%s>x</a>" % (RUN, RUN),) * 2,
    ("\u202ethgir ot tfel\u202c \u2066isolated\u2069 \u05e9\u05dc\u05d5\u05dd", "?thgir ot tfel? ?isolated? \u05e9\u05dc\u05d5\u05dd"),
    ("\U0001f4a3 four bytes \U0010ffff",) * 2,
    ("\u2028line\u2029para",) * 2,
    ("x" * 10000, "x" * 200),
    ("word " * 2000, "word " * 40),
    ("=cmd|'/c calc'!A1 {{7*7}} ${7*7}",) * 2,
]
RAW = [b"\x1b[2J\x1b]0;title\x07 escape", b"\xff\xfe\xc3\x28\xed\xa0\x80 not UTF-8", b"del\x7f \xc2\x9b31m"]
COMMS = [b"<b>'\"&x</b>", b"\"><script>", b"\xff\x1b[31m\xe2\x80", b"</script>"]


def make(folder):
    with open(folder + "/kmsg", "ab") as f:
        for i, line in enumerate([a.encode() for a, _ in LINES] + RAW):
            f.write(b"3,%d,%d,-;scoutfs f.3d167d.r.d8ec8b error: h%02d %s\n" % (1000 + i, 36000000 + i * 1000, i, line))
        f.write(b"3,1999,36900000,-;scoutfs f.3d167d.r.d8ec8b error: hostile <script>%s</script> \"'&\n" % RUN.encode())
    with open(folder + "/trace.dat", "rb") as f:
        data = bytearray(f.read())
    # Names of processes: a list of lines, "PID NAME"; the names keep their length.
    at = data.rindex(b" kworker/u4:13\n")
    begin = data.rindex(b"\0", 0, at) + 1
    end = data.index(b"\0", at)
    block = bytes(data[begin:end])
    count = 0

    def other(m):
        nonlocal count
        name = (COMMS[count % len(COMMS)] + b"_" * 15)[:len(m[2])]
        count += 1
        return m[1] + b" " + name

    block = re.sub(rb"(?m)^(\d+) ([^\n]{8,15})$", other, block)
    assert count > 10 and len(block) == end - begin, (count, len(block))
    data[begin:end] = block
    with open(folder + "/trace.dat", "wb") as f:
        f.write(data)


def check(path):
    page = read(path)
    text = "\n".join(page.text)
    cells = {c for rows in page.tables.values() for row in rows for c in row}
    faults = list(page.faults)
    for i, (_, want) in enumerate(LINES):
        if not any("h%02d %s" % (i, want) in c for c in cells):
            faults.append("line %d is not a cell's text: %r" % (i, want[:60]))
    for i, what in enumerate((" escape", " not UTF-8", "31m")):
        if not any("h%02d" % (len(LINES) + i) in c and what in c for c in cells):
            faults.append("line %d is not a cell's text" % (len(LINES) + i))
    if "hostile <script>%s</script> \"'&" % RUN not in text:
        faults.append("the trigger's text is not there")
    return faults


def comms(path):
    page = read(path)
    text = "\n".join(page.text)
    return page.faults + ["the name %s is not there" % n for n in ("<b>'\"&x", "\"><script>", "</script>") if n not in text]


if __name__ == "__main__":
    if sys.argv[1] == "make":
        make(sys.argv[2])
        sys.exit(0)
    found = {"check": check, "comms": comms}[sys.argv[1]](sys.argv[2])
    print("\n".join(found[:20]))
    sys.exit(bool(found))
