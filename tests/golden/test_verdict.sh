#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Reports `verdict`, `heartbeats` and `loss` of the real fences, beside what trace-cmd, tshark and grep say of the same captures
# (verdict.py). Arguments: the program, raw_bundle.
here=$(cd "$(dirname "$(readlink -f "$0")")" && pwd)
# shellcheck source=tests/golden/lib.sh
. "$here/lib.sh"
begin trace-cmd tshark zstd python3 script jq

for session in fence-client fence-leader; do
	real_bundle "$session" || exit 1
	bundle=$work/$session.tar.zst
	"$program" report "$bundle" verdict heartbeats loss --format json --limit 0 >"$work/report.json"
	zstd -dqf "$data/$session-v6.dat.zst" -o "$work/trace.dat"
	zstd -dqf "$data/pcap/$session-sll2.pcap.zst" -o "$work/packets.pcap"
	zstd -dqf "$data/kmsg/$session.kmsg.zst" -o "$work/kmsg"
	trace-cmd report -t "$work/trace.dat" 2>/dev/null | grep -E ' scoutfs_(quorum_|conn_)' >"$work/events.txt"
	tshark -r "$work/packets.pcap" -T fields -E separator=' ' -e frame.time_epoch -e udp.srcport -e udp.dstport -e udp.payload \
		-e tcp.srcport -e tcp.dstport -e tcp.payload >"$work/packets.txt" 2>/dev/null
	python3 "$here/verdict.py" "$session" "$work"
	result $? "$session: the figures are those of other programs"

	# As long a name as they have.
	name=scoutfs-trace.node17.2026-1120-1000.AbCdEf.tar.zst
	ln -f "$bundle" "$work/$name"
	script -qec "cd '$work' && stty cols 80 rows 40; '$program' report $name" /dev/null </dev/null |
		sed 's/\x1b\[[0-9;]*m//g' | tr -d '\r' >"$work/screen.txt"
	grep -q 'was fenced by' "$work/screen.txt" && [ "$(wc -l <"$work/screen.txt")" -le $((40 + 3 * $(grep -c '^at trigger' "$work/screen.txt"))) ] && ! grep -qE '.{81}' "$work/screen.txt"
	result $? "$session: without a name it is the verdict, on a screen of 80 by 40"

	# The kernel's lines are in the trace as well.
	"$program" report "$work/trace.dat" verdict.verdict --format csv >"$work/alone.csv" 2>"$work/err"
	grep -q 'was fenced by' "$work/alone.csv"
	result $? "$session: a trace.dat alone is enough to tell"

	# It goes on behind the fence, and no trigger says where that was.
	"$program" report "$work/trace.dat" verdict.sequence --format json >"$work/alone.json" 2>"$work/err"
	trace-cmd report -t -F 'console,scoutfs_quorum_recv_message,scoutfs_quorum_send_message' "$work/trace.dat" >"$work/alone.txt" 2>/dev/null
	python3 "$here/alone.py" "$session" "$work"
	result $? "$session: the leader's last heartbeat is the last before the fence"
done
"$program" report "$work/fence-client.tar.zst" verdict --to -25s --format csv >"$work/early.csv" &&
	grep -q 'was fenced by the server .*; when its connection was lost is not in what is shown here' "$work/early.csv" &&
	! grep -q 'after its connection was lost' "$work/early.csv"
result $? "a window without the fence does not tell when the connection was lost"

# Cut within the trace: of what is not there nothing is told.
bundle=$work/fence-client.tar.zst
head -c "$(($(stat -c %s "$bundle") * 65 / 100))" "$bundle" >"$work/cut.tar.zst"
"$program" report "$work/cut.tar.zst" verdict heartbeats.gaps rpc.unanswered --format json >"$work/cut.json" 2>"$work/err"
[ $? -eq 4 ] && jq -e '(.complete or .reports.verdict.complete or .reports.heartbeats.complete) == false' "$work/cut.json" >/dev/null &&
	jq -e '[.reports.verdict.tables.completeness.rows[] | tostring | select(test("damaged: read up to -"))] | length == 1' "$work/cut.json" >/dev/null &&
	jq -e '[.reports.heartbeats.tables.gaps.rows[] | select(.until == "the trigger")] | length == 0' "$work/cut.json" >/dev/null &&
	! grep -qE 'had no answer|A process waited|processes waited' "$work/cut.json"
result $? "what is cut off has not stopped, and does not hang"
"$program" report "$bundle" verdict --cpu 0 --format csv >"$work/filtered.csv" 2>/dev/null &&
	grep -qE 'Whether [0-9]+ processes got the locks that they waited for cannot be told: a filter' "$work/filtered.csv" &&
	! grep -qE 'had no answer|, waited for|cluster lock' "$work/filtered.csv"
result $? "what a filter leaves out does not hang"
"$program" report "$work/packets.pcap" verdict.verdict --format csv 2>/dev/null | grep -q 'fence cannot be known'
result $? "packets alone do not say that there was no fence"

# A trigger that was 292 years after the boot.
mkdir "$work/far"
tar -C "$work/far" --strip-components=1 -xf "$bundle"
jq '.stop.monotonic_ns = 9223372036854775807' "$work/far/manifest.json" >"$work/manifest.json" && mv "$work/manifest.json" "$work/far/manifest.json"
"$program" report "$work/far" verdict.verdict >"$work/far.txt" 2>&1
[ $? -eq 4 ] && grep -q 'outside of what was recorded' "$work/far.txt" && grep -q 'was fenced by' "$work/far.txt"
result $? "a trigger that the recording does not reach is doubted"
finish
