# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What the end-to-end tests have in common: the simulator and the recorder started and awaited, bundles
# unpacked, TAP, and the host left as it was found, which is itself a check of every test.
#
# A test is a script that sources this file, calls `begin TOOL...`, then `ok NAME COMMAND...` for each promise,
# and `finish` at the end. It needs SCOUTFS_TRACE and SIM, the built programs, in the environment; without root,
# tracefs or a tool it is skipped (77). It runs in a network namespace of its own, so that no port is taken and no
# other packet seen; the simulator's events, which are the whole machine's, are held by a lock.
#
# Nothing here waits for a length of time: conditions are polled, and the deadline is only for what is broken.
set -u
export LC_ALL=C NO_COLOR=1 SCOUTFS_TRACE_NO_CONFIG=yes

tracefs=/sys/kernel/tracing
deadline_s=90
address=127.0.0.1
port=19750
work=
bundle=
rec_pid= rec_status= rec_dir=
sim_pid= sim_out=
tap_count=0 tap_failed=0
runs=0

skip() {
	echo "1..0 # SKIP $*"
	exit 77
}

# begin TOOL...: everything up to the first promise
begin() {
	local tool

	[ "$(id -u)" = 0 ] || skip "needs root for tracing, packets and the kernel log"
	for tool in ip unshare flock jq python3 zstd tar trace-cmd "$@"; do
		command -v "$tool" >/dev/null || skip "$tool is not installed"
	done
	bin=$(realpath "${SCOUTFS_TRACE:?names no built program}")
	sim=${SIM:-}
	[ -n "$sim" ] || skip "no simulator on this machine"
	sim=$(realpath "$sim")
	[ -e $tracefs/uprobe_events ] || mount -t tracefs tracefs $tracefs 2>/dev/null
	[ -e $tracefs/uprobe_events ] || skip "no uprobe events in tracefs"
	if [ "${INTEGRATION_NETNS:-}" != 1 ]; then
		# Under nohup SIGHUP would stay ignored, here and in the recorder, which minds that.
		INTEGRATION_NETNS=1 exec python3 -c 'import os, signal, sys
signal.signal(signal.SIGHUP, signal.SIG_DFL)
os.execvp(sys.argv[1], sys.argv[1:])' unshare --net "$0"
	fi
	ip link set lo up
	exec 9>/run/scoutfs-trace-sim.lock
	flock 9

	work=$(mktemp -d)
	run=$work/run
	out=$work/out
	foreign=$tracefs/instances/integration_$$
	trap cleanup EXIT
	trap 'exit 1' INT TERM HUP
	# Another tracer may have them enabled for a while.
	until_true sim_events --install-events || { echo "Bail out! the simulator's events cannot be installed"; exit 1; }
	make_foreign
	host_state >"$work/host.before"
	instances >"$work/instances.before"
}

# make_witness KIB: another tracer's instance, $witness, whose rings hold what there is to record.
make_witness() {
	witness=$tracefs/instances/integration_witness_$$
	test_cleanup() {
		[ -d "$witness" ] || return 0
		echo 0 >"$witness/events/enable"
		rmdir "$witness"
	}
	mkdir "$witness"
	echo mono >"$witness/trace_clock"
	echo "$1" >"$witness/buffer_size_kb"
}

# A tracer that is not ours, and must not notice us.
make_foreign() {
	mkdir "$foreign"
	echo mono >"$foreign/trace_clock"
	echo 1 >"$foreign/events/printk/console/enable"
	echo "left alone $$" >"$foreign/trace_marker"
}

# What we may not change, as text. What others on this machine may change meanwhile is left out.
host_state() {
	local f
	for f in tracing_on current_tracer trace_clock buffer_size_kb events/enable events/scoutfs/enable set_ftrace_filter; do
		echo "$f $(tr '\n' ' ' 2>/dev/null <$tracefs/$f)"
	done
	grep ':scoutfs/' $tracefs/uprobe_events | sort
	for f in tracing_on trace_clock set_event buffer_size_kb; do
		echo "foreign $f $(tr '\n' ' ' <"$foreign/$f")"
	done
	grep -c "left alone $$" "$foreign/trace"
}

# Recorders' instances: six characters after the prefix. Names of another shape are other tests'.
instances() {
	find $tracefs/instances -mindepth 1 -maxdepth 1 \( -name 'scoutfs-trace.??????' -o -name 'scoutfs-trace.??????.*' \) | sort
}

# Those that were not there before, and that no living recorder, ours or another's, holds by its lock.
unheld_instances() {
	local i
	for i in $(instances | comm -13 "$work/instances.before" -); do
		flock --nonblock "$i" true 2>/dev/null && echo "$i"
	done
}
# Seen twice: others make and remove instances, and for a moment nobody holds them.
new_instances() {
	unheld_instances >"$work/unheld"
	[ -s "$work/unheld" ] || return 0
	sleep 0.3
	unheld_instances | comm -12 "$work/unheld" -
}

# Processes of ours: they have the run folder, or the test's own folder, on their command line.
processes() {
	local p
	for p in /proc/[0-9]*; do
		[ "${p#/proc/}" != $$ ] && tr '\0' ' ' 2>/dev/null <"$p/cmdline" | grep -qF -- "$work/" && echo "${p#/proc/}"
	done
}

cleanup() {
	local i
	trap - EXIT
	for i in $(processes) $(jobs -p); do
		kill -9 "$i" 2>/dev/null
	done
	wait 2>/dev/null
	type -t test_cleanup >/dev/null && test_cleanup
	for i in $(new_instances | sort -r) "$foreign"; do
		[ -d "$i" ] || continue
		echo 0 >"$i/events/enable"
		rmdir "$i"
	done
	until_true sim_events --remove-events
	rm -rf --one-file-system "$work"
}

# ---- TAP ----

# ok NAME COMMAND...: one promise; what the command says is shown when it fails
ok() {
	local name=$1
	shift
	tap_count=$((tap_count + 1))
	if "$@" >"$work/check.log" 2>&1; then
		echo "ok $tap_count - $name"
	else
		echo "not ok $tap_count - $name"
		sed 's/^/#   /' "$work/check.log" | cut -c1-300 | head -40
		[ -s "$work/rec.err" ] && grep -v ' warning: mount: ' "$work/rec.err" | sed 's/^/#   recorder: /' | cut -c1-300 | tail -15
		tap_failed=$((tap_failed + 1))
	fi
}

same() { # WANT GOT [WHAT]
	[ "$1" = "$2" ] || { echo "${3:-value}: wanted '$1', got '$2'"; return 1; }
}

number() { [[ $1 =~ ^[0-9]+$ ]] || { echo "'$1' is no number (${2:-})"; return 1; }; }

says() { # WORDS...: the recorder did, on standard error
	local w
	for w in "$@"; do
		grep -qF -- "$w" "$work/rec.err" || { echo "not said: $w"; cat "$work/rec.err"; return 1; }
	done
}

residue() {
	local left
	left=$(new_instances)
	[ -z "$left" ] || { echo "instances are left: $left"; return 1; }
	left=$(processes)
	[ -z "$left" ] || { echo "processes are left:"; ps -o pid,ppid,stat,wchan,args -p "$(echo $left | tr ' ' ,)"; return 1; }
	if [ -d "$run" ]; then
		left=$(ls -A "$run" | grep -vx lock)
		[ -z "$left" ] || { echo "left in the run folder: $left"; return 1; }
	fi
	if [ -d "$out" ]; then
		left=$(ls -A "$out" | grep -v '\.tar\.zst$')
		[ -z "$left" ] || { echo "left in the output folder: $left"; return 1; }
	fi
}

untouched() { host_state | diff "$work/host.before" -; }

finish() {
	sim_stop
	ok "no instance, process, file or socket is left" residue
	ok "the top-level tracing and another tracer's instance are as before" untouched
	echo "1..$tap_count"
	echo "# $((tap_count - tap_failed)) passed, $tap_failed failed"
	[ $tap_failed = 0 ]
	exit
}

# ---- waiting ----

# until_true COMMAND...: poll until it succeeds; fails when it has not by the deadline
until_true() {
	local end=$((SECONDS + deadline_s))
	until "$@"; do
		[ $SECONDS -lt $end ] || { echo "waited ${deadline_s} s in vain for: $*"; return 1; }
		sleep 0.02
	done
}

has_line() { grep -qs -- "$2" "$1"; } # FILE PATTERN
gone() { ! kill -0 "$1" 2>/dev/null; }

# ---- the simulator ----

sim_events() { "$sim" "$1" 2>"$work/sim.err"; } # --install-events or --remove-events

# sim_start OPTION... SCENARIO: in the background, until its clients are there
sim_start() {
	local scenario=${*: -1}
	sim_stop
	runs=$((runs + 1))
	sim_out=$work/sim.$runs
	"$sim" "${@:1:$#-1}" -c "address $address; port $port; $scenario" >"$sim_out" 2>"$sim_out.err" </dev/null 9>&- &
	sim_pid=$!
	until_true sim_ready && has_line "$sim_out" ' ready ' || { cat "$sim_out.err"; return 1; }
}

sim_go() { kill -USR1 "$sim_pid"; } # past the scenario's `await`
sim_ready() { has_line "$sim_out" ' ready ' || gone "$sim_pid"; }

sim_wait() { # until it ends by itself
	[ -n "$sim_pid" ] || return 0
	until_true gone "$sim_pid"
	wait "$sim_pid"
	sim_pid=
}

sim_stop() {
	[ -n "$sim_pid" ] || return 0
	kill -TERM "$sim_pid" 2>/dev/null
	sim_wait
}

sim_count() { awk -v n="$1" '$1 == "count" && $2 == n { print $3; f = 1 } END { if (!f) print 0 }' "$sim_out"; }

# ---- the recorder ----

# recorder_start ARG...: in the background; recorder_armed waits for it
recorder_start() {
	bundle= rec_status= rec_dir=
	# Here and not only by the redirection, which is done after the fork: the words of the one before must be gone.
	: >"$work/rec.out"
	: >"$work/rec.err"
	if [ -n "$rec_pid" ]; then # an earlier promise was not kept
		kill -9 "$rec_pid" 2>/dev/null
		wait "$rec_pid" 2>/dev/null
	fi
	"$bin" $address $port -o "$out" --run-dir "$run" --disk-budget 64M --ring-memory 8M --no-heartbeat-wait "$@" \
		>"$work/rec.out" 2>"$work/rec.err" </dev/null 9>&- &
	rec_pid=$!
}

# The line with the folder comes first, the one that says what was proved after it.
armed_or_gone() { has_line "$work/rec.err" 'scoutfs-trace: armed: ' || gone "$rec_pid"; }

recorder_armed() {
	until_true armed_or_gone
	rec_dir=$(sed -n 's/^scoutfs-trace: recording in //p' "$work/rec.err" | head -1)
	if ! has_line "$work/rec.err" 'scoutfs-trace: armed: ' || [ -z "$rec_dir" ]; then
		gone "$rec_pid" && wait "$rec_pid"
		echo "the recorder was not armed; exit status $?"
		cat "$work/rec.err"
		return 1
	fi
}

record() { recorder_start "$@" && recorder_armed; }

# Until it ends by itself; sets rec_status and bundle.
recorder_wait() {
	until_true gone "$rec_pid" || { kill -9 "$rec_pid"; return 1; }
	wait "$rec_pid"
	rec_status=$?
	rec_pid=
	bundle=$(cat "$work/rec.out")
}

recorder_signal() { # SIGNAL: and wait
	kill "-$1" "$rec_pid" && recorder_wait
}

# What the recorder says of itself while it runs.
status_field() { "$bin" status --run-dir "$run" --json | jq -r "$1"; }
recorded_at_least() { local n; n=$(status_field "$1 // 0" 2>/dev/null) && [ "${n:-0}" -ge "$2" ]; } # FIELD N

# ---- the bundle ----

# unpack [BUNDLE]: into $work/b; m EXPRESSION is then the manifest's
unpack() {
	local file=${1:-$bundle}
	rm -rf "$work/b" "$work/unpacked"
	[ -f "$file" ] || { echo "no bundle '$file'"; return 1; }
	mkdir "$work/unpacked"
	tar --zstd -xf "$file" -C "$work/unpacked" || return 1
	mv "$work/unpacked"/* "$work/b"
	trace-cmd report -t -i "$work/b/trace.dat" 2>"$work/report.err" | grep -v '^cpus=' >"$work/report"
	grep -v 'EVENTS DROPPED' "$work/report" >"$work/events"
	return 0
}

m() { jq -r "$1" "$work/b/manifest.json"; }
source_field() { m ".sources[] | select(.name == \"$1\") | .$2"; } # NAME FIELD

events_of() { sed -nE "s/.*\] +([0-9]+\.[0-9]+): +($1): .*/\1/p" "$work/events"; } # NAME: their stamps
count_events() { events_of "$1" | wc -l; }

# stopped REASON [TRIGGER]: what the manifest says, and exit status 0
stopped() {
	same 0 "$rec_status" "exit status" && same "$1" "$(m .stop.reason)" "stop reason" &&
		same "${2:-null}" "$(m .stop.trigger)" "trigger" && same true "$(m .complete)" "complete"
}

suspects() { m '[.suspects[].trigger] | join(" ")'; }
