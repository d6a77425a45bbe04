#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Killed at every place that has a name (include/base/failpoint.h): the recorder, and then the recovery of what it
# left, at each of its own. The list of places is taken from the program, so a new one is tested without being named
# here; only how a recorder comes by it may have to be said.
#
# After each death: nothing is under a final name but a whole bundle; `recover` makes a bundle of what is there, in which
# nothing is missing that had to be durable, or says that nothing had been recorded; once more, and it does nothing; and
# neither instance, process nor file is left. The witness of what there was to record is another tracer's instance.
#
#     sudo FAILPOINT_PROGRAM=build/tests/failpoint/scoutfs-trace-failpoints SCOUTFS_TRACE=build/src/scoutfs-trace \
#          SIM=build/tests/sim/sim tests/integration/test_failpoints.sh
#
# FAILPOINT_PLACES="PLACE..." tries only those.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
begin
program=$(realpath "${FAILPOINT_PROGRAM:?names no program with fail points}")

# What is ten times as old as it may be at most: on a busy machine no thread is on time.
lag_ms=50
bound_ns=500000000
make_witness 16384
echo 1 >"$witness/events/scoutfs/enable"

mono_ns() { python3 -c 'import time; print(time.clock_gettime_ns(time.CLOCK_MONOTONIC))'; }
died_at() { sed -n 's/^failpoint .* at \([0-9]*\)$/\1/p' "$1" | head -1; }

# Events of the witness with a stamp before UNTIL that the bundle lacks: from 200 ms after its first one on, when all
# events had been enabled.
cat >"$work/compare.py" <<'PY'
import collections, json, re, sys
until = int(sys.argv[1])
clocks = json.load(open(sys.argv[4] + "/manifest.json"))["clocks"]["anchors"][0]
offset = clocks["realtime_ns"] - clocks["monotonic_ns"]
line = re.compile(r"\[(\d+)\][^:]*? (\d+)\.(\d+): (scoutfs_\w+): +(?:\([^)]*\) *)?(.*)")
def read(path, shift):
    for l in open(path):
        g = line.search(l)
        if g:
            cpu, s, f, name, rest = g.groups()
            yield int(s) * 10**9 + int(f.ljust(9, "0")) - shift, (int(cpu), name, rest.strip())
us = list(read(sys.argv[3], offset))
since = min(us)[0] + 200_000_000 if us else 0
them = collections.Counter(key for ns, key in read(sys.argv[2], 0) if since < ns < until)
missing = them - collections.Counter(key for ns, key in us)
print("witness", sum(them.values()), "events in", (until - since) / 1e9, "s; bundle", len(us), "missing", sum(missing.values()))
for k in list(missing)[:5]:
    print("missing", k)
sys.exit(bool(missing) or not them)
PY

# nothing_missing UNTIL_NS: in the bundle unpacked, of what the witness saw
nothing_missing() {
	python3 "$work/compare.py" "$1" "$work/witness.txt" "$work/events" "$work/b" || { m '.sources[] | select(.name == "ftrace" or .name == "spool") | {name, status, gaps}'; return 1; }
}

# Under a final name there is only what every tool can read to its end.
whole_or_nothing() {
	local b
	for b in "$out"/*.tar.zst; do
		[ -e "$b" ] || continue
		zstd -tq "$b" && tar --zstd -tf "$b" >/dev/null || { echo "half a bundle: $b"; return 1; }
	done
}

clean() {
	residue && whole_or_nothing && same "" "$(find "$out" -mindepth 1 ! -name '*.tar.zst' 2>/dev/null)" "left in the output folder"
}

recover_all() { # [PLACE]: sets rec_status; bundle is what it printed
	FAILPOINT=${1:-} "$program" recover --output-dir "$out" --run-dir "$run" >"$work/rec.out" 2>"$work/rec.err"
	rec_status=$?
	bundle=$(cat "$work/rec.out")
}

# start PLACE ARG...: a recorder that dies there, or goes on
start() {
	local place=$1
	shift
	: >"$work/rec.err"
	: >"$work/rec.out"
	[ ! -d "$out" ] || find "$out" -mindepth 1 -delete
	echo >"$witness/trace"
	echo 1 >"$witness/tracing_on"
	FAILPOINT=$place "$program" $address $port -o "$out" --run-dir "$run" --disk-budget 16M --ring-memory 8M --lag ${lag_ms}ms \
		--no-heartbeat-wait "$@" >"$work/rec.out" 2>"$work/rec.err" </dev/null 9>&- &
	rec_pid=$!
}

reap() {
	wait "$rec_pid" 2>/dev/null
	rec_status=$?
	rec_pid=
	echo 0 >"$witness/tracing_on"
	grep -v '^#' "$witness/trace" >"$work/witness.txt"
}

# System calls enough to fill a segment, and the budget, in little time.
busy_start() {
	dd if=/dev/zero of=/dev/null bs=1 status=none 9>&- &
	busy_pid=$!
}
busy_stop() {
	[ -n "${busy_pid:-}" ] || return 0
	kill -9 "$busy_pid"
	wait "$busy_pid" 2>/dev/null
	busy_pid=
}

# record_until PLACE: start, record for a while, end by a signal; sets asked_ns, rec_status
record_until() {
	local place=$1 args=()
	busy_pid=
	case ${place%:*} in
	record-pinned) args=(--suspect event:scoutfs:scoutfs_quorum_loop) ;;
	record-recycled) args=(-e raw_syscalls) && busy_start ;;
	esac
	start "$place" "${args[@]}"
	until_true armed_or_gone || return 1
	case ${place%:*} in
	record-*) until_true gone "$rec_pid" || return 1 ;;
	arm-*) ;;
	*) python3 -c 'import time; time.sleep(0.8)' ;;
	esac
	asked_ns=$(mono_ns)
	kill -TERM "$rec_pid" 2>/dev/null
	until_true gone "$rec_pid" || kill -9 "$rec_pid"
	busy_stop
	reap
}

# Until when had what was recorded to be durable?
durable_until() { # PLACE
	local died
	died=$(died_at "$work/died.err")
	case ${1%:*} in
	end-frozen | end-drained-one | end-journalled | record-*) echo $((died - bound_ns)) ;;
	*) echo "$asked_ns" ;; # after "raw data safe": all of it
	esac
}

recovered() { # PLACE: what the death there left is one whole bundle, or nothing
	local place=$1 before
	[[ $rec_status == 0 || $rec_status == 4 ]] || { echo "exit status $rec_status"; cat "$work/rec.err"; return 1; }
	# One that was there already, and whose folder had gone, is nothing that recover has to do with.
	[ -n "$bundle" ] || bundle=$(find "$out" -name '*.tar.zst' 2>/dev/null)
	if [ -n "$bundle" ]; then
		same 1 "$(find "$out" -name '*.tar.zst' | wc -l)" bundles && unpack || { cat "$work/rec.err"; return 1; }
		case ${place%:*} in
		arm-* | record-recycled) ;; # nothing to compare; the oldest was dropped on purpose
		*) nothing_missing "$(durable_until "$place")" || return 1 ;;
		esac
	elif [[ $place != arm-* ]]; then
		echo "no bundle"
		cat "$work/rec.err"
		return 1
	fi
	clean || return 1
	before=$(ls -l --full-time "$out" 2>&1)
	recover_all
	same 0 "$rec_status" "exit status of another recover" && same "" "$bundle" "its output" && same "$before" "$(ls -l --full-time "$out" 2>&1)" "the output folder" && clean
}

# ---- the recorder ----

at() { # PLACE
	record_until "$1" || return 1
	same 137 "$rec_status" "exit status: it did not come by" || { tail -3 "$work/rec.err"; return 1; }
	cp "$work/rec.err" "$work/died.err"
	whole_or_nothing || return 1
	recover_all
	recovered "$1"
}

# ---- the recovery of one that was killed while recording ----

recovery_at() { # PLACE
	record_until record-synced:36 || return 1
	cp "$work/rec.err" "$work/died.err"
	recover_all "$1"
	same 137 "$rec_status" "exit status: recover did not come by" || { cat "$work/rec.err"; return 1; }
	whole_or_nothing || return 1
	recover_all
	recovered record-synced
}

# Not the first time they are passed, where that is in the first moment.
turn() {
	case $1 in
	record-pinned) echo "$1:30" ;;
	record-drained) echo "$1:300" ;;
	record-sealed | record-tail | record-tail-emptied | record-tail-synced | record-synced) echo "$1:36" ;;
	record-chunk) echo "$1:150" ;;
	*) echo "$1" ;;
	esac
}

sim_start "nodes 3; rate 2000; storm 3000 60m; forever" >&2
places=$(FAILPOINT=list "$program" | sort -u)
places=${FAILPOINT_PLACES:-$places}
[ -n "$places" ] || { echo "Bail out! the program has no fail points"; exit 1; }
for place in $places; do
	case $place in
	recover-*) ok "recovery killed at $place" recovery_at "$place" ;;
	bundle-* | remove-*)
		ok "recorder killed at $place" at "$place"
		ok "recovery killed at $place" recovery_at "$place"
		;;
	*) ok "recorder killed at $(turn "$place")" at "$(turn "$place")" ;;
	esac
done
for place in bundle-chunk:3 remove-entry:4; do
	ok "recorder killed at $place" at "$place"
done

rm -rf "$out"
finish
