#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Series: tables, CSV and damage beside sums done in Python (series.py); the files of --gnuplot beside what trace-cmd and
# a count of the packets make of the same captures (gnuplot.py), the simulator's own word on what it sent, and gnuplot itself; the
# page. Arguments: the program, raw_bundle, the simulator. SERIES_PICTURES names a folder where pictures are kept.
here=$(cd "$(dirname "$(readlink -f "$0")")" && pwd)
# shellcheck source=tests/golden/lib.sh
. "$here/lib.sh"
sim=$3
begin zstd python3 trace-cmd
pictures=${SERIES_PICTURES:-$work}

series() { python3 "$here/series.py" "$1" "$program" "$raw_bundle" "$work" "$data"; }

series make && real_bundle fence-client || exit 1
ok 'figures of what is made up are what was made' series figures
ok 'those of the real counters are what Python makes of the files' series real
ok 'as CSV: as they were, deltas, rates' series csv
ok 'damage and odd requests' series damage

ok 'files for gnuplot, by what trace-cmd says' python3 "$here/gnuplot.py" trace "$program" "$raw_bundle" "$work" "$data"
ok 'by hand: smoothing and zeros' python3 "$here/gnuplot.py" rules "$program" "$raw_bundle" "$work" "$data"
# In a network of its own: the ports may be somebody else's here.
apart() { unshare --net sh -c 'ip link set lo up && exec "$@"' - "$@"; }
if [ "$(id -u)" = 0 ] && command -v tcpdump >/dev/null && apart true 2>/dev/null; then
	ok 'what the simulator says it sent' apart python3 "$here/gnuplot.py" sim "$program" "$sim" "$work" "$data"
else
	skip 'needs root, tcpdump and a network namespace'
fi
if command -v gnuplot >/dev/null; then
	ok 'gnuplot draws them' python3 "$here/gnuplot.py" draw "$program" "$pictures" "$work" "$data"
else
	skip 'no gnuplot'
fi

# 4: it has no trace, and says so.
page() { "$program" report "$work/made.tar.zst" series --html "$work/made.html" || [ $? = 4 ]; }
ok 'a page' page
ok 'its pictures have one axis, a scale, a first counter' series page
ok 'is sound' python3 "$here/html_page.py" "$work/made.html"
browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome)
[ -n "$browser" ] && ! timeout 60 "$browser" --version >/dev/null 2>&1 && browser=
if [ -n "$browser" ]; then
	ok 'and draws any counter that moved' timeout 200 python3 "$here/series_browser.py" "$browser" "$work/made.html" "$work/fine.html" "$pictures"
else
	skip 'no chromium'
fi
finish
