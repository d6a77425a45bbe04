#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# A recording from arming to bundle, checked by others: trace-cmd, tcpdump, tshark, tar, bsdtar, zstd, the
# kernel's own figures, and the simulator's counts and stamps, which share no code with the recorder.
#
#     sudo SCOUTFS_TRACE=build/src/scoutfs-trace SIM=build/tests/sim/sim tests/integration/test_record.sh
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
begin tcpdump tshark bsdtar

offset_ns() { # REALTIME - MONOTONIC, by another program
	python3 -c 'import time
c = time.clock_gettime_ns
a = c(time.CLOCK_MONOTONIC); r = c(time.CLOCK_REALTIME); b = c(time.CLOCK_MONOTONIC)
print(r - (a + b) // 2)'
}

# ---- a whole life of the simulator inside one recording: every count must be the simulator's ----

date_before=$(date +%s%N)
ok "the recorder arms before the server is there" record --no-trigger reconnect-timeout --no-trigger quorum-dead \
	--log-facility any --interface lo
# Nobody talks while the client is lost, or at the end: what the server has sent is on the wire, and not in a queue that the end takes with it.
sim_start --kmsg "nodes 3; rate 400; reconnect 500ms; reclaim 100ms; run 1s; rate 0; run 200ms; fence; rate 400; run 500ms; storm 20000 1s; rate 0; run 300ms" >&2
sim_wait
ok "SIGTERM ends it" recorder_signal TERM
date_after=$(date +%s%N)
offset=$(offset_ns)
ok "the bundle opens with tar --zstd" unpack
ok "exit status 0, stop reason signal, complete" stopped signal

path_only() {
	same 1 "$(wc -l <"$work/rec.out")" lines && [[ $bundle == "$out"/scoutfs-trace.*.tar.zst ]] && [ -f "$bundle" ]
}
ok "standard output is the path and nothing else" path_only

named() {
	local stem=${bundle##*/}
	[[ $stem =~ ^scoutfs-trace\.[A-Za-z0-9_-]+\.[0-9]{4}-[0-9]{4}-[0-9]{4}\.[A-Za-z0-9]{6}\.tar\.zst$ ]] || { echo "$stem"; return 1; }
	same "${stem%.tar.zst}/manifest.json" "$(tar --zstd -tf "$bundle" | head -1)" "first member" &&
		same "${stem%.tar.zst}/trace.dat" "$(tar --zstd -tf "$bundle" | tail -1)" "last member" &&
		! tar --zstd -tf "$bundle" | grep -v "^${stem%.tar.zst}/"
}
ok "named as promised; the manifest first, trace.dat last, all in one folder" named

accepted() {
	zstd -tq "$bundle" && tar --zstd -tf "$bundle" >"$work/l1" && bsdtar -tf "$bundle" >"$work/l2" && diff "$work/l1" "$work/l2" &&
		mkdir "$work/bsd" && bsdtar -xf "$bundle" -C "$work/bsd" && diff -r "$work/b" "$work"/bsd/*
}
ok "zstd, tar and bsdtar accept the bundle and agree on it" accepted

members() {
	local path
	(cd "$work/b" && find . -type f ! -name manifest.json -printf '%P %s\n' | sort) >"$work/found"
	m '.members[] | "\(.path) \(.bytes)"' | sort | diff - "$work/found" || return 1
	for path in summary.txt kernel.log packets.pcap trace.dat context/start/uname.txt context/end/ip-addr.txt; do
		[ -s "$work/b/$path" ] || { echo "$path is missing or empty"; return 1; }
	done
	grep -q "$(uname -r)" "$work/b/context/start/uname.txt"
}
ok "the members are those of the manifest, to the byte" members

private() {
	local member
	same 600 "$(stat -c %a "$bundle")" bundle && same 700 "$(stat -c %a "$out")" output && same 700 "$(stat -c %a "$run")" run || return 1
	member=$(tar --zstd -tvf "$bundle" | grep -cv '^-rw-------')
	same 0 "$member" "members that others may read"
}
ok "files 0600, folders 0700, in the bundle too" private

# Events: the report, the manifest, the kernel, the simulator.
counts() {
	local n kernel
	n=$(wc -l <"$work/events")
	trace-cmd report --stat -i "$work/b/trace.dat" 2>/dev/null >"$work/stat"
	kernel=$(awk '/^read events:/ { n += $3 } /^entries:/ { n += $2 } END { print n + 0 }' "$work/stat")
	number "$n" && [ "$n" -gt 1000 ] && same "$n" "$(source_field ftrace records)" "manifest's records" &&
		same "$n" "$(source_field ftrace recorded)" "recorder's count" && same "$n" "$kernel" "kernel's read events" &&
		same 0 "$(awk '/^(overrun|commit overrun|dropped events):/ { n += $NF } END { print n + 0 }' "$work/stat")" "kernel's overrun"
}
ok "as many events as trace-cmd, the manifest, the recorder and the kernel say" counts

every_event() {
	local name n
	grep '^count scoutfs_' "$sim_out" | awk '{ print $2, $3 }' | sort >"$work/truth"
	[ "$(wc -l <"$work/truth")" -gt 15 ] || { echo "the simulator counted too few kinds"; return 1; }
	sed -nE 's/.*\] +[0-9]+\.[0-9]+: +(scoutfs_[a-z_]+): .*/\1/p' "$work/events" | sort | uniq -c | awk '{ print $2, $1 }' | sort |
		diff "$work/truth" -
}
ok "of every event exactly as many as fired" every_event

# Packets.
packet_count() {
	local n
	n=$(tcpdump -n -r "$work/b/packets.pcap" 2>/dev/null | wc -l)
	[ "$n" -gt 500 ] && same "$n" "$(source_field packets records)" manifest && same "$n" "$(source_field packets recorded)" recorder &&
		same "$n" "$(tshark -r "$work/b/packets.pcap" -T fields -e frame.number 2>/dev/null | wc -l)" tshark
}
ok "as many packets as tcpdump, tshark and the manifest say" packet_count

nanoseconds() {
	tshark -r "$work/b/packets.pcap" -T fields -e frame.time_epoch 2>/dev/null >"$work/times"
	# Microseconds would show as stamps that end in three zeros.
	[ "$(grep -cv '000$' "$work/times")" -gt $(($(wc -l <"$work/times") / 2)) ] &&
		tcpdump -n -r "$work/b/packets.pcap" --time-stamp-precision=nano 2>/dev/null | head -1 | grep -qE '^[0-9:]+\.[0-9]{9} '
}
ok "packets have nanosecond stamps" nanoseconds

traffic() {
	python3 "$here/../sim/walk.py" "$work/b/packets.pcap" $port $((port + 2)) >"$work/walk" || { cat "$work/walk"; return 1; }
	grep '^count tcp\.' "$sim_out" | grep -v tcp.payload | sort >"$work/truth"
	grep '^count tcp\.' "$work/walk" | grep -v -e tcp.payload -e tcp.error | sort | diff "$work/truth" - && grep -qx 'count faults 0' "$work/walk"
}
ok "every message of the server is in packets.pcap, and no other port's" traffic

heartbeats() {
	# To and from the leader's port; the other slots send only votes.
	local n
	n=$(tshark -r "$work/b/packets.pcap" -Y "udp.srcport == $port && udp.length == 40 && data.data[24:1] == 02" -T fields -e frame.number 2>/dev/null | wc -l)
	same "$(sim_count udp.heartbeat)" "$n" "heartbeats" && same "$n" "$(m .totals.heartbeats)" "the recorder's count"
}
ok "every heartbeat is there, and counted" heartbeats

# Clocks: a line of the kernel log, as event and as record, lies where the simulator wrote it.
on_time() {
	python3 - "$sim_out" "$work/events" "$work/b/kernel.log" "$offset" <<'PY'
import datetime, re, sys
sim, events, log, offset = sys.argv[1:]
offset = int(offset)
SLACK = 1_000_000  # two conversions between the clocks; the anchors' own bound is microseconds
lines, stamps = [], []
for l in open(sim):
    f = l.rstrip("\n").split(" ", 2)
    if f[0].isdigit():
        stamps.append(int(f[0]))
        if f[1] == "kmsg":
            lines.append((int(f[0]), len(stamps), f[2]))
def events_with(text):
    for l in open(events):
        if l.rstrip().endswith(text) and " console:" in l:
            s, ns = re.search(r"\] +(\d+)\.(\d{9}):", l).groups()
            yield int(s) * 10**9 + int(ns)
def records_with(text):
    for l in open(log):
        if l.rstrip().endswith(text):
            t = l.split()[0]
            d = datetime.datetime.strptime(t[:19], "%Y-%m-%dT%H:%M:%S").replace(tzinfo=datetime.timezone.utc)
            yield int(d.timestamp()) * 10**9 + int(t[20:-1].ljust(9, "0"))
seen = bad = 0
for at, nr, text in lines:
    begin = at + offset - SLACK
    end = (stamps[nr] if nr < len(stamps) else at + 10**9) + offset + SLACK
    for what, found in ("event", list(events_with(text))), ("record", list(records_with(text))):
        if not any(begin <= t <= end for t in found):
            bad += 1
            print(what, "of", text, "at", found, "not in", begin, end)
    seen += 1
print(seen, "lines")
sys.exit(bad > 0 or seen < 5)
PY
}
ok "kernel-log lines are stamped right, as events and as records" on_time

within_date() {
	local first last
	first=$(head -1 "$work/events" | sed -E 's/.*\] +([0-9]+)\.([0-9]{9}):.*/\1\2/')
	last=$(tail -1 "$work/events" | sed -E 's/.*\] +([0-9]+)\.([0-9]{9}):.*/\1\2/')
	number "$first" && number "$last" && [ "$date_before" -lt "$first" ] && [ "$first" -lt "$last" ] && [ "$last" -lt "$date_after" ] || {
		echo "$date_before < $first < $last < $date_after"
		return 1
	}
}
ok "trace-cmd shows the wall-clock time" within_date

loss_free() { same 0 "$(m '[.sources[] | .lost] | add')" lost && same 0 "$(m '[.sources[].gaps[]] | length')" gaps; }
ok "nothing was lost, and the ledger says so" loss_free

summary() {
	local s=$work/b/summary.txt
	grep -q "^Ended by *signal" "$s" && grep -q 'trace-cmd report' "$s" && grep -q "$(source_field ftrace records) records" "$s" && grep -q UTC "$s"
}
ok "the summary says the same to a person" summary

# ---- a fence ends a recording ----

sim_start --kmsg "nodes 3; rate 2000; reconnect 1s; reclaim 100ms; await; fence; forever" >&2
date_before=$(date +%s%N)
ok "the recorder arms in the middle of traffic" record --log-facility any
sim_go
ok "the fence ends it" recorder_wait
date_after=$(date +%s%N)
offset=$(offset_ns)
sim_stop
unpack
ok "exit status 0, stop reason trigger, complete" stopped trigger reconnect-timeout

right_stop() {
	local truth fence
	fence=$(awk '/ kmsg .* reconnect timed out, fencing/ { print $1; exit }' "$sim_out")
	truth=$((fence + offset))
	grep -q "client .* reconnect timed out, fencing" <<<"$(m .stop.text)" && same final "$(m .stop.role)" role || return 1
	# In the order of things: line written, seen; date's readings around it. One millisecond is for conversions.
	[ "$(m .stop.monotonic_ns)" -ge $((fence - 1000000)) ] && [ "$(m .stop.monotonic_ns)" -lt "$(m .timings.freeze_begun_monotonic_ns)" ] &&
		[ "$date_before" -lt "$truth" ] && [ "$truth" -lt "$date_after" ] &&
		[ "$(m .stop.realtime_ns)" -gt "$date_before" ] && [ "$(m .stop.realtime_ns)" -lt "$date_after" ] || {
		echo "fence $fence ($truth), stop $(m .stop.monotonic_ns) ($(m .stop.realtime_ns)), freeze $(m .timings.freeze_begun_monotonic_ns)"
		return 1
	}
}
ok "the manifest tells what fired, and when" right_stop

trigger_recorded() {
	grep ' console: ' "$work/events" | grep -q 'reconnect timed out, fencing' && grep -q 'reconnect timed out, fencing' "$work/b/kernel.log" &&
		[ "$(count_events scoutfs_server_client_down)" -ge 1 ]
}
ok "the trigger is in trace.dat and kernel.log, with what followed" trigger_recorded

a_second_more() {
	python3 - "$(m .stop.monotonic_ns)" "$(m .timings.freeze_begun_monotonic_ns)" "$(source_field ftrace last_monotonic_ns)" <<'PY'
import sys
stop, freeze, last = map(int, sys.argv[1:])
print("freeze", (freeze - stop) / 1e9, "s after the trigger; newest event", (freeze - last) / 1e6, "ms before the freeze")
# --after is a least time; traffic of 2000 messages a second leaves no second without events.
sys.exit(not (freeze - stop >= 990_000_000 and last - stop > 900_000_000))
PY
}
ok "a second after the trigger is there" a_second_more

# The judge is tcpdump's view of the file, not the manifest's.
newest_packet() {
	local newest freeze
	newest=$(tshark -r "$work/b/packets.pcap" -T fields -e frame.time_epoch 2>/dev/null | sort -n | tail -1 | tr -d .)
	freeze=$(($(m .timings.freeze_begun_monotonic_ns) + offset))
	echo "newest packet $(((freeze - newest) / 1000)) us before the freeze"
	[ $((freeze - newest)) -le 50000000 ]
}
ok "the newest packet is at most 50 ms older than the freeze" newest_packet

suspect_order() {
	# By their stamps: the shutdown of the server's side is queued before the line about it is written.
	same "connection-lost server-closing" "$(m '[.suspects | sort_by(.monotonic_ns)[].trigger | select(. != "client-disconnected")] | join(" ")')" order &&
		same "client-disconnected connection-lost server-closing" "$(m '[.suspects[].trigger] | sort | join(" ")')" "all suspects"
}
ok "the suspects on the way, in the order they happened" suspect_order
ok "trace-cmd counts the same events again" counts
ok "tcpdump and tshark count the same packets again" packet_count

finish
