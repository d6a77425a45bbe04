#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What the simulator promises, checked by others: its packets by tcpdump, tshark and walk.py, its trace events by tracefs,
# its kernel-log lines by the kernel log. walk.py itself is checked on a real capture first.
# usage: test_sim.sh SIM TEST_DATA; exit status 77 = skipped
set -u
sim=$1
data=$2
here=$(cd "$(dirname "$0")" && pwd)

if [ "$(id -u)" != 0 ]; then
	echo "skipped: needs root for tracing, packets and the kernel log"
	exit 77
fi
for tool in tcpdump tshark python3 zstd unshare ip flock tar; do
	command -v "$tool" >/dev/null || { echo "skipped: $tool is not installed"; exit 77; }
done
tracefs=/sys/kernel/tracing
[ -e $tracefs/uprobe_events ] || mount -t tracefs tracefs $tracefs 2>/dev/null
[ -e $tracefs/uprobe_events ] || { echo "skipped: no uprobe events in tracefs"; exit 77; }

# The ports are then nobody else's, and only this test's packets are seen.
if [ "${SIM_TEST_NETNS:-}" != 1 ]; then
	SIM_TEST_NETNS=1 exec unshare -n "$0" "$@"
fi
ip link set lo up

# The events' names are the whole machine's.
exec 9>/run/scoutfs-trace-sim.lock
flock 9

tmp=$(mktemp -d)
instance=$tracefs/instances/sim_test_$$
pids=()
failed=0

cleanup() {
	for pid in "${pids[@]}"; do
		kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null
	done
	if [ -d "$instance" ]; then
		echo 0 >"$instance/events/enable"
		rmdir "$instance"
	fi
	"$sim" --remove-events
	rm -rf "$tmp"
}
trap cleanup EXIT
trap 'exit 1' INT TERM HUP

# check NAME COMMAND...: one promise
check() {
	local name=$1
	shift
	if "$@" >"$tmp/check.log" 2>&1; then
		echo "ok - $name"
	else
		echo "FAILED - $name"
		sed 's/^/    /' "$tmp/check.log" | head -40
		failed=$((failed + 1))
	fi
}

same() { diff "$1" "$2"; }
counted() { grep -qx "count $2" "$1" || { grep "count ${2% *} " "$1"; return 1; }; }

# wait_for FILE PATTERN: until the line is there, for as long as a broken program deserves
wait_for() {
	for _ in $(seq 600); do
		grep -qs -- "$2" "$1" && return 0
		sleep 0.05
	done
	echo "no line \"$2\" in $1"
	return 1
}

# ---- walk.py is right: what others counted in a real capture ----
python3 "$here/walk.py" "$data/real/pcap/fence-client-sll2.pcap.zst" >"$tmp/real" 2>&1
check "the walker finds no fault in a real capture" counted "$tmp/real" "faults 0"
check "the walker counts the real messages" counted "$tmp/real" "tcp.messages 3292"
check "the walker counts the real lock requests" counted "$tmp/real" "tcp.LOCK.request 1045"
check "the walker's crc32c is the real one" counted "$tmp/real" "udp.heartbeat 632"

# ---- bad scenarios ----
refused() {
	"$sim" -c "$1" >"$tmp/out" 2>"$tmp/err"
	[ $? = 2 ] && [ ! -s "$tmp/out" ] && grep -q "scenario line $2: .*$3" "$tmp/err" || { cat "$tmp/out" "$tmp/err"; return 1; }
}
check "an unknown statement is refused with those that exist" refused $'run 1s\njump' 2 'unknown statement "jump"; there are: nodes port'
check "a time without a unit is refused" refused 'run 5' 1 'is not a time'
check "a slot too many is refused" refused 'nodes 2; lose client 2' 1 'there is no client 2'
check "a late setting is refused" refused $'run 1s\n\nport 5' 3 'must stand before'
check "an address off the loopback is refused" refused 'address 192.0.2.1; run 1s' 1 'not on the loopback'
check "a loop that never waits is refused" refused 'loop { log x }' 1 'takes time'
check "an open loop is refused" refused $'run 1s\nloop {\nrun 1s' 2 'closing brace is missing'
check "a silence that would elect is refused" refused 'silence 11s' 1 'heartbeat-timeout'
check "a scenario without life is refused" refused 'nodes 3' 1 'nothing happens'

# ---- events: definitions ----
check "events can be installed" "$sim" --install-events
check "events can be installed again" "$sim" --install-events
defined() { grep '^p:scoutfs/' $tracefs/uprobe_events | sort >"$tmp/defined"; "$sim" --list-events | sort | diff - "$tmp/defined"; }
check "exactly the listed events are defined" defined

mkdir "$tmp/events"
zstd -dcq "$data/real/events.tar.zst" | tar -xf - -C "$tmp/events"
fields() { sed -n 's/.*field:[^;]*[ *]\([a-z_0-9]*\);.*/\1/p' "$1" | grep -v -e '^common_' -e '^__probe_'; }
real_fields() {
	local e f
	for e in $("$sim" --list-events | sed 's,p:scoutfs/\([^ ]*\) .*,\1,'); do
		f=$(find "$tmp/events" -path "*/$e/format" -o -name "$e.format" | head -1)
		[ -n "$f" ] || { echo "no real event $e"; return 1; }
		diff <(fields "$f") <(fields "$tracefs/events/scoutfs/$e/format") || { echo "fields of $e differ"; return 1; }
	done
}
check "each event is a real one, with the real fields in the real order" real_fields

# ---- a life with everything in it, watched from all sides ----
mkdir "$instance"
echo mono >"$instance/trace_clock"
echo 16384 >"$instance/buffer_size_kb"
echo 1 >"$instance/events/scoutfs/enable"
tcpdump -i lo --immediate-mode -s 0 -B 32768 -U -w "$tmp/pcap" \
	'tcp portrange 19700-19714 or udp portrange 19700-19714' 2>"$tmp/tcpdump.err" &
dump=$!
pids+=("$dump")
check "tcpdump listens" wait_for "$tmp/tcpdump.err" 'listening on'

cat >"$tmp/scenario" <<'END'
# all that a cluster can go through, in a few seconds
nodes 4; leader 1
heartbeat 50ms
heartbeat-timeout 600ms; reconnect 400ms; reclaim 100ms
rate 2000
run 500ms
unmount client 3     # graceful
mount client 3
fence client 2
silence 300ms
mount client 2
storm 20000 500ms
loop 2 { rate 4000; run 100ms; rate 0; run 100ms }
leader-loss
rate 500; run 200ms
log server error -5 was; log-warning "a; b } c"; log-error d
END
check "a whole scenario plays" sh -c '"$1" --kmsg "$2" >"$3"' - "$sim" "$tmp/scenario" "$tmp/life"
echo 0 >"$instance/tracing_on"
kill -INT $dump
wait $dump
pids=()
check "no packet was dropped" grep -q '^0 packets dropped by kernel' "$tmp/tcpdump.err"
check "no protocol error" counted "$tmp/life" "protocol-errors 0"
check "two fences" counted "$tmp/life" "fences 2"
ready() { grep -q '^[0-9]* ready 127.0.0.1 19701$' "$tmp/life" && grep -q '^[0-9]* end$' "$tmp/life"; }
check "it says when it is ready and when it ends" ready

# -- trace --
grep -v '^#' "$instance/trace" >"$tmp/trace"
sed -n 's/^.* \(scoutfs_[a-z_]*\): (0x.*/\1/p' "$tmp/trace" | sort | uniq -c | awk '{print "count", $2, $1}' >"$tmp/traced"
grep '^count scoutfs_' "$tmp/life" | sort >"$tmp/claimed"
check "tracefs has as many of each event as the summary says" same "$tmp/claimed" "$tmp/traced"
all_fired() { "$sim" --list-events | sed 's,p:scoutfs/\([^ ]*\) .*,\1,' | sort | diff - <(awk '{print $2}' "$tmp/claimed"); }
check "each of the events fired" all_fired
nothing_lost() { grep -h -e '^overrun' -e '^dropped' "$instance"/per_cpu/cpu*/stats | grep -v ': 0$' && return 1; return 0; }
check "the ring lost nothing" nothing_lost
storm_sum() { grep -q -e ' storm-end 10000 events$' -e ' storm-end [0-9]* events of 10000$' "$tmp/life"; }
check "a storm has rate times time events, or says that it had not" storm_sum

# Moments: trace clock and output lines are both CLOCK_MONOTONIC.
cat >"$tmp/moments.py" <<'END'
import re, sys
life = [l.split(" ", 1) for l in open(sys.argv[1]) if l[0].isdigit()]
life = [(int(t), x.strip()) for t, x in life]
trace = []
for l in open(sys.argv[2]):
    m = re.match(r".*?\s(\d+)\.(\d+): (scoutfs_\w+): \(.*?\) (.*)", l)
    f = {k: int(v, 0) for k, v in (p.split("=") for p in m[4].split())}
    trace.append((int(m[1]) * 10**9 + int(m[2].ljust(9, "0")), m[3], f))
def after(seq, t, want, slack=0):
    for x in seq:
        if x[0] + slack >= t and want(x):
            return x
    sys.exit(f"nothing like that after {t}")
SLACK = 1000  # the text trace has microseconds
unmounted = after(life, 0, lambda x: x[1] == "client-unmounted 3")[0]
lost = after(life, 0, lambda x: x[1].startswith("client-lost 2 "))
rid = int(lost[1].split()[-1], 16)
# a graceful unmount: the server's end has seen a farewell and goes without a wait
q = [x for x in trace if x[1] == "scoutfs_conn_shutdown_queued" and x[2]["listening_conn"] and x[0] < lost[0]]
assert len(q) == 1 and q[0][2]["flags"] == 0x1d, q
# a lost client: suspicion first, then the line; at the deadline the work, the line, the destruction
q = after(trace, lost[0], lambda x: x[1] == "scoutfs_conn_shutdown_queued" and x[2]["listening_conn"], SLACK)
assert q[2]["flags"] == 0xd and q[2]["c_rid"] == rid and q[2]["peername_port"], q
closing = after(life, q[0], lambda x: "server closing" in x[1], SLACK)
done = after(trace, closing[0], lambda x: x[1] == "scoutfs_conn_shutdown_complete" and x[2]["listening_conn"], SLACK)
assert done[2]["flags"] == 0x25 and done[2]["sock"] == 0 and done[2]["peername_port"] == 0, done
work = after(trace, done[0] + 300 * 10**6, lambda x: x[1] == "scoutfs_net_reconn_free_work_enter")
line = after(life, work[0], lambda x: "reconnect timed out, fencing" in x[1])
assert closing[0] < work[0] < line[0]
gone = after(trace, line[0], lambda x: x[1] == "scoutfs_conn_destroy_start", SLACK)
assert gone[2]["flags"] == 0x65 and gone[2]["c_rid"] == rid, gone
down = after(trace, gone[0], lambda x: x[1] == "scoutfs_server_client_down")
assert down[2]["c_rid"] & (2**64 - 1) == rid and down[2]["nr_clients"] == 3, down
reclaimed = after(life, down[0], lambda x: x[1].endswith("successfully reclaimed resources for fenced rid %016x" % rid))
# silence: no heartbeat leaves between its two lines
stop = after(life, reclaimed[0], lambda x: x[1].startswith("heartbeats-stop"))[0]
start = after(life, stop, lambda x: x[1].startswith("heartbeats-start"))[0]
sent = [x[0] for x in trace if x[1] == "scoutfs_quorum_send_message" and x[2]["type"] == 2]
assert sum(t < stop for t in sent) and sum(t > start for t in sent) and not [t for t in sent if stop < t < start - SLACK]
# election: request, votes, server, line; term 2
req = after(trace, start, lambda x: x[1] == "scoutfs_quorum_send_message" and x[2]["type"] == 0)
vote = after(trace, req[0], lambda x: x[1] == "scoutfs_quorum_recv_message" and x[2]["type"] == 1)
enter = after(trace, vote[0], lambda x: x[1] == "scoutfs_server_work_enter")
fencing = after(life, enter[0], lambda x: "fencing previous leader" in x[1], SLACK)
assert req[2]["term"] == 2 and "at term 1 in slot 1 with address 127.0.0.1:19701" in fencing[1], fencing
END
check "events and lines come in the real order" python3 "$tmp/moments.py" "$tmp/life" "$tmp/trace"

# -- packets --
python3 "$here/walk.py" "$tmp/pcap" >"$tmp/walked" 2>"$tmp/walk.err"
check "every packet is right" sh -c 'cat "$1"; ! [ -s "$1" ]' - "$tmp/walk.err"
grep -e '^count tcp' -e '^count udp' "$tmp/walked" | grep -v -e tcp.error | sort >"$tmp/walked.sorted"
grep -e '^count tcp' -e '^count udp' "$tmp/life" | sort >"$tmp/sent"
check "the wire has what the summary says" same "$tmp/sent" "$tmp/walked.sorted"
commands() { [ "$(grep -c 'tcp\..*\.request' "$tmp/walked")" = 20 ]; }
check "all twenty commands are on the wire" commands
tshark_sums() {
	local bytes datagrams
	# What a busy machine's TCP sent twice was sent once by the simulator.
	bytes=$(tshark -r "$tmp/pcap" -T fields -e tcp.len tcp and not tcp.analysis.retransmission \
		and not tcp.analysis.fast_retransmission and not tcp.analysis.spurious_retransmission 2>/dev/null |
		awk '{n += $1} END {print n}')
	datagrams=$(tshark -r "$tmp/pcap" -T fields -e udp.length udp 2>/dev/null | grep -cx 40)
	echo "tshark: $bytes bytes, $datagrams datagrams"
	counted "$tmp/life" "tcp.payload $bytes" && counted "$tmp/life" "udp.datagrams $datagrams"
}
check "tshark agrees on bytes and datagrams" tshark_sums

# -- kernel log --
fsid=$(sed -n 's/^[0-9]* fsid \(......\).*/\1/p' "$tmp/life")
# one record a read, until there is none; dmesg --raw would not do: it misprints user priorities
dd if=/dev/kmsg iflag=nonblock bs=8192 2>/dev/null |
	sed -n "s/^\([0-9]*\),[^;]*;\(scoutfs f\.$fsid\.\)/\1 \2/p" >"$tmp/dmesg"
sed -n 's/^[0-9]* kmsg \(scoutfs .*\)/\1/p' "$tmp/life" >"$tmp/lines"
cut -d' ' -f2- "$tmp/dmesg" >"$tmp/dmesg.lines"
check "the kernel log has the lines, in order" same "$tmp/lines" "$tmp/dmesg.lines"
priorities() { # user facility is 8: 14 info, 12 warning, 11 error
	awk '{want = 14} / warning: /{want = 12} / error: /{want = 11} {seen[want]++}
	     $1 != want {print; bad = 1} END {exit bad || !seen[14] || !seen[12] || !seen[11]}' "$tmp/dmesg"
}
check "with the real priorities, as user lines" priorities
fences_logged() { [ "$(grep -c fencing "$tmp/dmesg")" = 2 ]; }
check "no fence line fell to the kernel's limit" fences_logged

# ---- signals ----
"$sim" -c 'address ::1; rate 50; forever' >"$tmp/forever" 2>&1 &
life=$!
pids+=("$life")
check "it lives on ::1" wait_for "$tmp/forever" ' ready ::1 19700$'
kill -TERM $life
wait $life
status=$?
pids=()
check "SIGTERM ends it well" [ "$status" = 0 ]
farewell() { counted "$tmp/forever" "tcp.FAREWELL.response 3" && counted "$tmp/forever" "scoutfs_server_work_exit 1"; }
check "SIGTERM leaves time for farewells and the summary" farewell

# ---- removal ----
removal_refused() { "$sim" --remove-events; [ $? = 1 ]; }
check "events in use are not removed" removal_refused
reinstalled() { "$sim" --install-events 2>&1 | grep -q 'is enabled somewhere and kept'; }
check "events in use are kept by an installation" reinstalled
echo 0 >"$instance/events/enable"
rmdir "$instance"
check "events can be removed" "$sim" --remove-events
none_left() { ! grep "$sim" $tracefs/uprobe_events; }
check "none is left" none_left
check "removing nothing is no error" "$sim" --remove-events

echo "$failed failed"
[ $failed = 0 ]
