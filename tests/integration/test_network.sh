#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Packets: IPv6, one interface, a link that goes down and comes back, addresses that are removed and come back, an interface
# that does, and other hosts' packets, which are none of our business.
#
#     sudo SCOUTFS_TRACE=build/src/scoutfs-trace SIM=build/tests/sim/sim tests/integration/test_network.sh
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
begin tcpdump tshark

peer=scoutfs-trace-test-$$
test_cleanup() { ip netns del $peer 2>/dev/null; }

pcap_lines() { tcpdump -n -r "$work/b/packets.pcap" ${1:+"$1"} 2>/dev/null | wc -l; }

# ---- IPv6 ----

address=::1
sim_start "nodes 3; rate 400; forever" >&2
ok "IPv6: armed" record
until_true recorded_at_least .heartbeats 20 >/dev/null
ok "IPv6: ended" recorder_signal TERM
v6() {
	unpack && stopped signal && [ "$(pcap_lines "ip6 and udp port $port")" -ge 20 ] && [ "$(pcap_lines "ip6 and tcp port $port")" -gt 20 ] &&
		same "$(pcap_lines)" "$(source_field packets records)" records && same 0 "$(pcap_lines "not ip6")" "packets that are not IPv6" &&
		same "[::1]:$port" "$(m .server)" server
}
ok "IPv6: messages and heartbeats are in packets.pcap" v6
sim_stop
address=127.0.0.1

# ---- one interface ----

sim_start "nodes 3; rate 400; forever" >&2
ok "-i lo: armed" record -i lo
until_true recorded_at_least .heartbeats 20 >/dev/null
ok "-i lo: ended" recorder_signal TERM
on_lo() { unpack && stopped signal && same lo "$(source_field packets facts.interface)" interface && [ "$(pcap_lines)" -gt 50 ] && same "$(pcap_lines)" "$(source_field packets records)"; }
ok "-i lo: packets of that interface" on_lo
sim_stop

# ---- a network of two hosts ----

ip netns add $peer
ip link add veth_a type veth peer name veth_b netns $peer
ip addr add 10.81.0.1/24 dev veth_a
ip addr add 10.82.0.1/24 dev veth_a
ip link set veth_a up
in_peer() { ip netns exec $peer "$@"; }
in_peer ip addr add 10.81.0.2/24 dev veth_b
in_peer ip addr add 10.81.0.3/24 dev veth_b
in_peer ip addr add 10.82.0.2/24 dev veth_b
in_peer ip link set veth_b up

# A heartbeat each 20 ms, numbered, from the given address to the given one.
cat >"$work/beat.py" <<'PY'
import socket, struct, sys, time
source, target, port, path = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind((source, port))
sent = 0
with open(path, "a", 1) as log:
    while True:
        sent += 1
        m = struct.pack("<QQQBBH", 0x7de2046953039028, 0, sent, 2, 1, 0)
        try:
            s.sendto(m + struct.pack("<I", crc32c(m)), (target, port))
            log.write("%d %d\n" % (sent, time.clock_gettime_ns(time.CLOCK_MONOTONIC)))
        except OSError:
            log.write("failed %d\n" % time.clock_gettime_ns(time.CLOCK_MONOTONIC))
        time.sleep(0.02)
PY
beat() { in_peer python3 "$work/beat.py" "$@" 9>&- & }
address=10.81.0.2
beat 10.81.0.2 10.81.0.1 $port "$work/beat.server"
beat 10.81.0.3 10.81.0.1 $port "$work/beat.other"    # another host, the same port, the same subnet
beat 10.82.0.2 10.82.0.1 $port "$work/beat.subnet"   # another subnet
until_true has_line "$work/beat.subnet" '^3 ' >/dev/null

ok "two hosts: armed" record
until_true recorded_at_least .heartbeats 50 >/dev/null
ok "two hosts: ended" recorder_signal TERM
only_server() {
	unpack && stopped signal && [ "$(pcap_lines "udp and src host 10.81.0.2")" -ge 50 ] && same 0 "$(pcap_lines "not host 10.81.0.2")" "packets of others"
}
ok "two hosts: heartbeats of other hosts at the same port are not captured" only_server

# Each number once: what the server sent between the first and the last packet in the file is all there.
beats_complete() { # SENT_LOG: numbers
	tshark -r "$work/b/packets.pcap" -Y "udp.srcport == $port" -T fields -e data.data 2>/dev/null |
		python3 -c 'import struct, sys
print(*sorted({struct.unpack_from("<Q", bytes.fromhex(l.strip().replace(":", "")), 16)[0] for l in sys.stdin if l.strip()}), sep="\n")' >"$work/numbers"
}

# ---- a link that goes down and comes back ----

for interface in any veth_a; do
	ok "link down and up, -i $interface: armed" record -i $interface
	link_flaps() {
		local n
		until_true recorded_at_least .heartbeats 30 || return 1
		ip link set veth_a down
		down_ns=$(mono_ns)
		n=$(grep -c '' "$work/beat.server")
		until_true longer "$work/beat.server" $((n + 50)) || return 1
		up_ns=$(mono_ns)
		ip link set veth_a up
		n=$(status_field .heartbeats)
		until_true recorded_at_least .heartbeats $((n + 30)) && until_true says "is up again" || return 1
	}
	mono_ns() { python3 -c 'import time; print(time.clock_gettime_ns(time.CLOCK_MONOTONIC))'; }
	longer() { [ "$(wc -l <"$1")" -ge "$2" ]; }
	ok "link down and up, -i $interface: capture goes on" link_flaps
	ok "link down and up, -i $interface: ended" recorder_signal TERM
	flapped() {
		unpack && same signal "$(m .stop.reason)" && beats_complete && same "$(pcap_lines)" "$(source_field packets records)" records || return 1
		python3 - "$work/numbers" <<'PY'
import sys
n = [int(x) for x in open(sys.argv[1])]
holes = [(a, b) for a, b in zip(n, n[1:]) if b != a + 1]
print(len(n), "heartbeats, holes", holes)
# One hole at most: the time without a link. The sender may have kept what it wanted to send meanwhile.
sys.exit(len(n) < 60 or len(holes) > 1)
PY
	}
	ok "link down and up, -i $interface: everything but the time without a link is there" flapped
	outage_noted() {
		local from to
		says "the link of veth_a, which leads to the server, is down" "the link of veth_a is up again" || return 1
		same 1 "$(source_field packets 'gaps | map(select(.kind == "outage")) | length')" outages || { source_field packets gaps; return 1; }
		from=$(source_field packets 'gaps[0].from_monotonic_ns') to=$(source_field packets 'gaps[0].to_monotonic_ns')
		# The clock as another program read it, just before and after.
		[ "$from" -le "$down_ns" ] && [ "$from" -ge $((down_ns - 1000000000)) ] && [ "$to" -ge "$up_ns" ] || { echo "$from to $to, it was $down_ns to $up_ns"; return 1; }
	}
	ok "link down and up, -i $interface: the outage is in the manifest, and was said" outage_noted
done

# ---- addresses that go and come back ----

# Ours first, then the server's (and with it the second one of its subnet): packets are captured below addresses. The
# server's hardware address is not asked for meanwhile.
ok "addresses removed: armed" record
addresses_flap() {
	local n
	in_peer ip neigh replace 10.81.0.1 lladdr "$(cat /sys/class/net/veth_a/address)" dev veth_b nud permanent
	until_true recorded_at_least .heartbeats 20 || return 1
	ip addr del 10.81.0.1/24 dev veth_a
	n=$(status_field .heartbeats)
	until_true recorded_at_least .heartbeats $((n + 20)) || { echo "without our address nothing is captured"; return 1; }
	ip addr add 10.81.0.1/24 dev veth_a
	in_peer ip addr del 10.81.0.2/24 dev veth_b
	until_true has_line "$work/beat.server" '^failed' || return 1
	in_peer ip addr add 10.81.0.2/24 dev veth_b
	in_peer ip addr add 10.81.0.3/24 dev veth_b 2>/dev/null # where it went with the first
	n=$(status_field .heartbeats)
	until_true recorded_at_least .heartbeats $((n + 20)) || { echo "nothing since the server's address is back"; return 1; }
}
: >"$work/beat.server"
ok "addresses removed, and back: capture goes on" addresses_flap
ok "addresses removed: ended" recorder_signal TERM
# Nothing was lost by the recorder, so it reports no gap; what the sender could not send is no loss either.
all_sent_captured() {
	unpack && stopped signal && beats_complete && same "0 0" "$(source_field packets lost) $(m '[.sources[] | select(.name == "packets").gaps[]] | length')" "lost, gaps" || return 1
	python3 - "$work/numbers" "$work/beat.server" <<'PY'
import sys
got = {int(x) for x in open(sys.argv[1])}
lines = [l.split() for l in open(sys.argv[2]) if l.endswith("\n")]
sent = {int(l[0]) for l in lines if l[0].isdigit() and min(got) <= int(l[0]) <= max(got)}
failed = sum(l[0] == "failed" for l in lines)
print(len(got), "captured,", len(sent), "sent meanwhile,", failed, "could not be sent; missing", sorted(sent - got)[:9])
sys.exit(not failed or not sent or bool(sent - got))
PY
}
ok "addresses removed: every heartbeat that was sent is there, and no gap is made up" all_sent_captured
in_peer ip neigh del 10.81.0.1 dev veth_b

# ---- an interface that is removed, and comes back ----

removed() { # COMMAND: what tells that the recorder has seen it
	local n
	until_true recorded_at_least .heartbeats 30 || return 1
	ip link del veth_a
	until_true "$@" || return 1
	ip link add veth_a type veth peer name veth_b netns $peer
	ip addr add 10.81.0.1/24 dev veth_a
	ip link set veth_a up
	in_peer ip addr add 10.81.0.2/24 dev veth_b
	in_peer ip link set veth_b up
	n=$(status_field .heartbeats)
	until_true recorded_at_least .heartbeats $((n + 30))
}
ok "interface removed: armed" record -i veth_a
degraded() { [ "$(status_field '.sources[] | select(.name == "packets").status')" != ok ]; }
ok "interface removed: said, and captured again when it is back" removed degraded
ok "interface removed: ended" recorder_signal TERM
device_gone() { [ "$(source_field packets 'gaps | map(select(.reason == "the capture device was gone")) | length')" -ge 1 ]; }
with_gap() {
	unpack && same 4 "$rec_status" "exit status" && same false "$(m .complete)" complete && device_gone && same "$(pcap_lines)" "$(source_field packets records)" records || {
		m '.sources[] | select(.name == "packets")'
		return 1
	}
}
ok "interface removed: exit status 4, and the gap in the manifest" with_gap

# A capture on all of them goes on, and so nothing is lost: it is the link that is missed.
ok "interface removed, -i any: armed" record -i any
ok "interface removed, -i any: said, and captured again when it is back" removed says "the link of veth_a, which leads to the server, is down"
ok "interface removed, -i any: ended" recorder_signal TERM
with_outage() {
	unpack && stopped signal && same outage "$(source_field packets 'gaps | map(.kind) | join(" ")')" "gaps" && says "the link of veth_a is up again"
}
ok "interface removed, -i any: an outage in the manifest" with_outage

for p in $(processes); do kill "$p"; done
wait 2>/dev/null
test_cleanup
finish
