#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Every CPU saturated with system calls, all of them traced: what was lost is in the ledger, to the event, as the
# kernel counts it; and what was not lost is in trace.dat, as trace-cmd counts it. How fast is the benchmark's matter.
#
#     sudo SCOUTFS_TRACE=build/src/scoutfs-trace SIM=build/tests/sim/sim tests/integration/test_storm.sh
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
begin

cat >"$work/loop.py" <<'PY'
import os, sys
os.sched_setaffinity(0, {int(sys.argv[1])})
get = os.getppid
while True:
    for _ in range(10000):
        get()
PY
loops=()
cpus=$(python3 -c 'import os; print(*os.sched_getaffinity(0))')
loops_start() {
	local cpu
	for cpu in $cpus; do
		python3 "$work/loop.py" "$cpu" 9>&- &
		loops+=($!)
	done
}
loops_stop() {
	kill "${loops[@]}" 2>/dev/null
	wait "${loops[@]}" 2>/dev/null
	loops=()
}

# Sums of the kernel's own figures, which trace.dat carries as the kernel wrote them when the ring was frozen and drained.
kernel() { # NAME
	trace-cmd report --stat -i "$work/b/trace.dat" 2>/dev/null | awk -F': *' -v n="$1" '$1 == n { s += $2 } /^CPU0 data/ { exit } END { print s + 0 }'
}

storm() { # EVENTS ARG...: record until as many were seen
	local events=$1
	shift
	record -e raw_syscalls "$@" || return 1
	loops_start
	until_true recorded_at_least .events "$events"
	local r=$?
	kill -TERM "$rec_pid"
	recorder_wait
	loops_stop
	return $r
}

ledger() {
	local lost overrun
	lost=$(source_field ftrace lost)
	overrun=$(($(kernel overrun) + $(kernel "commit overrun") + $(kernel "dropped events")))
	echo "lost $lost, the kernel's overrun $overrun, read $(kernel 'read events'), recorded $(source_field ftrace recorded)"
	same false "$(source_field ftrace lost_is_lower_bound)" "a lower bound" && same "$overrun" "$lost" "the ledger" || return 1
	same "$(kernel 'read events')" "$(source_field ftrace recorded)" "recorded" && same 0 "$(kernel entries)" "left in the ring" || return 1
	[ "$lost" -ge "$1" ] || { echo "this storm was meant to lose events"; return 1; }
}
# Complete or not, the exit status says the same as the ledger.
exit_status() { same "$([ "$(source_field ftrace lost)" = 0 ] && echo 0 || echo 4)" "$rec_status" "exit status"; }
# Everything that the disk budget did not push out.
in_file() {
	local n
	n=$(trace-cmd report -i "$work/b/trace.dat" 2>/dev/null | grep -vc -e '^cpus=' -e 'EVENTS DROPPED')
	same "$(source_field ftrace records)" "$n" "events that trace-cmd shows" && same "$(source_field ftrace recorded)" "$n" "recorded"
}
gaps_placed() {
	m '.sources[] | select(.name == "ftrace").gaps[] | select(.from_monotonic_ns > .to_monotonic_ns or .to_monotonic_ns == 0)' >"$work/gaps" && same "" "$(cat "$work/gaps")" "gaps out of place" &&
		same "$(source_field ftrace lost)" "$(m '[.sources[] | select(.name == "ftrace").gaps[].count] | add // 0')" "sum of the gaps"
}

ok "a storm into large rings" storm 2000000 --ring-memory 128M --disk-budget 1G
ok "large rings: the bundle opens" unpack
ok "large rings: the ledger is the kernel's overrun, to the event" ledger 0
ok "large rings: trace-cmd shows every event that was recorded" in_file
ok "large rings: the exit status says the same" exit_status
rm -f "$bundle"

# Rings far too small for a drain every 20 ms: loss there must be.
ok "a storm into tiny rings" storm 500000 --ring-memory 1M --disk-budget 1G
ok "tiny rings: the bundle opens" unpack
ok "tiny rings: the ledger is the kernel's overrun, to the event" ledger 1
ok "tiny rings: trace-cmd shows every event that was recorded" in_file
ok "tiny rings: each gap has its place and count" gaps_placed
ok "tiny rings: exit status 4" exit_status
said() { grep -q "trace.dat\|ftrace" "$work/b/summary.txt" && grep -q "^Complete *no" "$work/b/summary.txt"; }
ok "tiny rings: the summary says so" said
rm -f "$bundle"

finish
