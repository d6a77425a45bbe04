#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# More packets than the recorder's ring holds: what is not in packets.pcap is in the ledger, to the packet. How many there
# were, the kernel tells by itself: nobody listens at the port, so each that came through the interface is one more "NoPorts"
# of UDP in this network namespace, which is the test's own; and the sender has counted too.
#
#     sudo SCOUTFS_TRACE=build/src/scoutfs-trace SIM=build/tests/sim/sim tests/integration/test_storm_packets.sh
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
begin tcpdump

peer=scoutfs-trace-test-$$
test_cleanup() { ip netns del $peer 2>/dev/null; }
in_peer() { ip netns exec $peer "$@"; }
ip netns add $peer
ip link add veth_a type veth peer name veth_b netns $peer
ip addr add 10.81.0.1/24 dev veth_a
ip link set veth_a up
in_peer ip addr add 10.81.0.2/24 dev veth_b
in_peer ip link set veth_b up
address=10.81.0.2

# Heartbeats each 20 ms until SIGTERM, or N large packets as fast as they go. Prints how many were sent.
cat >"$work/send.py" <<'PY'
import signal, socket, struct, sys, time
port, storm = int(sys.argv[1]), int(sys.argv[2])
def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc
end = []
signal.signal(signal.SIGTERM, lambda *_: end.append(1))
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("10.81.0.2", 0 if storm else port))
sent = 0
while sent < storm or not storm and not end:
    if storm:
        m = struct.pack("<Q", sent) + bytes(1200)
    else:
        m = struct.pack("<QQQBBH", 0x7de2046953039028, 0, sent + 1, 2, 1, 0)
        m += struct.pack("<I", crc32c(m))
    try:
        s.sendto(m, ("10.81.0.1", port))
        sent += 1
    except ConnectionRefusedError:
        continue # the answer to an earlier one
    except BlockingIOError:
        continue
    if not storm:
        time.sleep(0.02)
print(sent)
PY

arrived() { awk '$1 == "Udp:" { n = $3 } END { print n }' /proc/net/snmp; }
refused_by_link() { in_peer cat /sys/class/net/veth_b/statistics/tx_dropped; }
mono_ns() { python3 -c 'import time; print(time.clock_gettime_ns(time.CLOCK_MONOTONIC))'; }
pcap_lines() { tcpdump -n -r "$work/b/packets.pcap" "$1" 2>/dev/null | wc -l; }
blast() { in_peer python3 "$work/send.py" $port "$1"; } # PACKETS

# recorded_storm HOW ARG...: heartbeats before, while and after; sets arrived, sent, storm_from, storm_to
recorded_storm() {
	local how=$1 beats n refused sender
	shift
	arrived=$(arrived) refused=$(refused_by_link)
	record --packet-memory 1M "$@" || return 1
	ip netns exec $peer python3 "$work/send.py" $port 0 >"$work/beats" 9>&- & # no function: its process is to be killed
	beats=$!
	until_true recorded_at_least .heartbeats 20 || return 1
	storm_from=$(mono_ns)
	: >"$work/sent"
	$how || return 1
	storm_to=$(mono_ns)
	n=$(status_field .heartbeats)
	until_true recorded_at_least .heartbeats $((n + 20)) || return 1
	kill -TERM $beats && wait $beats || return 1
	arrived=$(($(arrived) - arrived))
	sent=$(cat "$work/beats" "$work/sent" | awk '{ n += $1 } END { print n }')
	refused=$(($(refused_by_link) - refused))
	echo "$sent sent, $refused of them refused by the link, $arrived arrived"
	same "$arrived" "$((sent - refused))" "the sender's count"
}
# The recorder does not come to fetch anything: 5 MB are sent into 1 MiB.
held_up() {
	kill -STOP "$rec_pid"
	blast 4000 >>"$work/sent"
	kill -CONT "$rec_pid"
}
full_speed() {
	local a
	blast 40000 >"$work/sent.a" 9>&- &
	a=$!
	blast 40000 >"$work/sent"
	wait $a
	cat "$work/sent.a" >>"$work/sent"
}

ledger() { # LEAST_LOST
	local lost got
	lost=$(source_field packets lost)
	got=$(pcap_lines "udp and src host 10.81.0.2 and dst host 10.81.0.1 and dst port $port")
	echo "$arrived arrived, $got in packets.pcap, ledger $lost"
	same "$got" "$(source_field packets records)" records && same false "$(source_field packets lost_is_lower_bound)" "a lower bound" &&
		same "$((arrived - got))" "$lost" "the ledger" || return 1
	[ "$lost" -ge "$1" ] || { echo "this storm was meant to lose packets"; return 1; }
	same "$lost" "$(m '[.sources[] | select(.name == "packets").gaps[].count] | add // 0')" "sum of the gaps"
}
# The kernel's count is looked at each second, so a gap may begin as long before.
placed() {
	local odd
	odd=$(m ".sources[] | select(.name == \"packets\").gaps[] | select(.from_monotonic_ns > $storm_to or .to_monotonic_ns < $storm_from or .from_monotonic_ns < $storm_from - 3000000000)")
	same "" "$odd" "gaps that are not at the storm $storm_from..$storm_to"
}
honest() {
	same "$([ "$(source_field packets lost)" = 0 ] && echo 0 true || echo 4 false)" "$rec_status $(m .complete)" "exit status and complete" &&
		same signal "$(m .stop.reason)" "stop reason" && same "" "$(suspects)" suspects
}

for interface in any veth_a; do
	ok "-i $interface, a recorder held up: heartbeats before and after" recorded_storm held_up -i $interface
	ok "-i $interface, a recorder held up: ended" recorder_signal TERM
	ok "-i $interface, a recorder held up: the bundle opens" unpack
	ok "-i $interface, a recorder held up: what arrived is in packets.pcap or in the ledger, to the packet" ledger 1
	ok "-i $interface, a recorder held up: the gap is where the storm was" placed
	ok "-i $interface, a recorder held up: exit status and manifest say so, and it is no silence" honest
done
ok "at full speed: heartbeats before and after" recorded_storm full_speed
ok "at full speed: ended" recorder_signal TERM
ok "at full speed: the bundle opens" unpack
ok "at full speed: what arrived is in packets.pcap or in the ledger, to the packet" ledger 0
ok "at full speed: exit status and manifest say the same" honest

test_cleanup
finish
