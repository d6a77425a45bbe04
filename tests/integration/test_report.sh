#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# `scoutfs-trace report` on a bundle of a real session: forms of output, exit statuses, ways to hand a bundle over, what
# goes wrong. Needs no root. Figures are compared with the manifest as tar and jq read it.
#
#     SCOUTFS_TRACE=build/src/scoutfs-trace RAW_BUNDLE=build/tests/golden/raw_bundle TEST_DATA=tests/data \
#         tests/integration/test_report.sh
set -u
export LC_ALL=C NO_COLOR=1 SCOUTFS_TRACE_NO_CONFIG=yes
unset COLUMNS
bin=$(realpath "${SCOUTFS_TRACE:?}") raw_bundle=$(realpath "${RAW_BUNDLE:?}") data=$(realpath "${TEST_DATA:?}")/real
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0 failed=0
for tool in jq zstd tar python3; do
	command -v $tool >/dev/null || { echo "skipped: $tool is not installed"; exit 77; }
done
# shellcheck source=tests/golden/real.sh
. "$(dirname "$0")/../golden/real.sh"
real_bundle fence-client || exit 1
bundle=$work/fence-client.tar.zst
tar -C "$work" --zstd -xf "$bundle" || exit 1
folder=$(dirname "$(find "$work" -name manifest.json)")
manifest=$folder/manifest.json

ok() { # NAME COMMAND...
	local name=$1
	shift
	if "$@"; then
		passed=$((passed + 1))
		echo "ok - $name"
	else
		failed=$((failed + 1))
		echo "not ok - $name"
		sed 's/^/# out: /' "$work/out" | head -20
		sed 's/^/# err: /' "$work/err" | head -5
	fi
}

gives() { # STATUS ARG...
	local want=$1 got
	shift
	"$bin" report "$@" >"$work/out" 2>"$work/err" </dev/null
	got=$?
	[ $got = "$want" ] || { echo "# exit status $got instead of $want"; return 1; }
}
says() { grep -qF -- "$1" "$work/err"; }
prints() { grep -qF -- "$1" "$work/out"; }
silent_err() { [ ! -s "$work/err" ]; }
refuses() { # WORDS ARG...
	local words=$1
	shift
	gives 2 "$@" && [ ! -s "$work/out" ] && says "$words"
}

# What it shows, beside the manifest.

text() { gives 0 "$bundle" about && silent_err && prints "What each source covers" && prints "reconnect-timeout"; }
ok "text for people" text
overview() {
	gives 0 "$bundle" --json && [ "$(jq '.reports | length' "$work/out")" = 1 ] && jq -r '.reports | keys[0]' "$work/out" >"$work/got" &&
		gives 0 --list-reports && [ "$(awk 'NR == 1 {print $1}' "$work/out")" = "$(cat "$work/got")" ]
}
ok "without a report's name it is the first of the list" overview
fits() { COLUMNS=80 gives 0 "$bundle" about && ! grep -q '.\{81\}' "$work/out"; }
ok "it fits 80 columns" fits
whole() { # Of every word in the tables, as JSON has them, is the screen's text free of broken ones?
	local all=(verdict about rates locks commits rpc connections heartbeats loss timeline)
	COLUMNS=80 gives 0 "$bundle" "${all[@]}" --from -25.1s --to -25s && ! grep '.\{81\}' "$work/out" && cp "$work/out" "$work/screen" &&
		gives 0 "$bundle" "${all[@]}" --from -25.1s --to -25s --json &&
		python3 -c 'import json, re, sys
shown = set(open(sys.argv[1]).read().replace("0x", "").split())
shown |= {piece for word in shown for piece in re.findall(r"[^|]*[|]?", word)}
lost, words = [], 0
for name, report in json.load(open(sys.argv[2]))["reports"].items():
    for table in report["tables"].values():
        for row in table["rows"]:
            for value in row.values():
                for word in value.replace("0x", "").split() if isinstance(value, str) else []:
                    words += 1
                    if len(word) <= 48 and "T" not in word and any(p and p not in shown for p in re.findall(r"[^|]*[|]?", word)):
                        lost.append((name, word))
print("#", words, lost[:9])
sys.exit(words < 1000 or bool(lost))' "$work/screen" "$work/out"
}
ok "and breaks no word for it" whole
# Reports have words for people.
names='def names: {"ftrace": "trace", "kmsg": "log"}[.] // .;'
json() {
	gives 0 "$bundle" about --json && silent_err &&
		jq -S '.reports.about.tables.sources.rows | map(select(.source != "context") | {source, records, lost, first_ns, last_ns})' "$work/out" >"$work/got" &&
		jq -S "$names"' [.sources[] | select(.member) | {source: (.name | names), records, lost, first_ns: .first_monotonic_ns,
			last_ns: .last_monotonic_ns}]' "$manifest" >"$work/want" && diff "$work/want" "$work/got"
}
ok "sources in JSON are those of the manifest" json
trigger() { [ "$(jq .trigger_monotonic_ns "$work/out")" = "$(jq .stop.monotonic_ns "$manifest")" ]; }
ok "and so is the trigger" trigger
utc() {
	local got want
	got=$(jq -r '.reports.about.tables.sources.rows[] | select(.source == "packets") | .first_utc' "$work/out")
	want=$(jq '(.sources[] | select(.name == "packets") | .first_monotonic_ns) + .clocks.anchors[0].realtime_ns
		- .clocks.anchors[0].monotonic_ns' "$manifest")
	# jq has doubles: to a microsecond.
	[ "$(date -ud "@$((want / 1000000000)).$(printf %09d $((want % 1000000000)))" +%FT%T.%6N | cut -c1-25)" = "${got:0:25}" ]
}
ok "and the time of day that they make" utc
csv() {
	gives 0 "$bundle" about.sources --format=csv && silent_err &&
		python3 -c 'import csv, sys
for row in csv.DictReader(open(sys.argv[1], newline=""), strict=True):
    print(row["source"], row["records"], row["first_ns"])' "$work/out" >"$work/got" &&
		jq -r "$names"' .sources[] | select(.member) | "\(.name | names) \(.records) \(.first_monotonic_ns)"' "$manifest" >"$work/want" &&
		diff "$work/want" "$work/got"
}
ok "one table as CSV is a plain CSV file" csv

# Ways to hand it over.

same() { # ARG...
	gives 0 "$bundle" about.sources --format csv && cp "$work/out" "$work/want" && gives 0 "$@" about.sources --format csv &&
		diff "$work/want" "$work/out"
}
ok "the folder that it was unpacked to" same "$folder"
stdin() { "$bin" report - about.sources --format csv <"$bundle" >"$work/got" 2>"$work/err" && diff "$work/want" "$work/got"; }
ok "standard input" stdin
repacked() { tar -C "$work" -czf "$work/again.tar.gz" "$(basename "$folder")" && same "$work/again.tar.gz"; }
ok "packed again by others" repacked

# What is wrong with the wish.

ok "no bundle" refuses "BUNDLE"
ok "a report that there is not" refuses "did you mean 'about'?" "$bundle" abuot
ok "a table that there is not" refuses "it has: recording" "$bundle" about.nothing
ok "a table of a report whose name is not whole" refuses "did you mean 'rpc'" "$bundle" rcp.latency
ok "a table that there is not, on a page" refuses "it has: verdict" "$bundle" verdict.nothing --html -
ok "a report twice" refuses "twice" "$bundle" about about.sources
ok "a table twice" refuses "twice" "$bundle" about.sources loss about.sources
ok "an event that the recording has not" refuses "no event" "$bundle" --event scoutfs:nothing
ok "a process that the recording has not" refuses "no process" "$bundle" --comm nothing
ok "series, as if they were events" refuses "report BUNDLE series" "$bundle" --source series
filtered_out() { # WORDS ARG...
	local words=$1
	shift
	gives 0 "$bundle" "$@" && silent_err && prints "$words"
}
ok "a pid that nothing matches" filtered_out "No trace event that was looked at matches --pid 4711." events --pid 4711
ok "a CPU that it has not" filtered_out "matches --cpu 4711." rates --cpu 4711
ok "a mount that it has not" filtered_out "matches --rid 123456." connections --rid 123456
ok "a side that it has not" filtered_out "No packet that was looked at in this window matches --peer 10.9.8.7." \
	connections --peer 10.9.8.7 --from -5s
ok "a window with nothing in it" filtered_out "The recording has nothing in this window" verdict --from +1000s
idle() {
	gives 0 "$bundle" events --comm '<idle>' --format csv && awk -F, 'NR > 1 && $4 != 0 {exit 1} END {exit NR < 2}' <(cut -d, -f2- "$work/out")
}
ok "the idle task has pid 0" idle
ok "a condition that is none" refuses "--where: " "$bundle" --where 'pid =='
ok "a field that no event has" refuses "--where: " "$bundle" --where 'nothing == 1'
ok "a window that ends before it begins" refuses "--from" "$bundle" --from +1s --to -1s
ok "a time that is none" refuses "is not a time" "$bundle" --from yesterday

# What is wrong with the bundle.

none() { gives 1 "$work/none" && says "$work/none" && [ ! -s "$work/out" ]; }
ok "no such file" none
foreign() { gives 1 "$bin" && says "not a bundle" && [ ! -s "$work/out" ]; }
ok "a file of another kind" foreign
cut() {
	head -c 1000000 "$bundle" >"$work/cut.tar.zst" && gives 4 "$work/cut.tar.zst" about && silent_err && prints "cut short" &&
		gives 4 "$work/cut.tar.zst" about.sources --format csv && says "cut short" && ! prints "cut short" &&
		gives 4 "$work/cut.tar.zst" --json && [ "$(jq .complete "$work/out")" = false ] &&
		jq -r '.notes[]' "$work/out" | grep -qF "cut short"
}
ok "half a bundle is shown, and said to be half" cut
behind() { # zeros may follow the end, nothing else
	{ cat "$bundle" && head -c 10000 /dev/zero; } >"$work/behind.tar.zst" && gives 0 "$work/behind.tar.zst" about && ! prints "behind the end" &&
		echo hello >>"$work/behind.tar.zst" && gives 4 "$work/behind.tar.zst" about && prints "10006 bytes behind the end" &&
		cat "$bundle" "$bundle" >"$work/behind.tar.zst" && gives 4 "$work/behind.tar.zst" about &&
		prints "$(stat -c %s "$bundle") bytes behind the end"
}
ok "what was appended to a bundle is told" behind

# Output.

full() { "$bin" report "$bundle" >/dev/full 2>"$work/err"; [ $? = 1 ] && says "cannot write to standard output"; }
ok "a full disk is an error" full
closed() { "$bin" report "$bundle" >&- 2>"$work/err"; [ $? = 1 ] && says "cannot write to standard output"; }
ok "no standard output at all is one too" closed
gone() {
	local status
	"$bin" report "$bundle" --json 2>"$work/err" | :
	status=${PIPESTATUS[0]}
	{ [ "$status" = 0 ] || [ "$status" = 141 ]; } && silent_err
}
ok "a reader that leaves is none" gone
tables() { # The tables that a report of all makes are those of the list, and the page on the program names the same.
	gives 0 --list-reports --json && jq -r '.reports[] | .name as $r | .tables[] | "\($r).\(.)"' "$work/out" | sort >"$work/listed" &&
		mapfile -t names < <(jq -r '.reports[].name' "$work/out") && gives 0 "$bundle" "${names[@]}" --limit 1 --to -25s --json &&
		jq -r '.reports | to_entries[] | .key as $r | .value.tables | keys[] | "\($r).\(.)"' "$work/out" | sort >"$work/made" &&
		[ "$(wc -l <"$work/made")" -gt 30 ] && [ -z "$(comm -13 "$work/listed" "$work/made")" ] &&
		awk '/^\.Sh/ {on = /REPORT NAMES/} !on {next} /^\.It Cm/ {report = $3; tables = 0} /[Tt]ables?:$/ {tables = 1; next}
			/^\.Cm/ && tables {for (i = 2; i <= NF; i++) if ($i ~ /^[a-z_]+$/) print report "." $i}' \
			"$(dirname "$0")/../../man/scoutfs-trace-report.1" | sort >"$work/page" && diff "$work/listed" "$work/page"
}
ok "the tables of the list are those that are made, and those of the page" tables
several() {
	gives 0 "$bundle" loss.totals about.sources about.recording loss.unread --json &&
		[ "$(jq -c '.reports | map_values(.tables | keys)' "$work/out")" = '{"loss":["totals","unread"],"about":["recording","sources"]}' ]
}
ok "several tables of a report" several
absent() { gives 0 "$bundle" about.suspects --json && jq -e '.reports.about.notes | any(contains("about.suspects") or contains("suspects"))' "$work/out" >/dev/null; }
ok "a table that this recording has nothing for is no mistake" absent
list() { gives 0 --list-reports && prints "about " && gives 0 --list-reports --json && jq -e '.reports | any(.name == "about")' "$work/out" >/dev/null; }
ok "the list of reports" list
completes() { "$bin" --completion=bash >"$work/completion" && bash -c '. "$1"
	COMP_WORDS=("$2" report x.tar.zst ab) COMP_CWORD=3
	_scoutfs_trace "$2" ab x.tar.zst
	[ "${COMPREPLY[*]}" = about ]' bash "$work/completion" "$bin"; }
ok "bash completes the names of reports" completes
completes_table() { bash -c '. "$1"
	COMP_WORDS=("$2" report x.tar.zst about.su) COMP_CWORD=3
	_scoutfs_trace "$2" about.su x.tar.zst
	[ "${COMPREPLY[*]}" = about.suspects ]' bash "$work/completion" "$bin"; }
ok "and of their tables" completes_table

# A rehearsal: the log's lines are a program's, and the recorder was told to take them for the kernel's.

rehearsal() { # FACILITY OPTION: how many of the lines that mean something are seen, by report
	rm -rf "$work/rehearsal" && cp -r "$folder" "$work/rehearsal" && sed -i "s/\] kern\./] $1./" "$work/rehearsal/kernel.log" &&
		jq --arg facility "$2" '.command_line = ["scoutfs-trace", "--log-facility", $facility]' "$manifest" >"$work/rehearsal/manifest.json" &&
		gives 0 "$work/rehearsal" connections.steps overview.flags verdict.sequence --json --limit 0 &&
		jq -r '.reports | (.connections.tables.steps.rows | map(select(.place == "kernel log")) | length),
			(.verdict.tables.sequence.rows | map(select(.source == "log")) | length),
			(.overview.tables.flags.rows | map(select(.text | startswith("scoutfs"))) | length)' "$work/out" | xargs
}
rehearses() {
	[ "$(rehearsal kern kernel)" = "$(rehearsal user any)" ] && ! rehearsal user any | grep -q '\<0\>' &&
		[ "$(rehearsal user kernel)" = "0 0 $(grep -cE '\] user\.(emerg|alert|crit|err) [0-9]+ scoutfs' "$work/rehearsal/kernel.log")" ]
}
ok "lines of a rehearsal count in every report, those of programs otherwise in none but as errors of anybody" rehearses

# Files about the host, beside what awk makes of their INDEX.

cp -r "$folder" "$work/host" && mkdir -p "$work/host/context/start" "$work/host/context/end"
second=$(jq '.stop.monotonic_ns / 1000000000 | floor' "$manifest")
printf '%-22s %-8s %8u bytes %6u ms  @%u.%06u  %s\n' uname.txt ok 68 12 $((second - 30)) 250000 'uname -a' \
	modules.txt failed 50 0 $((second - 30)) 500000 /proc/modules >"$work/host/context/start/INDEX"
printf '%-22s %-8s %8u bytes %6u ms  @%u.%06u  %s\n' ps.txt cut 1048576 40 $((second + 1)) 7 'ps -e' >"$work/host/context/end/INDEX"
echo "# not collected: no way" >"$work/host/context/start/modules.txt"
context() {
	gives 0 "$work/host" timeline --source context --format csv &&
		python3 -c 'import csv, sys
for row in csv.DictReader(open(sys.argv[1], newline="")):
    if row["source"] == "context": print(row["time_ns"], row["where"], row["what"])' "$work/out" >"$work/got" &&
		awk '{split(substr($7, 2), t, "."); folder = FILENAME; sub(".*context/", "", folder); sub("INDEX", "", folder)
			what = $2 == "ok" ? ": 68 B" : $2 == "cut" ? ": 1 MiB, cut there" : ": not collected: no way"
			print t[1] t[2] "000", folder $1, $8 ($9 ? " " $9 : "") what}' \
			"$work/host/context/start/INDEX" "$work/host/context/end/INDEX" >"$work/want" && diff "$work/want" "$work/got"
}
ok "the timeline has the files about the host" context
counted() {
	gives 0 "$work/host" about.sources verdict.completeness --json &&
		[ "$(jq -r '.reports.about.tables.sources.rows[] | select(.source == "context") | .records, .first_ns, .last_ns' "$work/out" | xargs)" = \
			"2 $((second - 30))250000000 $((second + 1))000007000" ] &&
		[ "$(jq -r '.reports.verdict.tables.completeness.rows[] | select(.source == "context") | .remark' "$work/out")" = "1 not to be had" ]
}
ok "and so do the tables of sources" counted

echo "# $passed passed, $failed failed"
[ $failed = 0 ]
