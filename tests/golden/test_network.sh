#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Reports `rpc` and `connections` of the real sessions, beside what trace-cmd, tshark and a few lines of Python make of
# the same captures (network.py). Arguments: the program, raw_bundle.
here=$(cd "$(dirname "$(readlink -f "$0")")" && pwd)
# shellcheck source=tests/golden/lib.sh
. "$here/lib.sh"
begin trace-cmd tshark zstd python3

# compare NAME BUNDLE PCAP [TRACE]
compare() {
	local name=$1 bundle=$2 pcap=$3 trace=${4:-}
	"$program" report "$bundle" rpc connections --format json --limit 0 >"$work/report.json" || failed=1
	tshark -r "$pcap" -Y 'tcp.len > 0' -T fields -E separator=' ' -e frame.time_epoch -e ip.src -e tcp.srcport -e ip.dst \
		-e tcp.dstport -e tcp.seq_raw -e tcp.payload >"$work/packets.txt" 2>"$work/tshark.err" || failed=1
	tshark -r "$pcap" -Y 'tcp.flags.syn == 1 && tcp.flags.ack == 0' -T fields -E separator=' ' -e ip.src -e tcp.srcport \
		-e ip.dst -e tcp.dstport >"$work/syns.txt" 2>"$work/tshark.err" || failed=1
	: >"$work/events.txt"
	if [ -n "$trace" ]; then
		trace-cmd report -t "$trace" 2>"$work/trace-cmd.err" |
			grep -E ' scoutfs_(net_(send|recv)_message|conn_)' >"$work/events.txt" || failed=1
	fi
	python3 "$here/network.py" "$name" "$work"
	result $? "$name"
}

for session in fence-client fence-leader; do
	real_bundle "$session" || exit 1
	zstd -dqf "$data/$session-v6.dat.zst" -o "$work/trace.dat"
	zstd -dqf "$data/pcap/$session-sll2.pcap.zst" -o "$work/packets.pcap"
	compare "$session" "$work/$session.tar.zst" "$work/packets.pcap" "$work/trace.dat"
done
zstd -dqf "$data/pcap/workload-whole-sll2.pcap.zst" -o "$work/workload.pcap"
compare workload "$work/workload.pcap" "$work/workload.pcap"
finish
