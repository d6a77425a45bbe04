#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Series, end to end: what is sampled compared with what another program reads of the same counters before and after, the
# number of samples with the interval, TCP state with ss(8), and files that vanish, grow or cannot be read.
#
#     sudo SCOUTFS_TRACE=build/src/scoutfs-trace SIM=build/tests/sim/sim tests/integration/test_series.sh
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
begin ss cmp

sim_start "nodes 3; rate 100; forever" >&2
fields=$work/fields
mkdir "$fields"

# The members, walked by a reader of its own: one line a section: TIME TOOK PATH FILE, the section's bytes in FILE.
walk() { # MEMBER
	python3 - "$work/b/series/$1.txt" "$fields" <<'PY'
import os, re, sys
data = open(sys.argv[1], "rb").read()
head, _, rest = data.partition(b"\n")
assert re.fullmatch(rb"# scoutfs-trace series 1 [a-z0-9_-]+ (once|every [0-9.]+ s)", head), head
n = 0
while rest:
    line, _, rest = rest.partition(b"\n")
    mark, when, took, sections = line.split()
    assert mark == b"@", line
    for _ in range(int(sections)):
        line, _, rest = rest.partition(b"\n")
        mark, what, path = line.split(b" ", 2)
        if mark == b"!":
            zero, path = path.split(b" ", 1)
            assert zero == b"0"
            print(int(when), int(took), path.decode(), "!" + what.decode())
            continue
        assert mark == b"=" and rest[int(what):int(what) + 1] == b"\n", line
        n += 1
        name = os.path.join(sys.argv[2], "%s.%d" % (os.path.basename(sys.argv[1]), n))
        open(name, "wb").write(rest[:int(what)])
        rest = rest[int(what) + 1:]
        print(int(when), int(took), path.decode(), name)
PY
}
samples() { grep -c '^@ [0-9]* [0-9]* [0-9]*$' "$work/b/series/$1.txt"; }
between() { [ "$1" -le "$2" ] && [ "$2" -le "$3" ] || { echo "${4:-value}: $2 is not within $1 and $3"; return 1; }; }

# ---- the default set, and counters between two readings by cat ----

counter() { awk -v n="$2" '$1 == n { print $2 }' "$1"; }
ok "the default set: recorded" record --duration 60s
cat /proc/vmstat >"$work/vmstat.before"
cat /proc/stat >"$work/stat.before"
before=$(awk '{ printf "%d", $1 * 1000 }' /proc/uptime)
enough() { recorded_at_least .series.samples 25; } # the second round is among them
ok "status shows it" until_true enough
now=$(awk '{ printf "%d", $1 * 1000 }' /proc/uptime)
recorder_signal TERM
cat /proc/vmstat >"$work/vmstat.after"
cat /proc/stat >"$work/stat.after"
ok "a bundle" unpack
ok "complete, in order" stopped signal
rows() { # one jq for all: NAME STATUS RECORDS RECORDED MEMBER
	local name status records recorded member seen=
	m '.sources[] | select(.name | startswith("series/")) | "\(.name[7:]) \(.status) \(.records) \(.recorded) \(.member)"' >"$work/rows"
	while read -r name status records recorded member; do
		[ "$name" = pressure ] && continue # not every kernel has it
		seen="$seen $name"
		same "ok" "$status" "$name" && number "$records" "$name" || return 1
		case $name in scoutfs | quorum | fence | blockdev) continue ;; esac # nothing to read here
		same "$(samples "$name")" "$records" "records of $name" && same "$records" "$recorded" "recorded of $name" &&
			same "series/$name.txt" "$member" "member of $name" || return 1
	done <"$work/rows"
	# slabinfo is for who asks
	same "blockdev diskstats fence interrupts meminfo netdev netstat quorum scoutfs snmp softirqs stat tcpinfo vmstat" \
		"$(tr ' ' '\n' <<<"$seen" | grep . | sort | paste -sd' ')" "series"
}
ok "a row for each series" rows
within() { # every sample taken between the two cats lies between them
	local when took path file v lo hi name seen=0
	walk vmstat >"$work/walked" || return 1
	while read -r when took path file; do
		[ $((when / 1000000)) -gt "$before" ] && [ $((when / 1000000)) -lt "$now" ] || continue
		for name in pgpgout pgfault pgalloc_normal; do
			v=$(counter "$file" $name) lo=$(counter "$work/vmstat.before" $name) hi=$(counter "$work/vmstat.after" $name)
			[ -z "$hi" ] || between "$lo" "$v" "$hi" $name || return 1
		done
		seen=$((seen + 1))
	done <"$work/walked"
	[ $seen -ge 1 ] || { echo "$seen samples"; cat "$work/walked"; return 1; }
	walk stat >"$work/walked" || return 1
	seen=0
	while read -r when took path file; do
		[ $((when / 1000000)) -gt "$before" ] || continue
		between "$(counter "$work/stat.before" ctxt)" "$(counter "$file" ctxt)" "$(counter "$work/stat.after" ctxt)" ctxt || return 1
		seen=$((seen + 1))
	done <"$work/walked"
	[ $seen -ge 1 ] || { echo "$seen samples of stat"; return 1; }
}
ok "counters lie between what cat read before and after" within
rising() { # and never fall, from sample to sample
	awk '{ print $4 }' "$work/walked" | while read -r f; do counter "$f" ctxt; done | sort -c -n
}
ok "and rise from sample to sample" rising
same_text() { # the text of a file that hardly changes is the kernel's own, to the byte
	walk interrupts >"$work/walked" || return 1
	local file
	file=$(awk 'END { print $4 }' "$work/walked")
	cmp <(awk '{ print $1 }' "$file") <(awk '{ print $1 }' /proc/interrupts)
}
ok "interrupts: every line" same_text
summary() { grep -q '^  series/ .* samples of [0-9]* series' "$work/b/summary.txt" && grep -q '^  nothing$' "$work/b/summary.txt"; }
ok "summary.txt tells of it, and of no loss" summary

# ---- the number of samples, and TCP state ----

ok "10 ms, 0.25 s, once, another's file: recorded" record --sample stat@0.01 --sample tcpinfo@0.25 --sample meminfo@0 \
	--sample processes@0.5 --sample "own=$work/own@0.1" --sample "more=$work/m[0-9]@0.1" --duration 1500ms
ss -Htin state connected "( sport = :$port or dport = :$port )" >"$work/ss" # two lines each
connections=$(grep -c . <(grep -v '^[[:space:]]' "$work/ss"))
recorder_wait
ok "a bundle of it" unpack
# One at the start, one each interval, one at the end; what came too late is in the gaps, and both together are every beat
# from the first stamp to the last. The host may be busy: the end comes when it comes.
beats() { # NAME MS LEAST: at least so long, in ms
	local late span
	late=$(source_field "series/$1" 'gaps | map(.count) | add // 0')
	span=$(sed -n 's/^@ \([0-9]*\) .*/\1/p' "$work/b/series/$1.txt" | sed -n '1p;$p' | paste -sd- | awk -F- '{ printf "%d", ($2 - $1) / 1000000 }')
	[ "$span" -ge "$3" ] || { echo "$span ms of $1"; return 1; }
	between $((span / $2)) $(($(samples "$1") + late)) $((span / $2 + 3)) "beats of $1 in $span ms, late $late"
}
arithmetic() { beats stat 10 1400 && beats tcpinfo 250 1400 && beats processes 500 1400 && same 2 "$(samples meminfo)" "samples once"; }
ok "as many samples as the interval says" arithmetic
heads() {
	same "# scoutfs-trace series 1 stat every 0.01 s" "$(head -1 "$work/b/series/stat.txt")" head &&
		same "# scoutfs-trace series 1 meminfo once" "$(head -1 "$work/b/series/meminfo.txt")" head
}
ok "heads" heads
# Beats do not drift: the 150th is 1.49 s behind the first, whatever each took, but for how late it was itself, which it is
# not always. A machine so busy that samples were left out shows nothing here: beats() has accounted for those.
grid() {
	[ "$(source_field series/stat 'gaps | length')" = 0 ] || return 0
	walk stat >"$work/walked" && awk '{ t[NR] = $1 } END {
		if (NR < 100) exit 1
		for (i = NR - 50; i < NR; i++) { late = t[i] - t[1] - (i - 1) * 10000000; if (i == NR - 50 || late < least) least = late }
		print "least late by " least " ns"
		exit least < -9000000 || least > 5000000
	}' "$work/walked"
}
ok "on a grid of 10 ms" grid
tcp() {
	local file local_end peer rest state rq sq line pair v first figure n=0
	walk tcpinfo >"$work/walked" || return 1
	file=$(sed -n 4p "$work/walked" | awk '{ print $4 }')
	same "$connections" "$(grep -c . "$file")" "connections" || { cat "$work/ss" "$file"; return 1; }
	while read -r state rq sq local_end peer _ && read -r rest; do
		grep -q "^$local_end $peer state=established " "$file" || { echo "no $local_end $peer"; cat "$file"; return 1; }
		line=$(grep "^$local_end $peer " "$file")
		for pair in advmss:advmss mss:snd_mss pmtu:pmtu; do # what does not change on the loopback
			v=$(grep -o "\b${pair%:*}:[0-9]*" <<<"$rest" | head -1)
			[ -z "$v" ] || grep -q " ${pair#*:}=${v#*:} " <<<"$line" || { echo "$v of $local_end: $line"; return 1; }
		done
		# What only grows: ss looked while samples were taken.
		for figure in segs_out cwnd; do
			v=$(grep -o "\b$figure:[0-9]*" <<<"$rest" | head -1)
			first=$(for f in $(awk '{ print $4 }' "$work/walked"); do grep "^$local_end $peer " "$f"; done | grep -o " $figure=[0-9]*" | cut -d= -f2 | sort -n | sed -n '1p;$p')
			between "$(head -1 <<<"$first")" "${v#*:}" "$(tail -1 <<<"$first")" "$figure of $local_end" || return 1
		done
		n=$((n + 1))
	done <"$work/ss"
	[ $n -ge 4 ] || { echo "$n connections compared"; cat "$work/ss"; return 1; }
}
ok "TCP state of every connection is what ss shows" tcp
top() {
	local file
	walk processes >"$work/walked" || return 1
	file=$(awk 'END { print $4 }' "$work/walked")
	between 5 "$(grep -cE '^[0-9]+ [^ ]+ state=[A-Z] utime_ticks=[0-9]+ stime_ticks=[0-9]+ rss_kib=[0-9]+ threads=[0-9]+$' "$file")" 70 "lines" &&
		awk '{ print $4 }' "$work/walked" | xargs cat | grep -q "^$sim_pid sim state=" || { cat "$file"; return 1; }
	same "$(grep -c . "$file")" "$(grep -cE '^[0-9]+ [^ ]+ state=' "$file")" "lines that are of that form"
}
ok "processes: the busy ones" top
absent() { same degraded "$(source_field series/own status)" own && same degraded "$(source_field series/more status)" more && same true "$(m .complete)" complete; }
ok "files that were never there: said, and no fault" absent

# ---- what nobody named must not be felt, however often it is asked for ----

# Of one CPU in millionths, over a second, as the scheduler counts: /proc/PID/task/TID/schedstat.
sampler_share() {
	python3 - "$rec_pid" <<'PY'
import glob, sys, time
task = next(t for t in glob.glob("/proc/%s/task/*" % sys.argv[1]) if open(t + "/comm").read() == "series\n")
def now():
    return int(open(task + "/schedstat").read().split()[0]), time.monotonic_ns()
cpu, began = now()
time.sleep(1)
then, ended = now()
print((then - cpu) * 1000000 // (ended - began))
PY
}
# It holds itself to 2500, and goes by the least that a sample took; what is named comes on top.
unfelt() {
	local share
	share=$(sampler_share)
	echo "$share ppm"
	[ "$share" -lt 6000 ]
}
ok "the default set 50 times a second: recorded" record --sample default@0.02 --sample softirqs@0.1
ok "the sampler comes to rest below 0.6 % of a CPU" until_true unfelt
recorder_signal TERM
ok "a bundle of it" unpack
spared() {
	local name status n=0
	m '.sources[] | select(.name | startswith("series/")) | "\(.name[7:]) \(.status)"' >"$work/rows"
	while read -r name status; do
		[ "$name" = softirqs ] && { same ok "$status" "$name" || return 1; continue; }
		[ "$status" = degraded ] && n=$((n + 1))
	done <"$work/rows"
	[ $n -ge 3 ] || { echo "$n are read less often"; cat "$work/rows"; return 1; }
	grep -q 'series/stat: degraded: .*read less often' "$work/b/summary.txt" || { cat "$work/b/summary.txt"; return 1; }
	# By its stamps: a beat apart at first, and at the end no two so close. The last is the end's, whenever that is.
	sed -n 's/^@ \([0-9]*\) .*/\1/p' "$work/b/series/stat.txt" | awk 'NR > 1 { ns[NR - 1] = $1 - was } { was = $1 } END {
		first = last = 1e12
		for (i = 1; i <= 5; i++) { if (ns[i] < first) first = ns[i]; if (ns[NR - 1 - i] < last) last = ns[NR - 1 - i] }
		print "ns between two at first " first ", at last " last
		exit first > 39000000 || last < 60000000 }'
}
ok "the costly ones are read less often, what was named is not, and it is said" spared

# ---- files that vanish, come back, grow a column, cannot be read ----

echo "a 1" >"$work/own"
mkfifo "$work/m1" && mkdir "$work/m2" && echo x >"$work/m3"
head -c 5000000 /dev/zero | tr '\0' '\n' >"$work/m4"
ok "odd files: recorded" record --sample "own=$work/own@0.02" --sample "more=$work/m[0-9]@1"
# Whatever is in the making now, and some that begin after.
more_samples() { until_true recorded_at_least .series.samples $(($(status_field .series.samples) + 6)); }
more_samples
echo "a 2 b 3" >"$work/own.new" && mv "$work/own.new" "$work/own"
more_samples
rm "$work/own"
more_samples
echo "a 4 b 5 c 6" >"$work/own"
more_samples
recorder_signal TERM
ok "a bundle of them" unpack
states() { # a 1, then a 2 b 3, then gone, then a 4 b 5 c 6
	walk own >"$work/walked" || return 1
	while read -r when took path file; do
		case $file in !*) echo "$file" ;; *) cat "$file" ;; esac
	done <"$work/walked" | uniq | tr '\n' ';' | grep -qxE 'a 1;a 2 b 3;!ENOENT;a 4 b 5 c 6;' || { cut -d' ' -f4 "$work/walked" | uniq -c | head; return 1; }
}
ok "it is read as it is each time" states
gap() {
	same "outage false" "$(source_field series/own 'gaps[0] | "\(.kind) \(.count == 0)"')" "the gap" &&
		same ok "$(source_field series/own status)" "status" && same true "$(m .complete)" complete &&
		grep -q 'series/own: [0-9]* samples not taken or not whole, .*could not be read' "$work/b/summary.txt"
}
ok "the time without it is a gap, told in summary.txt" gap
odd() {
	walk more >"$work/walked" || return 1
	grep -q " $work/m1 !EINVAL$" "$work/walked" && grep -q " $work/m2 !EISDIR$" "$work/walked" && grep -q " $work/m4 !EFBIG$" "$work/walked" || { cut -c1-120 "$work/walked" | head; return 1; }
	cmp "$work/m3" "$(awk -v p="$work/m3" '$3 == p { print $4; exit }' "$work/walked")"
}
ok "a fifo and a folder are not opened, a long file is cut, the rest is read" odd

# ---- a command, and a recorder that is killed ----

ok "a command: recorded" record --sample snmp@0 --sample vmstat@0.1 -- sh -c 'sleep 0.4; exit 0'
recorder_wait
ok "a command: a bundle" unpack
baseline() { same 2 "$(samples snmp)" "once: before and after" && beats vmstat 100 400; }
ok "a sample before it and one after it" baseline

ok "a recorder to be killed: recorded" record --sample stat@0.01 --sample default --lag 200ms -- sh -c "echo \$\$ >$work/command.pid; exec sleep 300"
until_true recorded_at_least .series.samples 100
sleep_lag() { # durable within the lag: what was there more than two syncs ago
	[ "$(wc -c <"$rec_dir/spool/tail")" -gt 0 ]
}
until_true sleep_lag
kill -9 "$rec_pid" && wait "$rec_pid" 2>/dev/null
rec_pid=
kill "$(cat "$work/command.pid")"
recovered() {
	bundle=$("$bin" recover "$rec_dir" --run-dir "$run" 2>"$work/rec.err") || [ $? = 4 ] || return 1
	unpack || return 1
	same true "$(m .died)" died && [ "$(samples stat)" -ge 20 ] && same "$(samples stat)" "$(source_field series/stat records)" "records" &&
		walk stat >/dev/null && walk vmstat >/dev/null && walk tcpinfo >/dev/null
}
ok "what it had sampled is recovered" recovered
ok "and that a command had not ended" same false "$(m .command.ended)" "command.ended"

ok "none: recorded" record --sample none --duration 300ms
recorder_wait
none() { unpack && stopped duration && same 0 "$(m '[.sources[] | select(.name | startswith("series/"))] | length')" "rows" && [ ! -e "$work/b/series" ]; }
ok "none: nothing" none

# ---- what is written wrongly ----

refused() { # WORDS SAMPLE...: exit status 2, and says it
	local words=$1 args=() s status
	shift
	for s in "$@"; do args+=(--sample "$s"); done
	timeout 30 "$bin" $address $port -o "$out" --run-dir "$run" --no-heartbeat-wait "${args[@]}" >"$work/rec.out" 2>"$work/rec.err" </dev/null
	status=$?
	same 2 $status "exit status of ${args[*]}" && says "$words" || { cat "$work/rec.err"; return 1; }
}
ok "an unknown name: the nearest" refused "did you mean 'vmstat'" vmstats
ok "an interval below 0" refused "is not an interval" vmstat@-1
ok "an interval that is too short" refused "from 0.01 to 86400" vmstat@0.001
ok "an interval that is none" refused "is not an interval" vmstat@often
ok "twice" refused "is given twice" vmstat vmstat@2
ok "a path that is not whole" refused "must begin with /" own=stats
ok "a name of ours" refused "is a built-in series" vmstat=/proc/stat
ok "none and more" refused "cannot be had at once" none vmstat
ok "a name that is none" refused "letters a to z" 'A=/proc/stat'
ok "what asks the server" refused "volume_options" 'v=/sys/fs/scoutfs/*/volume_options/*'

finish
