#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Exports of the real sessions, beside what trace-cmd, tshark and a few lines of Python make of the same captures
# (export.py); then names that a stranger made up, and windows with nothing in them. Arguments: the program, raw_bundle.
set -u
program=$1 raw_bundle=$2
here=$(cd "$(dirname "$(readlink -f "$0")")" && pwd)
data=$here/../data/real
# shellcheck source=tests/golden/real.sh
. "$here/real.sh"
for tool in trace-cmd tshark zstd python3 jq tar; do
	command -v "$tool" >/dev/null || {
		echo "1..0 # SKIP no $tool"
		exit 77
	}
done
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

number=0 failed=0
tell() { # NAME: by the last exit status
	local status=$?
	if [ $status = 0 ]; then
		echo "ok $((++number)) - $1"
	else
		echo "not ok $((++number)) - $1"
		failed=1
	fi
}

packets_text() { # PCAP
	tshark -r "$1" -Y 'tcp.len > 0' -T fields -E separator=' ' -e frame.time_epoch -e ip.src -e tcp.srcport -e ip.dst \
		-e tcp.dstport -e tcp.seq_raw -e tcp.payload 2>"$work/tshark.err"
}

# The times of all events of the file lie in [FROM, TO], in us from the trigger.
within() { # FILE FROM TO
	jq -e --argjson from "$2" --argjson to "$3" '.otherData.trigger_us as $t |
		[.traceEvents[] | select(.ph != "M" and .ph != "C") | .ts - $t | select(. < $from - 0.001 or . > $to + 0.001)] == []' \
		"$1" >"$work/jq.out"
}

for session in fence-client fence-leader; do
	real_bundle "$session" || exit 1
	zstd -dqf "$data/$session-v6.dat.zst" -o "$work/trace.dat"
	zstd -dqf "$data/pcap/$session-sll2.pcap.zst" -o "$work/packets.pcap"
	zstd -dqf "$data/kmsg/$session.kmsg.zst" -o "$work/kmsg"
	packets_text "$work/packets.pcap" >"$work/packets.txt"
	trace-cmd report -t "$work/trace.dat" >"$work/events.txt" 2>"$work/trace-cmd.err"
	"$program" export "$work/$session.tar.zst" --output "$work/export.json" &&
		python3 "$here/export.py" "$session" "$work"
	tell "perfetto: $session has the requests, waits, lines and marks that others count"
done

bundle=$work/fence-client.tar.zst
"$program" export "$bundle" --from -2s --to +1s >"$work/export.json" && within "$work/export.json" -2000000 1000000 &&
	jq -e '[.traceEvents[] | select(.ph == "b")] | length > 10' "$work/export.json" >"$work/jq.out" &&
	jq -e '.traceEvents | ([.[] | select(.ph == "b")] | length) == ([.[] | select(.ph == "e")] | length)' \
		"$work/export.json" >"$work/jq.out"
tell "perfetto: a window has what is in it, and spans that end with it"

"$program" export "$bundle" --from +1h --to +2h >"$work/export.json" &&
	jq -e '[.traceEvents[] | select(.ph != "M" and .ph != "C")] == []' "$work/export.json" >"$work/jq.out"
tell "perfetto: a window with nothing in it is an empty file"

"$program" export "$bundle" --source trace >"$work/export.json" &&
	jq -e '[.traceEvents[] | select(.cat == "log" or .cat == "connection")] == []' "$work/export.json" >"$work/jq.out" &&
	jq -e '[.traceEvents[] | select(.cat == "rpc")] | length > 100' "$work/export.json" >"$work/jq.out"
tell "perfetto: without packets there are the requests of the trace events"

# A stranger's names: quotes, tags, line breaks, bytes that are no UTF-8.
mkdir "$work/folder" && tar -C "$work/folder" --strip-components=1 -xf "$bundle" 2>"$work/tar.err"
python3 - "$work/folder" <<'EOF'
import json, sys
path = sys.argv[1] + "/manifest.json"
m = json.load(open(path))
evil = '"}]</script><script>alert(1)</script>\\\n\u0000\u202e\ud83d\ude00'
m["host"] = m["kernel"] = m["stop"]["text"] = m["stop"]["trigger"] = evil
m["suspects"] = [{"trigger": evil, "text": evil, "monotonic_ns": m["stop"]["monotonic_ns"]}]
m["sources"][0]["gaps"] = [{"kind": evil, "reason": evil, "count": 2**64, "from_monotonic_ns": m["stop"]["monotonic_ns"]}]
json.dump(m, open(path, "w"))
path = sys.argv[1] + "/kernel.log"
data = open(path, "rb").read()
open(path, "wb").write(data.replace(b"scoutfs", b'"\xff\\}]\x01'))
EOF
"$program" export "$work/folder" >"$work/export.json" 2>"$work/export.err"
jq -e '[.traceEvents[] | select(.cat == "trigger" or .cat == "suspect") | select(.args.text | test("alert"))] | length == 2' \
	"$work/export.json" >"$work/jq.out"
tell "perfetto: it is JSON whatever the names are"

: >"$work/nothing"
"$program" export "$work/nothing" --output "$work/none.json" 2>"$work/export.err"
[ $? = 1 ] && [ ! -e "$work/none.json" ] && [ -s "$work/export.err" ]
tell "no bundle, no file"
"$program" export "$bundle" --format pdf 2>"$work/export.err"
[ $? = 2 ] && grep -q "'pdf' is none of: perfetto" "$work/export.err"
tell "a format that there is not is a usage error"
echo "1..$number"
exit $failed
