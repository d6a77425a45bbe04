#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# --html of the real sessions, and of one whose names and log lines would like to be markup: as text (html_page.py,
# html_hostile.py), and in a headless Chromium, where there is one (html_browser.py). Arguments: the program, raw_bundle.
# HTML_PICTURES names a folder where what the pages looked like is kept, HTML_PAGES those of client, leader, hostile that
# the browser gets.
here=$(cd "$(dirname "$(readlink -f "$0")")" && pwd)
# shellcheck source=tests/golden/lib.sh
. "$here/lib.sh"
begin zstd python3
pictures=${HTML_PICTURES:-$work}

fails_with() { # STATUS WORDS COMMAND...
	local status=$1 words=$2
	shift 2
	"$@" >"$work/said" 2>&1
	[ $? = "$status" ] && grep -q -- "$words" "$work/said"
}

only_page() { # FOLDER NAME: nothing else was left there
	[ "$(ls -A "$1")" = "$2" ] && [ "$(stat -c %a "$1/$2")" = 600 ]
}

real_bundle fence-client && mv "$work/fence-client.tar.zst" "$work/client.tar.zst" &&
	real_bundle fence-leader && mv "$work/fence-leader.tar.zst" "$work/leader.tar.zst" || exit 1
# shellcheck disable=SC2034 # real.sh's
real_change="python3 $here/html_hostile.py make"
real_bundle fence-client --trigger 'x<script>"&=hostile <script>' && mv "$work/fence-client.tar.zst" "$work/hostile.tar.zst" ||
	exit 1

mkdir "$work/pages"
ok 'a page is made' "$program" report "$work/client.tar.zst" --html "$work/pages/client.html"
ok 'and nothing beside it, for its owner only' only_page "$work/pages" client.html
echo old >"$work/pages/client.html"
ok 'it takes the place of a file' "$program" report "$work/client.tar.zst" --html "$work/pages/client.html"
ok 'and is sound' python3 "$here/html_page.py" "$work/pages/client.html"
ln -s client.html "$work/link.html"
ok 'it does not take the place of a link' fails_with 1 'something else than a file' \
	"$program" report "$work/client.tar.zst" --html "$work/link.html"
ok 'no folder is a clear error' fails_with 1 'cannot make' \
	"$program" report "$work/client.tar.zst" --html "$work/nowhere/page.html"
ok 'no bundle, no page' fails_with 1 . "$program" report "$work/pages" --html "$work/pages/other.html"
ok 'nothing is left of it' only_page "$work/pages" client.html
ok 'two formats are one too many' fails_with 2 'at once' \
	"$program" report "$work/client.tar.zst" --format csv --html "$work/pages/other.html"
"$program" report "$work/client.tar.zst" --html - >"$work/pages/stdout.html"
ok 'standard output has the same' cmp "$work/pages/client.html" "$work/pages/stdout.html"
ok 'the leader' "$program" report "$work/leader.tar.zst" --html "$work/pages/leader.html"
ok 'is sound' python3 "$here/html_page.py" "$work/pages/leader.html"
"$program" report "$work/hostile.tar.zst" rpc events --to -24s --html "$work/pages/some.html"
ok 'a window, and two reports' python3 "$here/html_page.py" "$work/pages/some.html"
ok 'hostile names' "$program" report "$work/hostile.tar.zst" about locks rates loss --html "$work/pages/hostile.html"
ok 'are text' python3 "$here/html_hostile.py" check "$work/pages/hostile.html"
"$program" report "$work/hostile.tar.zst" events timeline --to -25.4s --html "$work/pages/comms.html"
ok 'of processes too' python3 "$here/html_hostile.py" comms "$work/pages/comms.html"
ok 'the picture counts what was captured' python3 "$here/html_figures.py" "$program" "$work" "$data"

browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome)
# A program of that name may be a note that says where to get it.
[ -n "$browser" ] && ! timeout 60 "$browser" --version >/dev/null 2>&1 && browser=
if [ -z "$browser" ]; then
	skip "no chromium"
else
	for page in ${HTML_PAGES:-leader hostile}; do
		timeout 200 python3 "$here/html_browser.py" "$browser" "$work/pages/$page.html" "$pictures" >"$work/out" 2>&1 ||
			failed=1
		while IFS= read -r line; do
			case $line in
			'ok - '*) echo "ok $((++number)) - ${line#ok - }" ;;
			'not ok - '*) echo "not ok $((++number)) - ${line#not ok - }" ;;
			*) echo "# $line" ;;
			esac
		done <"$work/out"
		grep -q scripts "$work/out" || {
			echo "not ok $((++number)) - $page: went to its end"
			failed=1
		}
	done
fi
finish
