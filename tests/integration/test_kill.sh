#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# kill -9 at any moment, under load, and what is left of it: `recover` makes a bundle with everything older than a
# second before the end, in truth with everything the kernel's rings still hold; the next recorder cleans up; what is
# not ours, or is damaged, stays as it is.
#
# The witness is an instance of the test's own, which records the same events: what it saw between the arming and one
# second before the kill must be in the bundle, event by event. For packets it is tcpdump.
#
#     sudo SCOUTFS_TRACE=build/src/scoutfs-trace SIM=build/tests/sim/sim tests/integration/test_kill.sh
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
begin tcpdump tshark

rounds=${KILL_ROUNDS:-15}
make_witness 32768

# ---- random moments ----

sim_start "nodes 3; rate 2000; storm 5000 10m; forever" >&2

mono_ns() { python3 -c 'import time; print(time.clock_gettime_ns(time.CLOCK_MONOTONIC))'; }

witness_on() {
	echo 0 >"$witness/tracing_on"
	echo >"$witness/trace"
	echo 1 >"$witness/events/scoutfs/enable"
	echo 1 >"$witness/tracing_on"
	tcpdump -U -n -i any -w "$work/witness.pcap" --time-stamp-precision=nano -B 16384 \
		"host $address and (tcp port $port or udp port $port)" >"$work/tcpdump.log" 2>&1 9>&- &
	tcpdump_pid=$!
	until_true has_line "$work/tcpdump.log" 'listening on'
}

# The kill, with the monotonic clock read before it: what the recorder had then is asked for. A second later tcpdump
# has handed over everything up to the kill.
kill_now() { # SECONDS after the arming
	python3 - "$rec_pid" "$1" <<'PY'
import os, signal, sys, time
time.sleep(float(sys.argv[2]))
before = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
os.kill(int(sys.argv[1]), signal.SIGKILL)
print(before)
PY
}

recover_it() {
	"$bin" recover "$rec_dir" --run-dir "$run" >"$work/rec.out" 2>"$work/rec.err"
	rec_status=$?
	bundle=$(cat "$work/rec.out")
}

# Every event and packet of the witness with from < stamp < to is in the bundle.
compare() { # FROM_NS TO_NS
	python3 - "$1" "$2" "$work/witness.txt" "$work/events" "$work/b" "$work/witness.times" "$work/packet.times" <<'PY'
import collections, json, re, sys
since, until = int(sys.argv[1]), int(sys.argv[2])
witness, events, bundle, their_packets, our_packets = sys.argv[3:]
manifest = json.load(open(bundle + "/manifest.json"))
anchors = manifest["clocks"]["anchors"]
offset = anchors[0]["realtime_ns"] - anchors[0]["monotonic_ns"]
line = re.compile(r"\[(\d+)\][^:]*? (\d+)\.(\d+): (scoutfs_\w+): (.*)")
def read(path, shift):
    found = collections.Counter()
    stamps = []
    for l in open(path):
        g = line.search(l)
        if g:
            cpu, s, f, name, rest = g.groups()
            ns = int(s) * 10**9 + int(f.ljust(9, "0")) - shift
            # The fields tell the events apart, the stamp is seen with a microsecond and through two conversions.
            found[(int(cpu), name, re.sub(r"^\([^)]*\) *", "", rest.strip()))] += since < ns < until
            stamps.append(ns)
    return +found, stamps
them, seen = read(witness, 0)
since_all, until_all = since, until
since, until = 0, 1 << 62
us, ours = read(events, offset)
missing = them - us
print("witness saw", sum(them.values()), "in", (until_all - since_all) / 1e9, "s; bundle has", sum(us.values()), "missing", sum(missing.values()))
for k in list(missing)[:5]:
    print("missing", k)
packets = collections.Counter(l.rstrip("\n") for l in open(our_packets))
lost = 0
checked = 0
for l in open(their_packets):
    stamp, key = l.rstrip("\n").split("\t", 1)
    ns = int(stamp.replace(".", "")) - offset
    if since_all < ns < until_all:
        checked += 1
        lost += packets[key] == 0
print(checked, "packets seen by tcpdump,", lost, "missing")
newest = max(ours) if ours else 0
print("newest event", (newest - until_all) / 1e9, "s after the limit")
sys.exit(not them or sum(missing.values()) > 0 or lost > 0 or not checked)
PY
}

packet_keys() { # FILE [with stamps]
	tshark -r "$1" -T fields ${2:+-e frame.time_epoch} -e ip.src -e tcp.srcport -e tcp.seq_raw -e tcp.ack_raw -e tcp.len -e udp.srcport -e udp.dstport -e data.data 2>/dev/null
}

killed() { # ROUND
	local delay from at
	delay=$(python3 -c 'import random, sys; random.seed(int(sys.argv[1])); print(1.2 + random.random() * 1.5)' "$1")
	rm -f "$work/tcpdump.log"
	witness_on
	record || return 1
	from=$(mono_ns)
	at=$(kill_now "$delay")
	wait "$rec_pid" 2>/dev/null
	rec_pid=
	# Beyond the kill, so that the witness is known to have all that came before it.
	until_true has_packet_after "$at"
	echo 0 >"$witness/tracing_on"
	kill -INT $tcpdump_pid
	wait $tcpdump_pid
	same 1 "$(new_instances | grep -c 'scoutfs-trace\.......$')" "instances left by the dead" || return 1
	grep -v '^#' "$witness/trace" >"$work/witness.txt"
	recover_it
	unpack || { cat "$work/rec.err"; return 1; }
	same true "$(m .died)" died && [ ! -e "$rec_dir" ] && same "" "$(instances | grep -F "${rec_dir##*.}")" "instances after recover" || return 1
	[[ $rec_status == 0 || $rec_status == 4 ]] || { echo "exit status $rec_status"; cat "$work/rec.err"; return 1; }
	packet_keys "$work/witness.pcap" stamps >"$work/witness.times"
	packet_keys "$work/b/packets.pcap" >"$work/packet.times"
	compare "$from" $((at - 1000000000)) || return 1
	# What the dead instance still held was taken: the newest event is younger than the kill.
	compare_end "$at"
}

has_packet_after() { # NS: the witness has a packet or an event that is younger
	tail -1 "$witness/trace" | python3 -c 'import re, sys
m = re.search(r" (\d+)\.(\d{6}): ", sys.stdin.read())
sys.exit(not (m and int(m.group(1)) * 10**9 + int(m.group(2)) * 1000 > int(sys.argv[1]) + 1_500_000_000))' "$1"
}

compare_end() {
	[ "$(source_field ftrace last_monotonic_ns)" -ge "$1" ] || { echo "newest event $(source_field ftrace last_monotonic_ns), killed at $1"; return 1; }
}

for i in $(seq "$rounds"); do
	ok "killed at a random moment, recovered: nothing older than a second is missing ($i)" killed "$i"
done

# ---- at each state ----

# While it arms: there is no folder yet, or recover makes a bundle, or says why not; and the next start cleans up.
arming() {
	local i left
	for i in 0 5 10 15 20 30 40 60 80 100 150 200; do
		recorder_start
		python3 -c 'import sys, time; time.sleep(float(sys.argv[1]) / 1000)' $i
		kill -9 "$rec_pid"
		wait "$rec_pid" 2>/dev/null
		for left in "$out"/scoutfs-trace.*[!t]; do
			[ -d "$left" ] || continue
			if "$bin" recover "$left" --run-dir "$run" >"$work/rec.out" 2>"$work/rec.err"; then
				# Killed before its session.json: there is nothing to make a bundle of, and no folder any more.
				[ -s "$work/rec.out" ] || { [ ! -e "$left" ] && grep -q 'nothing had been recorded' "$work/rec.err" && continue; }
				unpack "$(cat "$work/rec.out")" && same true "$(m .died)" died && [ ! -e "$left" ] || return 1
			elif [ $? = 4 ]; then
				unpack "$(cat "$work/rec.out")" && [ ! -e "$left" ] || return 1
			else
				# Made, and nothing in it yet; the next line of the recorder would have been the lock.
				rmdir "$left" 2>/dev/null || { echo "not recovered after $i ms:"; cat "$work/rec.err"; return 1; }
			fi
		done
	done
}
ok "killed while it arms: recover makes a bundle, or says why there is none" arming
sim_stop
sim_start "nodes 3; rate 400; forever" >&2

cleans_up() {
	record && recorder_signal TERM && same "" "$(new_instances)" "instances" && same lock "$(ls -A "$run")" "the run folder"
}
ok "the next recorder removes what the killed ones left" cleans_up

# While the bundle is written: the raw data is durable by then, so nothing at all may be missing.
finishing() {
	local i
	for i in $(seq 20); do
		sim_stop
		sim_start "nodes 3; rate 400; storm 100000 1m; forever" && record --ring-memory 64M && until_true recorded_at_least .events 200000 || return 1
		kill -TERM "$rec_pid"
		until_true has_line "$work/rec.err" 'raw data safe'
		kill -9 "$rec_pid" 2>/dev/null
		wait "$rec_pid" 2>/dev/null
		[ -s "$work/rec.out" ] && continue
		recover_it
		unpack && same false "$(m .died)" died && stopped signal && same "$(wc -l <"$work/events")" "$(m .totals.ftrace)" "events" &&
			same "" "$(find "$out" -name '.*' -type f)" "half-made bundles"
		return
	done
	echo "the bundle was always faster"
	return 1
}
ok "killed while the bundle is written: recover makes it, whole" finishing
sim_stop
sim_start "nodes 3; rate 400; forever" >&2

# ---- the next recorder ----

dead_folder() { # a folder of a killed recorder
	# 300 of them are older than the second that a kill may cost: there are less than a thousand in one.
	record && until_true recorded_at_least .events 3000 || return 1
	kill -9 "$rec_pid"
	wait "$rec_pid" 2>/dev/null
	dead=$rec_dir
}
next() {
	dead_folder || return 1
	record && says "$dead" "recover $dead" && recorder_signal TERM && [ -d "$dead" ] && same "" "$(new_instances)" instances || return 1
	rec_dir=$dead
	recover_it
	unpack && same true "$(m .died)" died && [ "$(wc -l <"$work/events")" -ge 300 ] && [ ! -e "$dead" ]
}
ok "the next recorder says what the dead one left, and how to recover it; that works afterwards too" next

# ---- losses ----

# The kernel's counters of what it could not keep go back to the beginning of the dead recorder, which had written most
# of it down already: nothing may be counted twice, and nothing left out.
overrun_of() { cat "$tracefs/instances/scoutfs-trace.$1"/per_cpu/cpu*/stats | awk '$1 == "overrun:" { n += $2 } END { print n + 0 }'; }
overrun_at_least() { [ "$(overrun_of "$1")" -ge "$2" ]; }
losses_once() {
	local suffix cpu kernel readers=()
	record --ring-memory 1M -e raw_syscalls || return 1
	suffix=${rec_dir##*.}
	for cpu in 0 1; do
		taskset -c $cpu dd if=/dev/zero of=/dev/null bs=1 2>/dev/null &
		readers+=($!)
	done
	until_true overrun_at_least "$suffix" 100000 && until_true has_line "$rec_dir/losses" "ring overrun" &&
		until_true overrun_at_least "$suffix" $(($(overrun_of "$suffix") + 100000))
	kernel=$?
	kill -9 "$rec_pid"
	wait "$rec_pid" 2>/dev/null
	echo 0 >"$tracefs/instances/scoutfs-trace.$suffix/tracing_on"
	kill "${readers[@]}"
	wait "${readers[@]}" 2>/dev/null
	[ $kernel = 0 ] || { echo "no losses"; return 1; }
	kernel=$(overrun_of "$suffix")
	recover_it
	unpack && same "$kernel" "$(source_field ftrace lost)" "lost by the kernel's counters" && same false "$(source_field ftrace lost_is_lower_bound)" bound &&
		same degraded "$(source_field ftrace status)" status &&
		same 0 "$(m '[.sources[] | select(.name == "ftrace").gaps[] | select(.from_monotonic_ns == 0)] | length')" "gaps without a time"
}
ok "losses are counted once, whoever has seen them" losses_once

# ---- all that is left over ----

# Two of dead recorders, one that is being recorded, one folder that is none of ours: what a host finds when it has come up again.
all_left() {
	local first second
	dead_folder && first=$dead && dead_folder && second=$dead || return 1
	mkdir -p "$out/not.ours" && record && until_true recorded_at_least .events 100 || return 1
	"$bin" recover --output-dir "$out" --run-dir "$run" >"$work/all.out" 2>"$work/all.err"
	same 4 $? "exit status" && same 2 "$(grep -c '\.tar\.zst$' "$work/all.out")" bundles || { cat "$work/all.err"; return 1; }
	grep -q "${first##*/}.tar.zst" "$work/all.out" && grep -q "${second##*/}.tar.zst" "$work/all.out" &&
		grep -qF "$rec_dir is being recorded" "$work/all.err" && [ ! -e "$first" ] && [ ! -e "$second" ] && rmdir "$out/not.ours" &&
		same recording "$(status_field .state)" state && recorder_signal TERM && unpack && stopped signal || return 1
	"$bin" recover --output-dir "$out" --run-dir "$run" >"$work/all.out" 2>"$work/all.err"
	same 0 $? "exit status" && same "" "$(cat "$work/all.out")" output && grep -q "nothing to recover" "$work/all.err"
}
ok "recover without a folder: every dead recorder's, and nothing else" all_left

# ---- what recover refuses ----

live() {
	record && until_true recorded_at_least .events 100 || return 1
	"$bin" recover "$rec_dir" --run-dir "$run" >"$work/live.out" 2>"$work/live.err"
	same 75 $? "exit status" && grep -q 'still runs' "$work/live.err" && same "" "$(cat "$work/live.out")" output && same recording "$(status_field .state)" state &&
		recorder_signal TERM && unpack && stopped signal
}
ok "recover of a recording that goes on is refused, and does not disturb it" live

listing() { find "$1" -printf '%P %y %s %m %T@\n' | sort; find "$1" -type f -exec cat {} + | sha256sum; }
refuses() { # WORDS FOLDER: no bundle, an error, nothing changed
	local words=$1 dir=$2 before
	before=$(listing "$dir")
	"$bin" recover "$dir" --run-dir "$run" -o "$work/elsewhere" >"$work/rec.out" 2>"$work/rec.err"
	same 1 $? "exit status" && same "" "$(cat "$work/rec.out")" output && says "$words" && same "$before" "$(listing "$dir")" "the folder" &&
		! ls "$work/elsewhere"/* >/dev/null 2>&1
}
mkdir -p "$work/elsewhere" "$work/strange/sub"
echo hello >"$work/strange/file"
ok "recover of a folder that is not ours: an error, nothing changed" refuses "$work/strange" "$work/strange"
damaged_facts() {
	dead_folder || return 1
	cp -a "$dead" "$work/torn" && echo '{"format": "scoutfs' >"$work/torn/session.json" && refuses session.json "$work/torn"
}
ok "recover of a folder with torn facts: an error, nothing changed" damaged_facts

# The end of the newest segment is cut off: what comes before is in the bundle, and the bundle says so.
torn_segment() {
	local segment n
	cp -a "$dead" "$work/cut.${dead##*.}"
	segment=$(find "$work/cut.${dead##*.}" -type f -size +4k -printf '%s %p\n' | grep -v -e head -e context | sort -n | tail -1 | cut -d' ' -f2)
	[ -n "$segment" ] || { ls -lR "$work/cut.${dead##*.}"; return 1; }
	python3 - "$segment" <<'PY'
import os, sys
f = open(sys.argv[1], "r+b")
data = f.read().rstrip(b"\0")
f.truncate(len(data) - len(data) // 3)
PY
	rec_dir=$work/cut.${dead##*.}
	recover_it
	[[ $rec_status == 4 || $rec_status == 0 ]] || { cat "$work/rec.err"; return 1; }
	unpack && n=$(wc -l <"$work/events") && same "$n" "$(source_field ftrace records)" records && same false "$(m .complete)" complete
}
ok "recover of a folder whose last segment is cut: a bundle of what is whole, and it says so" torn_segment
rm -rf "$work"/cut.* "$work/torn"
rest() {
	rec_dir=$dead
	recover_it
	unpack && [ "$(wc -l <"$work/events")" -ge 300 ]
}
ok "the folder itself is recovered in the end" rest
record >"$work/check.log" 2>&1 && recorder_signal TERM # it cleans up after those that were killed
test_cleanup
finish
