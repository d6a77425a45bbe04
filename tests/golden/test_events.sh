#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Reports on trace events of the real sessions: `events` beside trace-cmd, byte for byte; `rates`, `locks`, `commits`
# and `timeline` beside a few lines of Python over its text (events.py). Arguments: the program, raw_bundle.
here=$(cd "$(dirname "$(readlink -f "$0")")" && pwd)
# shellcheck source=tests/golden/lib.sh
. "$here/lib.sh"
begin trace-cmd zstd python3 tar

# Moments at which some wait for locks that others hold.
declare -A cuts=([fence-client]='-21.883s -22.0713s +3.3882s' [fence-leader]='-10.3157s +1.875s +1.9088s')
# From pcap-summary.txt of the captures: what walks the streams with nothing but the header's length found.
declare -A messages=([fence-client]=3292 [fence-leader]=1796)

for session in fence-client fence-leader; do
	real_bundle "$session" || exit 1
	bundle=$work/$session.tar.zst
	mkdir -p "$work/$session" &&
		tar -C "$work/$session" --strip-components=1 --zstd -xf "$bundle" || exit 1
	trace=$work/$session/trace.dat

	trace-cmd report "$trace" >"$work/want.txt" 2>"$work/trace-cmd.err"
	"$program" report "$bundle" events >"$work/got.txt" && cmp "$work/got.txt" "$work/want.txt"
	result $? "$session: events are the lines of trace-cmd"
	[ "$(wc -l <"$work/got.txt")" -gt 50000 ]
	result $? "$session: and they are many"

	trace-cmd report -t "$trace" >"$work/want-t.txt" 2>"$work/trace-cmd.err"
	"$program" report "$bundle" events -t >"$work/got.txt" && cmp "$work/got.txt" "$work/want-t.txt"
	result $? "$session: and to the nanosecond those of trace-cmd report -t"

	# Where the kernel says that it lost some, before every seventh page, with their number before every fourteenth.
	python3 - "$trace" "$work/lossy.dat" <<-'EOF'
		import struct, sys
		data = bytearray(open(sys.argv[1], "rb").read())
		table = data.find(b"flyrecord\0") + 10
		number = 0
		for cpu in range(2):
		    offset, size = struct.unpack_from("<QQ", data, table + 16 * cpu)
		    for page in range(offset + 4096, offset + size, 4096):
		        number += 1
		        used = struct.unpack_from("<I", data, page + 8)[0]
		        if number % 7:
		            continue
		        stored = number % 14 == 0 and 16 + used + 8 <= 4096
		        if stored:
		            struct.pack_into("<Q", data, page + 16 + used, number * 3)
		        struct.pack_into("<I", data, page + 8, used | 1 << 31 | stored << 30)
		open(sys.argv[2], "wb").write(data)
	EOF
	trace-cmd report "$work/lossy.dat" >"$work/want-lossy.txt" 2>"$work/trace-cmd.err"
	"$program" report "$work/lossy.dat" events >"$work/got.txt" && cmp "$work/got.txt" "$work/want-lossy.txt" &&
		[ "$(grep -c '^CPU:[01] \[[0-9]* EVENTS DROPPED\]$' "$work/got.txt")" -gt 50 ] && grep -q '^CPU:[01] \[EVENTS DROPPED\]$' "$work/got.txt"
	result $? "$session: lost events are told in trace-cmd's words, where it tells them"

	"$program" report "$bundle" events --cpu 1 --event 'scoutfs_lock_*' >"$work/got.txt" &&
		cmp "$work/got.txt" <(grep -E '^cpus=|\[001\].*: scoutfs_lock_' "$work/want.txt")
	result $? "$session: filters leave what grep leaves"

	rm -f "$work"/end*.json
	for cut in ${cuts[$session]}; do
		"$program" report "$bundle" locks --to "$cut" --format json --limit 0 >"$work/end$cut.json" || exit 1
	done
	# While a client waited for being fenced, others waited for it.
	rm -f "$work"/hung*.json
	[ "$session" = fence-leader ] || "$program" report "$bundle" verdict --to -10s --format json >"$work/hung-10s.json" || exit 1
	trace-cmd report -t "$trace" >"$work/text.txt" 2>"$work/trace-cmd.err" &&
		"$program" report "$bundle" rates locks commits --format json --limit 0 >"$work/report.json" &&
		"$program" report "$bundle" events --format csv >"$work/events.csv" &&
		"$program" report "$bundle" timeline --format csv >"$work/timeline.csv" &&
		cp "$work/$session/kernel.log" "$work/kernel.log" && echo "${messages[$session]}" >"$work/messages.txt" &&
		python3 "$here/events.py" "$session" "$work"
	result $? "$session: rates, locks, commits and timeline"
done
# The line that fired has the stamp that the recorder noted.
fired=$("$program" report "$bundle" timeline --source log --from +0s --to +0s --format json |
	python3 -c 'import json,sys; j=json.load(sys.stdin); print(sum(r["time_ns"] == j["trigger_monotonic_ns"] and r["source"] == "log" for r in j["reports"]["timeline"]["tables"]["timeline"]["rows"]))')
[ "$fired" = 1 ]
result $? "the line that fired is at the trigger's moment"
finish
