#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What ends a recording, and what does not: the user's own triggers of every kind, roles, the preset, a length of
# time, a command, and words that only look like trouble. The simulator makes the events for real.
#
#     sudo SCOUTFS_TRACE=build/src/scoutfs-trace SIM=build/tests/sim/sim DEAF=build/tests/integration/libdeaf.so \
#          tests/integration/test_triggers.sh
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
begin

kmsg() { echo "<3>$*" >/dev/kmsg; } # as a program; the kernel gives it the user facility
still_recording() { same recording "$(status_field .state)" state; }

life="nodes 3; rate 400; reconnect 500ms; reclaim 100ms"
word="probe-$$-$RANDOM"

# ---- log: ----

sim_start "$life; forever" >&2
ok "log: armed" record --trigger "log:$word final [0-9]+" --log-facility any
kmsg "$word final x" && kmsg "$word final 17"
ok "log: a line that matches ends it" recorder_wait
ended_by_log() {
	unpack && same trigger "$(m .stop.reason)" && [[ $(m .stop.trigger) == log* ]] && [[ $(m .stop.text) == *"$word final 17"* ]] &&
		grep -q "$word final x" "$work/b/kernel.log" && same 0 "$rec_status" "exit status" || { m .stop; return 1; }
}
ok "log: it was the line that matches, not the one that nearly does" ended_by_log

# Some kernels print lines that wake no reader: here epoll is never told of the log.
sim_start "$life; forever" >&2
export LD_PRELOAD=$DEAF
ok "log: armed, on a kernel that wakes no reader" record --trigger "log:$word final [0-9]+" --log-facility any
unset LD_PRELOAD
deaf() { grep -q "${DEAF##*/}" "/proc/$rec_pid/maps"; }
ok "log: nothing wakes this one" deaf
kmsg "$word final 19"
ok "log: a line that woke nobody ends it all the same" recorder_wait
ended_by_silent_line() { unpack && same trigger "$(m .stop.reason)" && [[ $(m .stop.text) == *"$word final 19"* ]] || { m .stop; return 1; }; }
ok "log: it was that line" ended_by_silent_line

# ---- look-alikes ----

ok "look-alikes: armed" record --trigger "log:$word final [0-9]+"
written() {
	local before
	before=$(status_field .log_records)
	kmsg "$word final 18"
	kmsg "scoutfs f.000000.r.000000: client 10.0.0.1:1 reconnect timed out, fencing"
	kmsg "scoutfs f.000000.r.000000: server closing 10.0.0.1:1 -> 10.0.0.1:2"
	until_true recorded_at_least .log_records $((before + 3)) && still_recording && same 0 "$(status_field .suspects)" suspects
}
ok "look-alikes from user space were read, and neither end it nor raise suspicion" written
ok "look-alikes: ended" recorder_signal INT
not_by_words() { unpack && stopped signal && grep -q "$word final 18" "$work/b/kernel.log"; }
ok "look-alikes are in kernel.log all the same" not_by_words

# ---- event: ----

sim_start "$life; await; lose client 2; forever" >&2
ok "event: armed" record --trigger 'event:scoutfs:scoutfs_conn_destroy_start/flags & 64'
sim_go
ok "event: a client's end fires it" recorder_wait
ended_by_event() {
	unpack && same trigger "$(m .stop.reason)" && [[ $(m .stop.trigger) == event* || $(m .stop.trigger) == *scoutfs_conn_destroy_start* ]] || { m .stop; return 1; }
	[[ $(m .stop.text) == *scoutfs_conn_destroy_start* ]] && same 0 "$rec_status"
}
ok "event: the manifest names it" ended_by_event
# The event's own stamp, as trace-cmd shows it, is the verdict's: the watch and the recording saw the same one.
same_event() {
	local shown
	shown=$(events_of scoutfs_conn_destroy_start | tail -1 | tr -d .)
	[ -n "$shown" ] || { echo "not in trace.dat"; return 1; }
	python3 -c 'import sys; a, b = map(int, sys.argv[1:]); print(a - b); sys.exit(abs(a - b) > 1000000)' "$shown" "$(m .stop.realtime_ns)"
}
ok "event: that very event is in trace.dat" same_event
filtered() {
	# Other connections were destroyed without the flag when earlier clients came and went: none did here.
	[ "$(count_events scoutfs_conn_destroy_start)" -ge 1 ] && grep 'scoutfs_conn_destroy_start' "$work/events" | grep -qE 'flags=0x[4-7][0-9a-f]'
}
ok "event: the filter's condition holds" filtered

sim_start "$life; forever" >&2
ok "event with a filter that never holds: armed" record --trigger 'event:scoutfs:scoutfs_quorum_loop/role > 77' --duration 2s
ok "event with a filter that never holds: the duration ends it" recorder_wait
by_duration() { unpack && stopped duration && [ "$(count_events scoutfs_quorum_loop)" -gt 5 ]; }
ok "duration: the stop reason, though the event fired often" by_duration
lasted() {
	python3 - "$(m '.clocks.anchors[] | select(.when == "start").monotonic_ns')" "$(m .timings.freeze_begun_monotonic_ns)" <<'PY'
import sys
start, freeze = map(int, sys.argv[1:])
print((freeze - start) / 1e9)
sys.exit(not freeze - start >= 1_950_000_000)
PY
}
ok "duration: it was as long as that" lasted

# ---- -e adds up ----

ok "-e with filters: armed" record -e 'scoutfs:scoutfs_net_send_message/fsid == 0' -e 'sched:sched_switch/prev_pid == 0' \
	-e "sched:sched_switch/next_pid == 0" -e 'sched:sched_waking/pid == 1' -e sched --duration 500ms
ok "-e with filters: the duration ends it" recorder_wait
adds_up() {
	unpack && says "has no effect" || return 1
	[ "$(count_events scoutfs_net_send_message)" -gt 5 ] || { echo "the filter took away what is always recorded"; return 1; }
	grep ': sched_switch:' "$work/events" | grep -qv 'swapper' || { echo "sched as a whole did not count"; return 1; }
}
ok "-e with filters: nothing that was asked for otherwise is missing" adds_up
# A process that comes and goes, however busy or idle the machine is.
python3 -c 'import time
while True: time.sleep(0.01)' &
napper=$!
ok "-e with two filters: armed" record -e "sched:sched_switch/prev_pid == $napper" -e "sched:sched_switch/next_pid == $napper" --duration 1s
ok "-e with two filters: the duration ends it" recorder_wait
kill $napper
wait $napper 2>/dev/null
either() {
	unpack && grep ': sched_switch:' "$work/events" >"$work/switches" && grep -qE "sched_switch: +[^ ]+:$napper .* ==>" "$work/switches" &&
		grep -qE "==> [^ ]+:$napper " "$work/switches" && ! grep -v ":$napper " "$work/switches"
}
ok "-e with two filters: events that one or the other lets through" either

# ---- --after 0 ----

ok "after 0: armed" record --after 0 --trigger 'event:scoutfs:scoutfs_trans_write_func'
ok "after 0: the event ends it" recorder_wait
# The newest event is the one that fired, but for what another CPU wrote while the kernel stopped the ring; in nanoseconds.
frozen_by_event() {
	unpack && same trigger "$(m .stop.reason)" || return 1
	python3 - "$(events_of scoutfs_trans_write_func | sort -n | tail -1 | tr -d .)" "$(events_of '[^ ]+' | sort -n | tail -1 | tr -d .)" \
		"$(m .stop.realtime_ns)" <<'PY'
import sys
fired, newest, verdict = map(int, sys.argv[1:])
print("fired - verdict", fired - verdict, "newest - fired", newest - fired)
sys.exit(not (abs(fired - verdict) < 1_000_000 and 0 <= newest - fired < 1_000_000))
PY
}
ok "after 0: the event that fired is the newest in the ring" frozen_by_event

# ---- silence: ----

sim_start "$life; await; silence 4s; forever" >&2
ok "silence: armed" record --trigger silence:2
sim_go
ok "silence: no heartbeats for so long ends it" recorder_wait
ended_by_silence() {
	unpack && same trigger "$(m .stop.reason)" && [[ $(m .stop.trigger) == *silence* ]] || { m .stop; return 1; }
	python3 - "$sim_out" "$(m .stop.monotonic_ns)" "$(m .timings.freeze_begun_monotonic_ns)" <<'PY'
import sys
stop, freeze = map(int, sys.argv[2:])
begin = [int(l.split()[0]) for l in open(sys.argv[1]) if " heartbeats-stop " in l][0]
print("silent from", begin, "verdict", stop, "frozen", freeze)
# Two seconds after the last heartbeat, which came before the silence began; never earlier.
sys.exit(not (begin - 200_000_000 + 2_000_000_000 <= freeze and begin - 200_000_000 <= stop))
PY
}
ok "silence: by that trigger, and not before the time" ended_by_silence

sim_start "$life; forever" >&2
ok "silence while heartbeats flow: armed" record --trigger silence:1 --duration 3s
ok "silence while heartbeats flow: ends by duration" recorder_wait
flowing() { unpack && stopped duration; }
ok "silence: heartbeats that flow do not fire it" flowing

# ---- --suspect, --no-trigger, --preset ----

sim_start "$life; await; lose client 2; run 1500ms; lose client 1; forever" >&2
ok "roles: armed" record --suspect 'event:scoutfs:scoutfs_net_reconn_free_work_enter' --no-trigger connection-lost \
	--trigger 'log:never' --log-facility any --duration 4s
sim_go
ok "roles: ends by duration" recorder_wait
roles() {
	unpack && stopped duration || return 1
	m '.suspects[].trigger' | grep -q reconn_free || { echo "no suspect of ours: $(suspects)"; return 1; }
	! m '.suspects[].trigger' | grep -q connection-lost || { echo "a trigger that was turned off fired"; return 1; }
	same 0 "$(m '[.triggers[] | select(.name == "connection-lost" and .role != "off")] | length')" "connection-lost in the list"
}
ok "roles: our suspect fired, the one turned off did not, and recording went on" roles

sim_start --kmsg "nodes 3; rate 400; reconnect 30s; await; lose client 2; forever" >&2
ok "preset script: armed" record --preset script --log-facility any
sim_go
ok "preset script: ends" recorder_wait
script() {
	unpack && stopped trigger server-closing && [[ $(m .stop.text) == *"server closing"* ]] &&
		same "reconnect-timeout server-closing" "$(m '[.triggers[] | select(.role == "final") | .name] | sort | join(" ")')" "final triggers" &&
		same 0 "$(m '[.triggers[] | select(.role == "suspect")] | length')" "suspect triggers" && same 0 "$(m '.suspects | length')" suspects
}
ok "preset script: server closing ends it, nothing else is watched" script
sim_stop

# ---- a command ----

printf '%s\n' '#!/bin/bash' 'echo "to $1"; echo "of error $2" >&2; cat; exit 23' >"$work/command"
chmod +x "$work/command"
command_run() {
	runs=$((runs + 1))
	echo "input kept" | "$bin" $address $port -o "$out" --run-dir "$run" --disk-budget 64M --no-heartbeat-wait -q \
		--ring-memory 8M -- "$work/command" "standard output" "with  two spaces" >"$work/rec.out" 2>"$work/rec.err"
	rec_status=$?
	bundle=$(tail -1 "$work/rec.out")
	same 0 "$rec_status" "exit status of the recorder"
}
ok "command: the recording ends with it" command_run
streams() {
	same $'to standard output\ninput kept' "$(head -n -1 "$work/rec.out")" "its output" && grep -qx "of error with  two spaces" "$work/rec.err" &&
		same 3 "$(wc -l <"$work/rec.out")" "lines: its own, then the path"
}
ok "command: its arguments, input and output are its own" streams
exit_noted() {
	unpack && same command "$(m .stop.reason)" && same 23 "$(m .command.exit_status)" "exit status of the command" && same true "$(m .command.ended)"
}
ok "command: its exit status is in the manifest" exit_noted
command_killed() {
	"$bin" $address $port -o "$out" --run-dir "$run" --disk-budget 64M --no-heartbeat-wait -q --ring-memory 8M \
		-- bash -c 'kill -9 $$' >"$work/rec.out" 2>"$work/rec.err" </dev/null
	rec_status=$?
	bundle=$(cat "$work/rec.out")
	unpack && stopped command && same 9 "$(m .command.signal)" signal
}
ok "command: a signal that ended it is in the manifest" command_killed
# It tells what it used by itself, as the kernel told it, just before its end; that end may cost a little more.
cat >"$work/burner.py" <<'END'
import resource, sys, time
begun = time.monotonic_ns()
held = bytearray(b"x") * (4 << 20)
while time.process_time() < 0.3:
    sum(range(10000))
used = resource.getrusage(resource.RUSAGE_SELF)
sys.stdout.buffer.write(bytes(range(256)) * 100)
print(int(used.ru_utime * 1e9), int(used.ru_stime * 1e9), used.ru_maxrss * 1024, time.monotonic_ns() - begun, file=sys.stderr)
sys.exit(3)
END
usage_noted() {
	local user system rss wall got more=100000000
	"$bin" $address $port -o "$out" --run-dir "$run" --disk-budget 64M --no-heartbeat-wait -q --ring-memory 8M --json \
		-- python3 "$work/burner.py" >"$work/rec.out" 2>"$work/rec.err" </dev/null
	rec_status=$?
	same 0 $rec_status "exit status of the recorder" || return 1
	head -c 25600 "$work/rec.out" | cmp - <(python3 -c 'import sys; sys.stdout.buffer.write(bytes(range(256)) * 100)') || return 1
	tail -c +25601 "$work/rec.out" >"$work/result.json"
	bundle=$(jq -r .bundle "$work/result.json")
	# The last line, though the command's own has no newline.
	same "$bundle" "$(tail -n 1 "$work/rec.out" | jq -r .bundle)" "the last line" || return 1
	read -r user system rss wall < <(grep -xE '[0-9]+ [0-9]+ [0-9]+ [0-9]+' "$work/rec.err")
	unpack && same 3 "$(m .command.exit_status)" && same "the command ended with exit status 3" "$(m .stop.text)" || return 1
	same "$(jq -c .command "$work/b/manifest.json")" "$(jq -c .command "$work/result.json")" "the command in --json" || return 1
	got=$(m .command.user_ns) && [ $got -ge $((user - 1000)) ] && [ $got -le $((user + more)) ] || { echo "user: $got, itself $user"; return 1; }
	got=$(m .command.system_ns) && [ $got -ge $((system - 1000)) ] && [ $got -le $((system + more)) ] || { echo "system: $got, itself $system"; return 1; }
	got=$(m .command.max_rss_bytes) && [ $got -ge $rss ] && [ $got -le $((rss + (4 << 20))) ] || { echo "memory: $got, itself $rss"; return 1; }
	[ "$(m .command.wall_ns)" -ge "$wall" ] || { echo "wall: $(m .command.wall_ns), itself $wall"; return 1; }
	grep -q '^Command    exit status 3 after ' "$work/b/summary.txt" || { cat "$work/b/summary.txt"; return 1; }
}
ok "command: its times and memory are what it says itself, its output the same bytes" usage_noted
# On a terminal, where Ctrl-C goes to both: what it had used is in the manifest though it ended after the verdict.
cat >"$work/terminal.py" <<'END'
import os, pty, sys
pid, fd = pty.fork()
if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
said = b""
pressed = False
while True:
    try:
        more = os.read(fd, 65536)
    except OSError:  # the last one has closed it
        break
    said += more
    if b"the command is at work" in said and not pressed:
        pressed = True
        os.write(fd, b"\x03")
sys.stdout.buffer.write(said.replace(b"\r", b""))
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
END
on_terminal() { # ARG...
	timeout $deadline_s python3 "$work/terminal.py" "$bin" $address $port -o "$out" --run-dir "$run" --disk-budget 64M --no-heartbeat-wait \
		-q --ring-memory 8M "$@" >"$work/rec.out" 2>"$work/rec.err" </dev/null
	rec_status=$?
	bundle=$(grep -o '/[^ ]*\.tar\.zst$' "$work/rec.out" | tail -1) # behind the terminal's own ^C
	unpack || { cat "$work/rec.out" "$work/rec.err"; return 1; }
	stopped signal && same SIGINT "$(m .stop.text)" "what ended it"
}
ctrl_c() {
	on_terminal -- bash -c 'trap "sleep 0.2; exit 7" INT; echo the command is at work; while :; do sleep 0.05; done' &&
		same 7 "$(m .command.exit_status)" "exit status of the command" && same true "$(m '.command.wall_ns > 200000000')" "wall time with its end"
}
ok "command: Ctrl-C on a terminal ends both, and its end is in the manifest" ctrl_c
deaf() { # one that will not hear of it is not waited for, and goes on
	local pid
	on_terminal -- bash -c 'trap "" INT HUP; echo $$ >"$0"; echo the command is at work; exec sleep 30 </dev/null >/dev/null 2>&1' "$work/deaf" &&
		same false "$(m .command.ended)" ended || return 1
	pid=$(cat "$work/deaf")
	same sleep "$(cat "/proc/$pid/comm")" "what goes on" && kill "$pid"
}
ok "command: one that ignores Ctrl-C does not hold up the end, and goes on" deaf
no_command() {
	"$bin" $address $port -o "$out" --run-dir "$run" --disk-budget 64M --no-heartbeat-wait -q --ring-memory 8M \
		-- "$work/no such command" >"$work/rec.out" 2>"$work/rec.err" </dev/null
	rec_status=$?
	same 1 $rec_status "exit status" && same "" "$(cat "$work/rec.out")" "standard output" && says "$work/no such command" && residue
}
ok "command: one that does not exist is an error, and leaves nothing" no_command

finish
