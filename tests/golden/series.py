# SPDX-License-Identifier: GPL-2.0-only
"""series.py make|figures|real|csv|damage|page PROGRAM RAW_BUNDLE WORK DATA: reports of series beside sums done here.

make     the bundles: made up, whose figures are known by arithmetic, and of counters of the real module
figures  `report series` of what was made up, from the bundle, unpacked, packed again, and the session folder
real     the same of the real counters, beside Python on the files themselves
csv      --csv, as it was, as deltas and as rates
damage   what is unreadable, odd or hostile
page     the picture without a script: the timeline's axis, its scale, and which counter is drawn
"""
import csv
import json
import math
import os
import re
import shutil
import subprocess
import sys

what, program, raw_bundle, work, data = sys.argv[1:]
S = 10 ** 9
START, TRIGGER, REAL = 1000 * S, 1060 * S + S // 2, 1795172415 * S
faults = []


def check(name, got, want):
    if got != want:
        faults.append("%s: %r, not %r" % (name, got, want))


def near(name, got, want):
    if got is None or want is None or not math.isclose(got, want, rel_tol=1e-9, abs_tol=1e-9):
        faults.append("%s: %r, not %r" % (name, got, want))


# ---- what is made up: each counter is a function of the sample's number ----

def at(i):
    """When sample i was taken: a second apart, a little late now and then."""
    return START + i * S + (i % 3) * 1000


MISSING = {40, 41}
CUT = object()  # behind a section: the file was longer
VMSTAT = {
    "pgfault": lambda i: 1000 + 10 * i + (900 * (i - 58) if i > 58 else 0),
    "nr_free_pages": lambda i: 500 - i % 7,
    "wraps32": lambda i: (2 ** 32 - 50 + 3 * i) % 2 ** 32,
    "wraps64": lambda i: (2 ** 64 - 1000 + 77 * i) % 2 ** 64,
    "begins_again": lambda i: 100 + i if i < 50 else i - 50,
    "steps_back": lambda i: 100000 + 10 * i - (25 if i == 20 else 0),
    "late": lambda i: i * i if i >= 30 else None,
    "never": lambda i: 7,
    "big": lambda i: 2 ** 60 + i,
}
PLAIN = {"rises": lambda i: 3 * i, "falls": lambda i: 50 - i % 4, "=cmd": lambda i: 5 * i, "real": lambda i: i / 4}


def lines(counters, i):
    return "".join("%s %s\n" % (k, f(i)) for k, f in counters.items() if f(i) is not None)


def member(name, every, samples):
    out = b"# scoutfs-trace series 1 %s every %s s\n" % (name.encode(), every.encode())
    for ns, sections in samples:
        out += b"@ %d 5000 %d\n" % (ns, len(sections))
        for path, text in sections:
            if text is None:
                out += b"! ENOENT 0 %s\n" % path.encode()
            elif text is CUT:
                out += b"! EFBIG 0 %s\n" % path.encode()
            else:
                out += b"= %d %s\n%s\n" % (len(text.encode()), path.encode(), text.encode())
    with open(os.path.join(work, name + ".txt"), "wb") as f:
        f.write(out)
    return "--series", "%s=%s" % (name, f.name)


def made_up():
    vmstat = [(at(i), [("/proc/vmstat", lines(VMSTAT, i))]) for i in range(100) if i not in MISSING]
    # The same name twice in a file: the first is it.
    two = [(START + 10 * i * S, [("/srv/x/a", lines(PLAIN, i) + "rises 99\n"), ("/srv/x/b", None if i == 4 else lines(PLAIN, 2 * i))] +
            ([("/srv/x/b", CUT)] if i in (6, 7) else []))
           for i in range(10)]
    return [*member("vmstat", "1", vmstat), *member("two", "10", two)]


def bundle(name, *args):
    # In a folder of its own: bundles of the same name may lie in the other.
    one = os.path.join(work, "one")
    os.makedirs(one, exist_ok=True)
    made = subprocess.run([raw_bundle, "--output", one, "--real-minus-mono", str(REAL), *args], capture_output=True, text=True)
    if made.returncode:
        sys.exit("raw_bundle: " + made.stderr)
    out = made.stdout.strip()
    os.rename(out, os.path.join(work, name + ".tar.zst"))


def real_samples():
    """Of each mount, by index.txt: [(ns, {mount: {counter: value}})]."""
    folder = os.path.join(work, "counters")
    samples = []
    with open(os.path.join(folder, "index.txt")) as f:
        for row in f:
            number, uptime = re.match(r"(\d+) .* uptime=([\d.]+)", row).groups()
            mounts = {}
            for name in sorted(n for n in os.listdir(folder) if n.startswith(number + ".")):
                with open(os.path.join(folder, name)) as c:
                    mounts[name[5:-9]] = dict((k, int(v)) for k, v in (r.split(":") for r in c.read().split()))
            if mounts:
                samples.append((round(float(uptime) * 100) * 10 ** 7 + START, mounts))
    return samples


def make():
    for name in ("workload", "proc"):
        subprocess.run("zstd -dqc %s/counters/%s.tar.zst | tar -C %s -x" % (data, name, work), shell=True, check=True)
    args = made_up()
    bundle("made", *args, "--trigger", "x=x", "--trigger-at", str(TRIGGER), "--keep")
    for name in os.listdir(os.path.join(work, "one")):
        if name.startswith("session."):
            os.rename(os.path.join(work, "one", name), os.path.join(work, "session"))
    real = [(ns, [("/sys/fs/scoutfs/%s/counters/" % m, "".join("%s %d\n" % kv for kv in c.items()))
                  for m, c in mounts.items()]) for ns, mounts in real_samples()]
    proc = {"stat": "stat", "vmstat": "vmstat", "meminfo": "meminfo", "slabinfo": "slabinfo", "interrupts": "interrupts",
            "softirqs": "softirqs"}
    rest = []
    for name, file in proc.items():
        texts = [open(os.path.join(work, session, "proc", file)).read() for session in ("workload", "fence-client")]
        rest += member(name, "4", [(START + 4 * i * S, [("/proc/" + file, t)]) for i, t in enumerate(texts)])
    bundle("real", *member("scoutfs", "1", real), *rest)
    shutil.rmtree(os.path.join(work, "folder"), ignore_errors=True)
    os.mkdir(os.path.join(work, "folder"))
    subprocess.run("zstd -dqc %s/made.tar.zst | tar -C %s/folder -x --strip-components=1" % (work, work), shell=True, check=True)
    subprocess.run(["tar", "-C", work, "-czf", os.path.join(work, "again.tar.gz"), "folder"], check=True)


# ---- the rules, once more ----

def step(a, b, gauge):
    """What was counted between two values, and whether it wrapped or began again."""
    if gauge or b >= a:
        return b - a, 0, 0
    for bits in (32, 64):
        if 2 ** bits > a >= 3 * 2 ** (bits - 2) and b < 2 ** (bits - 2):
            return b + 2 ** bits - a, 1, 0
    return (b, 0, 1) if b < a // 2 else (b - a, 0, 0)


def expect(points, gauge):
    """Row of the table from [(ns, value)]."""
    row = {"samples": len(points), "first": points[0][1], "last": points[-1][1]}
    values = [v for _, v in points]
    if gauge:
        return dict(row, delta=values[-1] - values[0], min=min(values), max=max(values), avg=sum(values) / len(values))
    rates, total, wraps, resets = [], 0, 0, 0
    for (a_ns, a), (b_ns, b) in zip(points, points[1:]):
        delta, wrapped, reset = step(a, b, False)
        total += delta
        wraps += wrapped
        resets += reset
        rates.append((delta * S / (b_ns - a_ns), b_ns))
    most = max(r for r, _ in rates)
    return dict(row, delta=total, min_per_s=min(r for r, _ in rates), max_per_s=most,
                avg_per_s=total * S / (points[-1][0] - points[0][0]),
                max_at_ns=next(ns for r, ns in rates if r == most), resets=resets or None, wraps=wraps or None)


def report(path, *args):
    out = subprocess.run([program, "report", os.path.join(work, path), "series", "--format", "json", "--limit", "0", *args],
                         capture_output=True)
    return json.loads(out.stdout)["reports"]["series"]


def compare(where, tables, wanted):
    """wanted: {(series, file, counter): (points, gauge)}; every row, and no other."""
    got = {(r["series"], r["file"] or "", r["counter"]): (t, r) for t in ("counters", "gauges") for r in tables[t]["rows"]}
    check(where + ": names", sorted(got), sorted(wanted))
    for key in set(got) & set(wanted):
        points, gauge = wanted[key]
        table, row = got[key]
        check("%s %s: kind" % (where, key), table, "gauges" if gauge else "counters")
        for field, value in expect(points, gauge).items():
            if value is None or field.endswith("_ns"):
                check("%s %s: %s" % (where, key, field), row.get(field), value)
            else:
                near("%s %s: %s" % (where, key, field), row.get(field), value)


def wanted_made_up():
    wanted = {("vmstat", "", name): ([(at(i), f(i)) for i in range(100) if i not in MISSING and f(i) is not None],
                                     name == "nr_free_pages") for name, f in VMSTAT.items()}
    for file, factor, left_out in (("a", 1, ()), ("b", 2, (4,))):
        for name, f in PLAIN.items():
            if name != "=cmd":
                wanted["two", file, name] = ([(START + 10 * i * S, f(factor * i)) for i in range(10) if i not in left_out],
                                             name == "falls")
    return wanted


def figures():
    for form in ("made.tar.zst", "folder", "again.tar.gz", "session"):
        tables = report(form)["tables"]
        compare(form, tables, wanted_made_up())
        sources = {r["series"]: r for r in tables["sources"]["rows"]}
        check("series", sorted(sources), ["two", "vmstat"])
        for field, want in (("samples", 98), ("missed", 2), ("every_ns", S), ("first_ns", at(0)), ("last_ns", at(99)),
                            ("longest_ns", at(42) - at(39)), ("took_avg_ns", 5000), ("files", 1), ("unreadable", 0), ("cut", 0)):
            check(form + " vmstat: " + field, sources["vmstat"][field], want)
        for field, want in (("samples", 10), ("missed", 0), ("files", 2), ("unreadable", 1), ("cut", 2), ("why", "/srv/x/b: ENOENT")):
            check(form + " two: " + field, sources["two"][field], want)
        moved = tables["moved"]["rows"]
        first = moved[0]
        check("moved first", (first["series"], first["counter"]), ("vmstat", "pgfault"))
        points = wanted_made_up()["vmstat", "", "pgfault"][0]
        steps = [(b_ns, b - a, b_ns - a_ns) for (a_ns, a), (b_ns, b) in zip(points, points[1:])]
        close = [s for s in steps if abs(s[0] - TRIGGER) <= 10 * S]
        rest = [s for s in steps if abs(s[0] - TRIGGER) > 10 * S]
        rate = [sum(d for _, d, _ in part) * S / sum(n for _, _, n in part) for part in (close, rest)]
        near("around it", first["near"], rate[0])
        near("else", first["rest"], rate[1])
        near("factor", first["factor"], (max(rate) + 1) / (min(rate) + 1))
    # To the last digit, which a double has not.
    out = subprocess.run([program, "report", os.path.join(work, "made.tar.zst"), "series", "--format", "json", "--limit", "0"],
                         capture_output=True, text=True).stdout
    rows = {r["counter"]: r for r in json.loads(out, parse_int=str)["reports"]["series"]["tables"]["counters"]["rows"]}
    check("2^64 - 1000", rows["wraps64"]["first"], "18446744073709550616")
    check("2^60 + 99", (rows["big"]["last"], rows["big"]["delta"]), (str(2 ** 60 + 99), "99"))
    out = subprocess.run([program, "report", os.path.join(work, "made.tar.zst"), "series", "--limit", "0"], capture_output=True,
                         text=True).stdout
    check("fractions, for people", [r.split()[4:7] for r in out.splitlines() if r.startswith("two") and " real " in r][0],
          ["0", "2.25", "2.25"])
    check("for people too", [r.split()[4] for r in out.splitlines() if " wraps64 " in r], ["18446744073709550616"])
    check("nothing is -0.0", "-0.0/s" in out, False)
    window = report("made.tar.zst", "--from", "-10s", "--to", "-2s")["tables"]
    check("a window", {r["samples"] for r in window["counters"]["rows"] if r["series"] == "vmstat"}, {8})
    check("--nonzero", [r["counter"] for r in report("made.tar.zst", "--nonzero", "--counter", "*never*")["tables"]
                        .get("counters", {}).get("rows", [])], [])
    out = subprocess.run([program, "report", os.path.join(work, "made.tar.zst"), "series", "--counter", "big", "--counter", "nosuch"],
                         capture_output=True, text=True).stdout
    check("--counter that nothing matches", ["--counter nosuch." in out, "--counter big." in out, "Nothing that moved" in out],
          [True, False, True])
    # What was probably meant, with its series; of a series that is not there, which.
    for words, meant in (("pgfalt", "vmstat:pgfault"), ("vmstat:pgfalt", "vmstat:pgfault"), ("twoo:*", "the series two"),
                         ("two:pgfalt", None), ("*pgfalt", "vmstat:pgfault"), ("nosuch", None)):
        told = [n for n in json.loads(run(work + "/made.tar.zst", "series", "--counter", words, "--format", "json").stdout)
                ["reports"]["series"]["notes"] if words in n]
        check("meant by " + words, told, ["No counter that was sampled matches --counter %s%s" %
                                          (words, "; did you mean %s?" % meant if meant else ".")])
    chosen = report("made.tar.zst", "--counter", "two:r*", "--counter", "wraps??")["tables"]["counters"]["rows"]
    check("--counter", [(r["file"] or "", r["counter"]) for r in chosen],
          [("a", "real"), ("a", "rises"), ("b", "real"), ("b", "rises"), ("", "wraps32"),
           ("", "wraps64")])
    # What was sampled: what was asked for, no more.
    sampled = lambda *args: [(r["series"], r["counters"]) for r in report("made.tar.zst", *args)["tables"]["sources"]["rows"]]
    check("what was sampled", sampled(), [("two", 6), ("vmstat", 9)])  # of two files three
    check("of one series", sampled("--counter", "two:*"), [("two", 6)])
    check("of one counter", sampled("--counter", "wraps32"), [("vmstat", 1)])
    check("of both", sampled("--counter", "rises", "--counter", "n*"), [("two", 2), ("vmstat", 2)])
    check("of none", sampled("--counter", "nosuch"), [])
    # Of each series what moved comes first, then by name.
    values = report("made.tar.zst")["tables"]["gauges"]
    check("what moved comes first", [(r["series"], r["file"], r["counter"]) for r in values["rows"]],
          [("two", "a", "falls"), ("two", "b", "falls"), ("vmstat", None, "nr_free_pages")])
    rose = [r["counter"] for r in report("made.tar.zst")["tables"]["counters"]["rows"] if r["series"] == "vmstat"]
    check("of counters too", rose, sorted(set(VMSTAT) - {"nr_free_pages", "never"}) + ["never"])
    check("how many did not", [n for n in report("made.tar.zst")["tables"]["counters"]["notes"] if "never moved" in n],
          ["1 of these 12 never moved: of each series they come last, and --nonzero leaves them out."])
    check("none is no note", "never moved" in str(report("made.tar.zst", "--nonzero")), False)


def real():
    samples = real_samples()
    wanted = {}
    for ns, mounts in samples:
        for mount, counters in mounts.items():
            for name, value in counters.items():
                wanted.setdefault(("scoutfs", mount, name), ([], False))[0].append((ns, value))
    check("enough counters", len(wanted) > 500, True)
    tables = report("real.tar.zst", "--counter", "scoutfs:*")["tables"]
    compare("scoutfs", tables, wanted)
    # For people the many that never moved are counted; whoever asks for them gets them.
    text = lambda *args: run(work + "/real.tar.zst", "series.counters", *args).stdout
    still = [name for (series, mount, name), (points, gauge) in wanted.items() if len({v for _, v in points}) == 1]
    rows = lambda out: [line for line in out.splitlines() if line.startswith("scoutfs ")]
    check("enough that never moved", len(still) > 20, True)
    all_rows = tables["counters"]["rows"]
    check("as text: what moved", len(rows(text())), len(all_rows) - len(still))
    # Of the other series there are some as well.
    others = [r for r in report("real.tar.zst")["tables"]["counters"]["rows"] if r["series"] != "scoutfs" and r["first"] == r["last"]]
    check("and how many did not", "\n%d more never moved and are not shown: --limit=0 " % (len(still) + len(others)) in text(), True)
    check("with --limit=0 all", len(rows(text("--limit", "0"))), len(all_rows))
    check("those that are named too", len(rows(text("--counter", "scoutfs:*"))), len(all_rows))
    # /proc: a few, by other means.
    rows = {(r["series"], r["counter"]): r for t in ("counters", "gauges") for r in report("real.tar.zst")["tables"][t]["rows"]}
    both = [os.path.join(work, s, "proc") for s in ("workload", "fence-client")]
    awk = lambda script, file: [int(subprocess.run(["awk", script, os.path.join(d, file)], check=True, capture_output=True)
                                    .stdout) for d in both]
    for key, script in ((("stat", "cpu.idle"), '$1 == "cpu" {print $5}'), (("stat", "cpu1.system"), '$1 == "cpu1" {print $4}'),
                        (("stat", "ctxt"), '$1 == "ctxt" {print $2}'), (("vmstat", "pgfault"), '$1 == "pgfault" {print $2}'),
                        (("meminfo", "MemFree"), '$1 == "MemFree:" {print $2}'),
                        (("slabinfo", "dentry.active_objs"), '$1 == "dentry" {print $2}'),
                        (("slabinfo", "dentry.num_slabs"), '$1 == "dentry" {print $15}'),
                        (("softirqs", "RCU"), '$1 == "RCU:" {print $2 + $3}'),
                        (("interrupts", "LOC"), '$1 == "LOC:" {print $2 + $3}'),
                        (("interrupts", "CPU1"), 'NR > 1 && NF > 2 && $1 !~ /ERR|MIS/ {s += $3} END {print s}')):
        want = awk(script, key[0])
        check(key, [rows[key]["first"], rows[key]["last"]], want)


def read_csv(folder, name):
    with open(os.path.join(work, folder, name), newline="") as f:
        return list(csv.reader(f, strict=True))


def csv_files():
    for form in ("raw", "delta", "rate"):
        out = subprocess.run([program, "report", work + "/made.tar.zst", "--csv", os.path.join(work, form), "--as", form],
                             capture_output=True, text=True)
        check(form + ": files", sorted(os.listdir(os.path.join(work, form))), ["two.csv", "vmstat.csv"])
        check(form + ": says so", "vmstat.csv" in out.stdout, True)
        rows = read_csv(form, "vmstat.csv")
        head, rows = rows[0], rows[1:]
        check(form + ": columns", head, ["from_trigger_s", "utc"] + sorted(VMSTAT, key=lambda n: n))
        check(form + ": rows", len(rows), 98)
        numbers = [i for i in range(100) if i not in MISSING]
        for k, (i, row) in enumerate(zip(numbers, rows)):
            check("seconds", row[0], "%s%d.%09d" % ("-" if at(i) < TRIGGER else "", *divmod(abs(at(i) - TRIGGER), S)))
            utc = subprocess.run(["date", "-ud", "@%d" % ((at(i) + REAL) // S), "+%FT%T"], capture_output=True,
                                 text=True).stdout.strip() if k in (0, 97) else row[1][:19]
            check("utc", row[1], "%s.%09dZ" % (utc, (at(i) + REAL) % S))
            for name, cell in zip(head[2:], row[2:]):
                f, before = VMSTAT[name], numbers[k - 1] if k else None
                value = f(i)
                if value is None:
                    want = ""
                elif form == "raw" or name == "nr_free_pages":
                    want = str(value)
                elif before is None or f(before) is None:
                    want = ""
                else:
                    delta = step(f(before), value, False)[0]
                    want = str(delta)
                    if form == "rate":
                        near("%s %d" % (name, i), float(cell), delta * S / (at(i) - at(before)))
                        continue
                check("%s: %s %d" % (form, name, i), cell, want)
        head = read_csv(form, "two.csv")[0]
        check("columns of two files", head[2:], ["%s:%s" % (f, n) for f in "ab" for n in ("falls", "real", "rises")])
    check("mode", oct(os.stat(work + "/raw/two.csv").st_mode & 0o777), "0o600")
    subprocess.run([program, "report", work + "/made.tar.zst", "--csv", work + "/few", "--nonzero", "--counter", "[!n]*",
                    "--counter", "never", "--counter", "w*"], capture_output=True)
    check("--nonzero and --counter", read_csv("few", "vmstat.csv")[0][2:], ["wraps32", "wraps64"])
    check("of the other series nothing", os.listdir(work + "/few"), ["vmstat.csv"])
    out = subprocess.run([program, "report", work + "/made.tar.zst", "--csv", work + "/none", "--counter", "vmstat:pgfalt"],
                         capture_output=True, text=True).stdout
    check("a misspelt --counter", (os.listdir(work + "/none") if os.path.isdir(work + "/none") else [],
                                   "did you mean vmstat:pgfault?" in out), ([], True))


def run(*args):
    return subprocess.run([program, "report", *args], capture_output=True, text=True)


def damage():
    made = work + "/made.tar.zst"
    # A member that ends in the middle, has a line of nonsense, and names that would like to be a path.
    folder = work + "/bent"
    shutil.copytree(work + "/folder", folder)
    with open(folder + "/series/vmstat.txt", "rb") as f:
        text = f.read()
    half = text.index(b"@ %d " % at(50))
    with open(folder + "/series/vmstat.txt", "wb") as f:
        f.write(text[:half] + b"nonsense\n" + text[half:-20])
    for name in ("../up", "UPPER", "a b", "x\ny"):
        with open(os.path.join(folder, "series", name.replace("/", "_") + ".txt"), "w") as f:
            f.write("# scoutfs-trace series 1 up once\n@ 1 1 0\n")
    got = run(folder, "series", "--format", "json")
    tables = json.loads(got.stdout)["reports"]["series"]
    rows = {r["series"]: r for r in tables["tables"]["sources"]["rows"]}
    check("series of sound names", sorted(rows), ["two", "vmstat"])
    check("the torn sample is gone", rows["vmstat"]["samples"], 97)
    check("and that is told", got.returncode, 4)
    # Names that would like to be markup, a formula, a terminal's command.
    names = ["</script><script>alert(1)</script>", "<img/src=x/onerror=alert(1)>", "@SUM(1+9)", "a\"b,c", "\x1b[31mred"]
    names = [n.replace("=", "\u2261") for n in names]
    shutil.copytree(work + "/folder", work + "/rude")
    samples = [(START + i * S, [("/x/\x1b[31m<b>", "".join("%s %d\n" % (n, 5 * i) for n in names)), ("/y", "n 1\n")])
               for i in range(5)]
    member("rude", "1", [(ns, [(p.replace("\x1b", "\\x1b"), t) for p, t in s]) for ns, s in samples])
    os.rename(work + "/rude.txt", work + "/rude/series/rude.txt")
    page = run(work + "/rude", "series", "--html", work + "/rude.html")
    check("a page of rude names", page.returncode, 4)
    here = os.path.dirname(os.path.abspath(__file__))
    sound = subprocess.run([sys.executable, here + "/html_page.py", work + "/rude.html"], capture_output=True, text=True)
    check("is sound", (sound.returncode, sound.stdout), (0, ""))
    check("has them all", open(work + "/rude.html").read().count("alert(1)") >= 4, True)
    got = run(work + "/rude", "series", "--csv", work + "/rude.csv")
    check("nothing turns the terminal's colour", "\x1b" in got.stdout, False)
    head = read_csv("rude.csv", "rude.csv")[0]
    check("a head of rude names", [len(head), any(h[0] in "=+-@" for h in head), "\x1b" in "".join(head)], [8, False, False])
    # A file of very many counters leaves the others theirs, and any of its own can be asked for.
    shutil.copytree(work + "/folder", work + "/greedy")
    many = "".join("n%d %d\n" % (n, n) for n in range(60000))
    member("greedy", "1", [(START + i * S, [("/x", many + "below %d\n" % (-5, -5, -3)[i])]) for i in range(3)])
    member("words", "1", [(START, [("/y", "no number\n")])])
    for name in ("greedy", "words"):
        os.rename("%s/%s.txt" % (work, name), "%s/greedy/series/%s.txt" % (work, name))
    tables = report("greedy")
    rows = {r["series"]: r["counters"] for r in tables["tables"]["sources"]["rows"]}
    check("counters beside very many", rows, {"greedy": 50000 - 6 - 9, "two": 6, "vmstat": 9, "words": 0})
    check("what is left out is told", [n for n in tables["notes"] if n.startswith("greedy has more")] != [], True)
    tables = report("greedy", "--counter", "below", "--counter", "vmstat:never", "--counter", "nosuch")
    check("some of very many", [(r["counter"], r["delta"]) for r in tables["tables"]["counters"]["rows"]], [("below", 2), ("never", 0)])
    check("they are all", [n for n in tables["notes"] if "greedy" in n], [])
    run(work + "/greedy", "--csv", work + "/greedy.csv", "--as", "rate", "--counter", "below")
    check("of other series no file, nor of one without counters", os.listdir(work + "/greedy.csv"), ["greedy.csv"])
    check("there is no -0", [r[2] for r in read_csv("greedy.csv", "greedy.csv")], ["below", "", "0", "2"])
    for args, words in ((["--csv", made], "folder"), (["--csv", work + "/no/where"], "no/where"),
                        (["--gnuplot", work + "/g", "--smooth", "0"], "--smooth"),
                        (["--gnuplot", work + "/g", "--interval", "0s"], "--interval"),
                        (["--as", "rates", "--csv", work + "/g"], "rate"),
                        (["--as", "rate"], "--csv=DIR"), (["--as", "raw", "series"], "--csv=DIR"),
                        (["--interval", "1s"], "--gnuplot=DIR"), (["--smooth", "3"], "--gnuplot=DIR"),
                        (["--as", "rate", "--gnuplot", work + "/g"], "--csv=DIR"),
                        (["--smooth=3", "--csv", work + "/g"], "--gnuplot=DIR"), ([made, "--as", "rate"], "--csv=DIR")):
        got = run(made, *args)
        check("%s: refused" % args, got.returncode in (1, 2) and words in got.stderr and not got.stdout, True)
    check("refused as a slip, nothing made", (got.returncode, os.path.exists(work + "/g")), (2, False))
    # Where it stays, it waits for the day when files are made.
    with open(work + "/conf", "w") as f:
        f.write("[report]\nas = rate\ninterval = 1s\nsmooth = 3\n")
    words = {"SCOUTFS_TRACE_REPORT_AS": "rate", "SCOUTFS_TRACE_REPORT_INTERVAL": "1s", "SCOUTFS_TRACE_REPORT_SMOOTH": "3"}
    for name, more, env in (("the file", ["--config", work + "/conf"], {}), ("the environment", [], words)):
        got = subprocess.run([program, "report", made, "series", *more], env={**os.environ, **env}, capture_output=True, text=True)
        check("%s may say how files are made" % name, (got.returncode, got.stderr, "Counters" in got.stdout), (4, "", True))
    got = run(made, "--gnuplot", work + "/g", "--interval", "1ms", "--from", "@0", "--to", "@2000")
    check("a recording of 100 s in steps of 1 ms", got.returncode in (0, 4), True)
    got = run(data + "/pcap/none", "series")
    check("no bundle", got.returncode, 1)
    os.mkdir(work + "/blocked")
    os.mkdir(work + "/blocked/vmstat.csv")
    got = run(made, "--csv", work + "/blocked")
    check("something is in the way", (got.returncode, "vmstat.csv" in got.stderr, os.listdir(work + "/blocked")),
          (1, True, ["vmstat.csv"]))


def picture(name, *args):
    """Of a page each timeline and each picture of series: its axis, what is in sight, scale, curve, data."""
    got = run(os.path.join(work, name + ".tar.zst"), "series", "--html", work + "/page.html", *args)
    check("%s %s: a page" % (name, args), got.returncode, 4)
    with open(work + "/page.html") as f:
        page = f.read()
    figures = {"timeline": [], "series": []}
    for kind, text in re.findall(r'<figure class="(timeline|series)">(.*?)</figure>', page, re.S):
        axis = re.search(r'<g class="axis">(.*?)</g>', text, re.S)[1]
        figures[kind].append({
            "ticks": re.findall(r'<text x="([\d.]+)" y="\d+">([^<]*)', axis),
            "view": re.search(r'class="plot" x="(\d+)" y="0" width="(\d+)" height="\d+" viewBox="0 0 (\d+) ', text).groups(),
            "scale": re.findall(r'class="most (?:top|low)"[^>]*>([^<]*)', text), "which": re.findall(r'class="which">([^<]*)', text),
            "curve": re.findall(r'class="curve" d="([^"]*)', text), "data": json.loads(re.search(r"<script[^>]*>(.*)</script>", text)[1])})
    return page, figures


def pages():
    # 400 s, of which 40 s before the trigger and 20 s after it are a picture of their own. Level, level but for a bit, below zero.
    long = {"rate": lambda i: 3 * i, "grown": lambda i: 10 ** 6 + (200 < i <= 350), "cold": lambda i: -5 - (i == 7), "warm": lambda i: 20 + i % 2,
            "fine": lambda i: 2 + i % 2 / 100000, "nothing": lambda i: 5 + (i > 100)}
    bundle("long", *member("own", "1", [(START + i * S, [("/x", lines(long, i))]) for i in range(400)]), "--trigger", "x=x",
           "--trigger-at", str(START + 300 * S))
    for counter, near, whole in (("rate", ["6", "0"], ["6", "0"]), ("grown", ["2000002", "0"], ["1000001", "1000000"]),
                                 ("cold", ["0", "-10"], ["-5", "-6"]), ("warm", ["21", "20"], ["21", "20"]),
                                 ("fine", ["2.00001", "2"], ["2.00001", "2"])):
        _, figures = picture("long", "--counter", counter)
        check(counter + ": two of each", [len(f) for f in figures.values()], [2, 2])
        for timeline, plot, seconds, scale in zip(figures["timeline"], figures["series"], (60, 399), (near, whole)):
            check(counter + ": ticks as the timeline's", plot["ticks"], timeline["ticks"])
            check(counter + ": as wide and as long", plot["view"], timeline["view"])
            for key in ("steps", "width", "zero", "utc"):
                check("%s: %s as the timeline's" % (counter, key), plot["data"][key], timeline["data"][key])
            long_s = plot["data"]["steps"] * plot["data"]["width"]
            check(counter + ": all of it, and hardly more", seconds <= long_s < seconds + 2, True)
            check(counter + ": its scale", plot["scale"], scale)
            # The picture is 150 high, from 28 on: what is level lies in its middle.
            if counter == "rate":
                check("level lies in the middle", set(re.findall(r" ([\d.]+)H", plot["curve"][0])), {"103.0"})
    os.rename(work + "/page.html", work + "/fine.html")  # for the browser
    _, figures = picture("long", "--counter", "nothing", "--from", "+10s")
    check("not moved then: no picture", figures["series"], [])
    # 700 that rise by 1, and once by 1 more than their number; all around the trigger, so that nothing differs there.
    many = [(START + i * S, [("/x", "".join("c%d %d\n" % (k, i + (k if i > 5 else 0)) for k in range(700)))]) for i in range(12)]
    bundle("many", *member("own", "1", many), "--trigger", "x=x", "--trigger-at", str(START + 6 * S))
    page, figures = picture("many")
    plot = figures["series"][0]
    check("the first changed most", plot["which"], ["own c699, a second"])
    check("then the others", [r[2] for r in plot["data"]["list"]], ["c%d" % k for k in range(699, 99, -1)])
    check("what is cut is told", "700 counters moved; the 600 that changed most can be drawn here." in page, True)
    page, figures = picture("many", "--counter", "c6*")
    check("not when nothing is", len(figures["series"][0]["data"]["list"]) == 111 and "can be drawn here" not in page, True)


{"make": make, "figures": figures, "real": real, "csv": csv_files, "damage": damage, "page": pages}[what]()
for fault in faults[:20]:
    print(fault)
sys.exit(bool(faults))
