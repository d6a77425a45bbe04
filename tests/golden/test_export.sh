#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Exports of the real sessions, beside what trace-cmd, tshark and a few lines of Python make of the same captures
# (export.py); then names that a stranger made up, and windows with nothing in them. Arguments: the program, raw_bundle.
here=$(cd "$(dirname "$(readlink -f "$0")")" && pwd)
# shellcheck source=tests/golden/lib.sh
. "$here/lib.sh"
begin trace-cmd tshark capinfos editcap zstd python3 jq tar

packets_text() { # PCAP
	tshark -r "$1" -Y 'tcp.len > 0' -T fields -E separator=' ' -e frame.time_epoch -e ip.src -e tcp.srcport -e ip.dst \
		-e tcp.dstport -e tcp.seq_raw -e tcp.payload 2>"$work/tshark.err"
}

frames() { # PCAP [FILTER]: number and stamp
	tshark -r "$1" ${2:+-Y "$2"} -T fields -e frame.number -e frame.time_epoch 2>"$work/tshark.err"
}

# Of the lines of frames(), the number of the one nearest to this.
nearest() { # NS
	python3 -c '
import sys
from decimal import Decimal
at = Decimal(sys.argv[1]) / 10**9
print(min((line.split() for line in sys.stdin), key=lambda f: abs(Decimal(f[1]) - at))[0])' "$1"
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
	[ $session = fence-client ] && cp "$work/packets.pcap" "$work/packets.pcap.fc"
	packets_text "$work/packets.pcap" >"$work/packets.txt"
	trace-cmd report -t "$work/trace.dat" >"$work/events.txt" 2>"$work/trace-cmd.err"
	"$program" export "$work/$session.tar.zst" --output "$work/export.json" &&
		python3 "$here/export.py" "$session" "$work"
	result $? "perfetto: $session has the requests, waits, lines and marks that others count"
	"$program" export "$work/$session.tar.zst" --format pcapng -o "$work/$session.pcapng" &&
		editcap -F nsecpcap "$work/$session.pcapng" "$work/back.pcap" &&
		editcap -F nsecpcap "$work/packets.pcap" "$work/same.pcap" && cmp "$work/back.pcap" "$work/same.pcap"
	result $? "pcapng: $session is the same packets, byte for byte and stamp for stamp"
	tar -xOf "$work/$session.tar.zst" --wildcards '*/manifest.json' 2>"$work/tar.err" >"$work/manifest.json"
	near=$(frames "$work/packets.pcap" | nearest "$(jq .stop.realtime_ns "$work/manifest.json")")
	# Comments may have line breaks; this one has none.
	[ "$(tshark -r "$work/$session.pcapng" -Y frame.comment -T fields -e frame.number -e frame.comment 2>"$work/tshark.err" |
		sed 's/ ([^(]* this packet)$//')" = "$near	trigger $(jq -r '.stop | .trigger + ": " + .text' "$work/manifest.json")" ]
	result $? "pcapng: $session has the trigger on the packet that is nearest"
done

bundle=$work/fence-client.tar.zst
"$program" export "$bundle" --from -2s --to +1s >"$work/export.json" && within "$work/export.json" -2000000 1000000 &&
	jq -e '[.traceEvents[] | select(.ph == "b")] | length > 10' "$work/export.json" >"$work/jq.out" &&
	jq -e '.traceEvents | ([.[] | select(.ph == "b")] | length) == ([.[] | select(.ph == "e")] | length)' \
		"$work/export.json" >"$work/jq.out"
result $? "perfetto: a window has what is in it, and spans that end with it"

"$program" export "$bundle" --from +1h --to +2h >"$work/export.json" &&
	jq -e '[.traceEvents[] | select(.ph != "M" and .ph != "C")] == []' "$work/export.json" >"$work/jq.out"
result $? "perfetto: a window with nothing in it is an empty file"

"$program" export "$bundle" --source trace >"$work/export.json" &&
	jq -e '[.traceEvents[] | select(.cat == "log" or .cat == "connection")] == []' "$work/export.json" >"$work/jq.out" &&
	jq -e '[.traceEvents[] | select(.cat == "rpc")] | length > 100' "$work/export.json" >"$work/jq.out"
result $? "perfetto: without packets there are the requests of the trace events"

"$program" export "$bundle" --source context >"$work/refused" 2>"$work/export.err"
[ $? = 2 ] && [ ! -s "$work/refused" ] && grep -q "files about the host are not exported" "$work/export.err"
result $? "files about the host are refused: nothing would come of them"

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
result $? "perfetto: it is JSON whatever the names are"
"$program" export "$work/folder" --format pcapng >"$work/evil.pcapng" 2>"$work/export.err"
[ "$(frames "$work/evil.pcapng" frame.comment | wc -l)" = 1 ] &&
	[ "$(frames "$work/evil.pcapng" | wc -l)" = "$(frames "$work/packets.pcap.fc" | wc -l)" ]
result $? "pcapng: and a capture that tshark reads"

manifest() { # NEWKEYS: a JSON object
	jq -c --argjson new "$1" '(.sources[] | select(.name == "packets")) *= $new' "$work/manifest.json" \
		>"$work/folder/manifest.json"
}
tar -xOf "$bundle" --wildcards '*/manifest.json' 2>"$work/tar.err" >"$work/manifest.json"
trigger=$(jq .stop.monotonic_ns "$work/manifest.json")
manifest '{"lost": 9, "lost_is_lower_bound": true, "records": 4364, "facts": {"interface": "eth7", "filter": "tcp port 19700"},
	"gaps": [{"kind": "kernel", "count": 7, "count_is_lower_bound": false, "reason": "the ring was full",
		"from_monotonic_ns": '$((trigger - 5000000000))', "to_monotonic_ns": '$((trigger - 4000000000))'}]}'
real=$(($(jq .stop.realtime_ns "$work/manifest.json") - 4000000000))
"$program" export "$work/folder" --format pcapng -o "$work/lost.pcapng"
after=$(frames "$work/packets.pcap.fc" | awk -v at="$(printf %d.%09d $((real / 1000000000)) $((real % 1000000000)))" \
	'$2 >= at { print $1; exit }')
[ "$(tshark -r "$work/lost.pcapng" -Y 'frame.drop_count' -T fields -e frame.number -e frame.drop_count -e frame.comment \
	2>"$work/tshark.err")" = "$after	7	7 packets lost before this one: the ring was full" ]
result $? "pcapng: the first packet after a loss has how many"
python3 "$here/pcapng.py" "$work/lost.pcapng" >"$work/counts" &&
	grep -qE '^2=[0-9]+ 3=[0-9]+ 4=4373 5=9 comment=The recording has 4364 packets and lost at least 9\.$' "$work/counts" &&
	capinfos "$work/lost.pcapng" 2>"$work/capinfos.err" | grep -q 'Number of stat entries = 1' &&
	capinfos "$work/lost.pcapng" 2>"$work/capinfos.err" | grep -q 'Name = eth7' &&
	capinfos "$work/lost.pcapng" 2>"$work/capinfos.err" | grep -q 'Filter string = tcp port 19700' &&
	capinfos "$work/lost.pcapng" 2>"$work/capinfos.err" | grep -q 'Ended by reconnect-timeout at 2026-11-20T'
result $? "pcapng: interface, filter, what ended it, received and lost"

real=$(jq .stop.realtime_ns "$work/manifest.json")
seconds() { printf %d.%09d $(($1 / 1000000000)) $(($1 % 1000000000)); }
"$program" export "$bundle" --format pcapng --from -2s --to +1s >"$work/some.pcapng" &&
	[ "$(frames "$work/some.pcapng" | wc -l)" = "$(frames "$work/packets.pcap.fc" "frame.time_epoch >= $(seconds \
		$((real - 2000000000))) && frame.time_epoch <= $(seconds $((real + 1000000000)))" | wc -l)" ] &&
	[ "$(frames "$work/some.pcapng" | wc -l)" -gt 10 ]
result $? "pcapng: a window has its packets"
"$program" export "$bundle" --format pcapng --peer 127.0.0.1:59816 >"$work/some.pcapng" &&
	[ "$(frames "$work/some.pcapng" | wc -l)" = "$(frames "$work/packets.pcap.fc" tcp.port==59816 | wc -l)" ] &&
	[ "$(frames "$work/some.pcapng" | wc -l)" -gt 10 ]
result $? "pcapng: so has a peer"
"$program" export "$bundle" --format pcapng --from +1h >"$work/some.pcapng" &&
	[ "$(capinfos -Mc "$work/some.pcapng" 2>"$work/capinfos.err" | sed -n 's/^Number of packets: *//p')" = 0 ]
result $? "pcapng: a window with nothing in it is a capture of no packets"

"$program" export "$work/trace.dat" --format pcapng -o "$work/none.pcapng" 2>"$work/export.err"
[ $? = 1 ] && [ ! -e "$work/none.pcapng" ] && grep -q packets "$work/export.err"
result $? "pcapng: no packets, no file"
"$program" export "$bundle" --format pcapng --rid 3b5070 2>"$work/export.err" >"$work/some.pcapng"
[ $? = 2 ] && grep -q -e --peer "$work/export.err"
result $? "pcapng: packets cannot be chosen by mount"

: >"$work/nothing"
"$program" export "$work/nothing" --output "$work/none.json" 2>"$work/export.err"
[ $? = 1 ] && [ ! -e "$work/none.json" ] && [ -s "$work/export.err" ]
result $? "no bundle, no file"
"$program" export "$bundle" --format pdf 2>"$work/export.err"
[ $? = 2 ] && grep -q "'pdf' is none of: perfetto, pcapng" "$work/export.err"
result $? "a format that there is not is a usage error"
finish
