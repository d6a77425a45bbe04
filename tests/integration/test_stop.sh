#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The ways a person, a script or the loss of a terminal ends a recording; status and stop from elsewhere; and what
# a second signal, a second recorder and a storm of signals do.
#
#     sudo SCOUTFS_TRACE=build/src/scoutfs-trace SIM=build/tests/sim/sim tests/integration/test_stop.sh
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
begin script

sim_start "nodes 3; rate 400; forever" >&2

# ---- signals ----

for signal in INT TERM HUP; do
	ok "SIG$signal: armed" record
	until_true recorded_at_least .events 100 >/dev/null
	ok "SIG$signal ends it" recorder_signal $signal
	by_signal() { unpack && stopped signal && same "SIG$signal" "$(m .stop.text)" text && [ "$(wc -l <"$work/events")" -ge 100 ]; }
	ok "SIG$signal: a complete bundle that says so" by_signal
done

bundles() { find "$out" -name '*.tar.zst' | wc -l; }

# ---- status ----

ok "status: armed" record
status_json() {
	until_true recorded_at_least .heartbeats 5 && until_true recorded_at_least .disk_bytes 1 && until_true recorded_at_least .events_per_s 1 &&
		until_true recorded_at_least .retention_ns 1 || return 1
	"$bin" status --run-dir "$run" --json >"$work/status" || return 1
	jq -e --arg pid "$rec_pid" --arg dir "$rec_dir" '.pid == ($pid | tonumber) and .session == $dir and .state == "recording" and
		.events > 0 and .packets > 0 and .events_per_s > 0 and .packets_per_s > 0 and .retention_ns > 0 and .lost == [] and (.memory_bytes | type) == "number"
		and (.triggers | length) > 10 and (.armed_real_ns > 1000000000)' "$work/status" >/dev/null || { jq 'del(.triggers)' "$work/status"; return 1; }
}
ok "status --json: the recorder's pid, folder, rates, retention, disk and memory" status_json
status_text() {
	"$bin" status --run-dir "$run" >"$work/status" 2>"$work/status.err" || return 1
	for word in recording events packets heartbeat "127.0.0.1:$port" lost disk; do
		grep -qi -- "$word" "$work/status" || { echo "no '$word' in:"; cat "$work/status"; return 1; }
	done
}
ok "status: the same for a person" status_text

# ---- a second recorder ----

second() {
	"$bin" $address $port -o "$out" --run-dir "$run" --disk-budget 64M --no-heartbeat-wait >"$work/second.out" 2>"$work/second.err" </dev/null
	same 75 $? "exit status" && same "" "$(cat "$work/second.out")" "standard output" && grep -qi 'another recorder\|recorder.*runs' "$work/second.err" &&
		grep -q "$rec_pid" "$work/second.err" && same recording "$(status_field .state)" "the first one's state"
}
ok "a second recorder ends with 75, names the first, and disturbs nothing" second

# ---- stop ----

stop_verb() {
	local before
	before=$(bundles)
	(cd / && "$bin" stop --run-dir "$run") >"$work/stop.out" 2>"$work/stop.err"
	same 0 $? "exit status of stop" && recorder_wait && same "$((before + 1))" "$(bundles)" bundles || return 1
	same "$bundle" "$(cat "$work/stop.out")" "the path that stop prints" && [ -f "$(cd / && realpath "$(cat "$work/stop.out")")" ]
}
ok "stop ends it, waits, and prints the path of the bundle" stop_verb
by_stop() { unpack && stopped stop; }
ok "stop: a complete bundle that says so" by_stop

relative() {
	local here_dir=$work/relative
	mkdir -p "$here_dir"
	cd "$here_dir" && recorder_start -o here --run-dir run && recorder_armed || { cd /; return 1; }
	cd /
	"$bin" stop --run-dir "$here_dir/run" >"$work/stop.out" 2>"$work/stop.err" && recorder_wait && [ -f "$(cat "$work/stop.out")" ] || {
		echo "printed: $(cat "$work/stop.out")"
		return 1
	}
}
ok "stop, called elsewhere, prints a path that is good there" relative

nobody() {
	"$bin" stop --run-dir "$run" >"$work/stop.out" 2>"$work/stop.err"
	same 1 $? "exit status" && grep -q "no recorder runs" "$work/stop.err"
}
ok "stop without a recorder says so" nobody

# ---- a lost terminal ----

# script(1) gives the recorder a terminal of its own; killed, it takes the terminal along: SIGHUP, and EIO for every
# word said afterwards.
terminal() {
	cat >"$work/in_terminal" <<-EOF
		#!/bin/bash
		exec "$bin" $address $port -o "$out" --run-dir "$run" --disk-budget 64M --ring-memory 8M --no-heartbeat-wait >"$work/rec.out"
	EOF
	chmod +x "$work/in_terminal"
	: >"$work/rec.out"
	TERM=xterm script -q -f -c "$work/in_terminal" "$work/typescript" >/dev/null 2>&1 </dev/null 9>&- &
	script_pid=$!
	until_true recorded_at_least .events 100 && rec_pid=$(status_field .pid) && number "$rec_pid" || return 1
	until_true has_line "$work/typescript" 'armed [0-9]'
}
ok "terminal: the recorder shows its live line there" terminal
terminal_lost() {
	local before
	before=$(bundles)
	kill -9 $script_pid
	wait $script_pid 2>/dev/null
	until_true gone "$rec_pid" && same $((before + 1)) "$(bundles)" bundles && bundle=$(cat "$work/rec.out") && rec_status=0 &&
		unpack && same true "$(m .complete)" complete && same signal "$(m .stop.reason)" && same SIGHUP "$(m .stop.text)" || { m .stop; return 1; }
}
ok "terminal: when it is lost, the bundle is written all the same" terminal_lost

# Standard error is a pipe that nobody reads any more.
epipe() {
	"$bin" $address $port -o "$out" --run-dir "$run" --disk-budget 64M --ring-memory 8M --no-heartbeat-wait \
		>"$work/rec.out" 2> >(head -c 1 >/dev/null) </dev/null 9>&- &
	rec_pid=$!
	: >"$work/rec.err"
	until_true recorded_at_least .events 100 && recorder_signal TERM && unpack && stopped signal
}
ok "a closed standard error does not disturb it" epipe
closed_stdout() {
	"$bin" $address $port -o "$out" --run-dir "$run" --disk-budget 64M --ring-memory 8M --no-heartbeat-wait 2>"$work/rec.err" </dev/null 9>&- \
		> >(exec 0<&-) &
	rec_pid=$!
	until_true recorded_at_least .events 100 && recorder_signal TERM && same 0 "$rec_status" "exit status" || return 1
	bundle=$(grep -o '/[^ ]*\.tar\.zst' "$work/rec.err" | tail -1)
	unpack && stopped signal
}
ok "a closed standard output: the path is said on standard error" closed_stdout
full_stdout() {
	"$bin" $address $port -o "$out" --run-dir "$run" --disk-budget 64M --ring-memory 8M --no-heartbeat-wait 2>"$work/rec.err" </dev/null 9>&- \
		>/dev/full &
	rec_pid=$!
	until_true recorded_at_least .events 100 || return 1
	"$bin" stop --run-dir "$run" >&- 2>"$work/stop.err"
	same 0 $? "exit status of stop" && recorder_wait && same 0 "$rec_status" "exit status" || return 1
	bundle=$(grep -o '/[^ ]*\.tar\.zst' "$work/rec.err" | tail -1)
	grep -qF "cannot write to standard output: No space left on device; the bundle is $bundle" "$work/rec.err" &&
		grep -qF "cannot write to standard output: Bad file descriptor; the bundle is $bundle" "$work/stop.err" && unpack && stopped stop
}
ok "a standard output that takes nothing, of the recorder and of stop: the same" full_stdout

# ---- a second signal ----

# The first is given while much is to be copied, the second follows at once: then there is no bundle yet.
second_signal() {
	local before i
	before=$(bundles)
	for i in $(seq 20); do
		sim_stop
		sim_start "nodes 3; rate 400; storm 100000 1m; forever" && record --ring-memory 64M && until_true recorded_at_least .events 200000 || return 1
		kill -INT "$rec_pid"
		until_true has_line "$work/rec.err" 'SIGINT: finishing'
		kill -INT "$rec_pid" 2>/dev/null
		recorder_wait
		[ -z "$bundle" ] && return 0
		before=$(bundles)
	done
	echo "the bundle was always faster"
	return 1
}
ok "a second signal: no bundle" second_signal
kept() {
	same 1 "$rec_status" "exit status" && [ -d "$rec_dir" ] && says "scoutfs-trace recover $rec_dir" && same "" "$(cat "$work/rec.out")" "standard output" &&
		same "" "$(new_instances)" "instances" && same "" "$(find "$out" -name '.*' -type f)" "half-made bundles"
}
ok "a second signal: the raw folder is kept, the command to recover printed, nothing half-made left" kept
recovered() {
	"$bin" recover "$rec_dir" --run-dir "$run" >"$work/rec.out" 2>"$work/rec.err"
	rec_status=$?
	bundle=$(cat "$work/rec.out")
	unpack && stopped signal && [ ! -e "$rec_dir" ] && [ "$(wc -l <"$work/events")" -ge 200000 ]
}
ok "a second signal: that command makes the bundle, complete" recovered
sim_stop
sim_start "nodes 3; rate 400; forever" >&2

# ---- a storm of signals ----

storm() {
	local before i
	before=$(bundles)
	record || return 1
	kill -TERM "$rec_pid"
	for i in $(seq 300); do
		kill -TERM "$rec_pid" 2>/dev/null || break
		kill -INT "$rec_pid" 2>/dev/null
		kill -HUP "$rec_pid" 2>/dev/null
	done
	recorder_wait
	if [ -n "$bundle" ]; then
		same $((before + 1)) "$(bundles)" bundles && [ ! -e "$rec_dir" ] && unpack && stopped signal
	else
		same "$before" "$(bundles)" bundles && [ -d "$rec_dir" ] && "$bin" recover "$rec_dir" --run-dir "$run" >"$work/rec.out" 2>"$work/rec.err" &&
			same $((before + 1)) "$(bundles)" bundles && [ ! -e "$rec_dir" ]
	fi
}
for i in 1 2 3 4 5; do
	ok "a storm of signals gives one bundle, or one folder from which recover makes one ($i)" storm
done

# ---- before it is armed ----

early() {
	local i before
	before=$(bundles)
	for i in 0 2 5 10 20 30 40 60 80 120; do
		recorder_start
		python3 -c 'import sys, time; time.sleep(float(sys.argv[1]) / 1000)' $i
		# Not SIGINT: bash has background programs ignore it until they say otherwise.
		kill -TERM "$rec_pid"
		recorder_wait || return 1
		if [ -n "$bundle" ]; then # it was armed by then
			[ -f "$bundle" ] && rm "$bundle"
		else
			[ "$rec_status" != 0 ] || { echo "status 0 and no bundle"; return 1; }
		fi
		residue || return 1
	done
}
ok "a signal at any moment of the start leaves a bundle or nothing" early

finish
