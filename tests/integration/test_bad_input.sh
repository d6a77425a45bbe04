#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What cannot work is said in a sentence, with the right exit status, before anything was touched; and where the
# output folder turns out to be full, nothing that was recorded is lost without a word.
#
#     sudo SCOUTFS_TRACE=build/src/scoutfs-trace SIM=build/tests/sim/sim tests/integration/test_bad_input.sh
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
begin setpriv mount timeout

test_cleanup() {
	umount "$work/small" "$work/full" 2>/dev/null
}

# What should be refused at once, and is not, records for ever: that shows as status 124.
bounded() { timeout -k 10 60 "$@"; }

# refused STATUS WORDS ARG...: this status, nothing on standard output, these words (an extended regular expression) on
# standard error, and nothing left behind: no output folder either.
refused() {
	local want=$1 words=$2 got
	shift 2
	rm -rf "$out" "$run"
	bounded "$bin" "$@" -o "$out" --run-dir "$run" >"$work/rec.out" 2>"$work/rec.err" </dev/null
	got=$?
	same "$want" $got "exit status" && same "" "$(cat "$work/rec.out")" "standard output" || { cat "$work/rec.err"; return 1; }
	grep -qE -- "$words" "$work/rec.err" || { echo "no '$words' in:"; cat "$work/rec.err"; return 1; }
	residue || return 1
	[ ! -e "$out" ] || same "" "$(ls -A "$out")" "output folder"
}
server="$address $port --disk-budget 32M --ring-memory 8M --no-heartbeat-wait"

# ---- the command line ----

ok "an address that is none" refused 2 'not an IP address' 10.0.0.999 5000
ok "a host name: numbers are wanted" refused 2 'not an IP address' record localhost 5000
ok "port 0" refused 2 'from 1 to 65535' 10.0.0.5 0
ok "port 65536" refused 2 'from 1 to 65535' 10.0.0.5 65536
ok "a port that is a word" refused 2 'from 1 to 65535|port' 10.0.0.5 http
ok "an unknown trigger: the nearest is named" refused 2 'did you mean .?reconnect-timeout' $server --no-trigger reconect-timeout
ok "an unknown kind of trigger" refused 2 'log' $server --trigger 'lgo:x'
ok "an unknown preset" refused 2 'script' $server --preset scirpt
ok "a bad regular expression: why" refused 2 '[Uu]nmatched|parenthes' $server --trigger 'log:(unclosed'
ok "a bad silence" refused 2 'silence' $server --trigger 'silence:soon'
ok "a bad filter of a trigger: the kernel's own words" refused 2 'no_such_field' $server --trigger 'event:scoutfs:scoutfs_quorum_loop/no_such_field == 1'
kernels_words() { says "Field not found" || says "parse_error"; }
ok "... among them what the kernel found wrong" kernels_words
ok "a bad filter of an event: the kernel's own words" refused 2 'Field not found|parse_error' $server -e 'printk:console/no_such_field == 1'
for filter in '((fsid==1)' 'fsid==1)' ')' '&&' 'fsid=="'; do
	ok "a filter that is not balanced, of a trigger: refused: $filter" refused 2 'refuses the filter' $server \
		--trigger "event:scoutfs:scoutfs_quorum_loop/$filter"
	ok "... and of an event: $filter" refused 2 'refuses the filter' $server -e "printk:console/$filter"
done
printf '%s\n' 'event = printk:console' "event = 'printk:console/no_such_field == 1'" >"$work/conf"
ok "... from a file: its line" refused 2 "error: $work/conf:2: the kernel refuses the filter .*: Field not found" $server --config "$work/conf"
of_variable() { SCOUTFS_TRACE_EVENT='printk:console/no_such_field == 1' refused 2 'error: SCOUTFS_TRACE_EVENT \(environment\): the kernel refuses' $server; }
ok "... from the environment: the variable" of_variable
line_of_output() { # nothing is given with -o
	echo 'output-dir = /proc/none' >"$work/conf"
	bounded "$bin" $server --run-dir "$run" --config "$work/conf" >"$work/rec.out" 2>"$work/rec.err" </dev/null
	same 1 $? "exit status" && says "error: $work/conf:1: The output folder is not there and cannot be made"
}
ok "an output folder of the file that cannot be made: its line" line_of_output
# A trigger whose event this module lacks degrades to a warning.
missing_event() {
	bounded "$bin" $server -o "$out" --run-dir "$run" --trigger event:scoutfs:scoutfs_no_such_event --duration 1 >"$work/rec.out" 2>"$work/rec.err" </dev/null
	[ -f "$(cat "$work/rec.out")" ] && grep -q 'warning.*scoutfs_no_such_event' "$work/rec.err"
}
ok "a trigger on an event that does not exist: a warning, and recording goes on" missing_event
ok "an event that does not exist" refused 2 'nosystem' $server -e nosystem:noevent
ok "an interface that does not exist" refused 2 'nosuch0' $server -i nosuch0
ok "an unknown facility" refused 2 'kernel.*any' $server --log-facility user

# ---- who and where ----

mkdir "$work/public" && cp "$bin" "$work/public/scoutfs-trace" && chmod 755 "$work" "$work/public/scoutfs-trace"
as_nobody() {
	(cd / && setpriv --reuid=65534 --regid=65534 --clear-groups timeout 60 "$work/public/scoutfs-trace" $server -o "$out" --run-dir "$run") >"$work/rec.out" 2>"$work/rec.err" </dev/null
	same 77 $? "exit status" && same "" "$(cat "$work/rec.out")" && says root && residue
}
ok "not root: 77" as_nobody
chmod 700 "$work"

events_gone() {
	"$sim" --remove-events || return 1
	if [ -d $tracefs/events/scoutfs ]; then
		echo "others have events in the group scoutfs"
		"$sim" --install-events
		return
	fi
	refused 1 'modprobe scoutfs' $server
	local r=$?
	"$sim" --install-events && return $r
}
if [ ! -d /sys/module/scoutfs ]; then
	ok "no scoutfs events: load the module" events_gone
fi

# In a world-writable folder, where another user has put something in the way.
elsewhere() { # WORDS DIR ARG...: refused for its output folder; nothing is in there afterwards that was not before
	local words=$1 dir=$2 before
	shift 2
	before=$(ls -lAR "$dir" 2>&1)
	bounded "$bin" $server -o "$dir" --run-dir "$run" "$@" >"$work/rec.out" 2>"$work/rec.err" </dev/null
	same 1 $? "exit status" && same "" "$(cat "$work/rec.out")" output && grep -qE -- "$words" "$work/rec.err" && same "$before" "$(ls -lAR "$dir" 2>&1)" "the folder" && residue || {
		cat "$work/rec.err"
		return 1
	}
}
mkdir "$work/target" && ln -s "$work/target" "$work/link"
link_used() { # a symbolic link of root's is root's wish; nothing may be there but the bundle
	bounded "$bin" $server -o "$work/link" --run-dir "$run" --duration 1 >"$work/rec.out" 2>"$work/rec.err" </dev/null
	case $? in
	0) same 1 "$(ls -A "$work/target" | wc -l)" files && rm "$work"/target/*.tar.zst ;;
	1) grep -qiE 'symbolic link|symlink' "$work/rec.err" && same "" "$(ls -A "$work/target")" "the link's target" ;;
	*) cat "$work/rec.err"; return 1 ;;
	esac
}
ok "an output folder that is a symbolic link: used, or refused with that word" link_used
touch "$work/a_file"
ok "an output folder that is a file" elsewhere 'a_file' "$work/a_file"
ok "an output folder below a file" elsewhere 'a_file' "$work/a_file/below"
mkdir -m 777 "$work/others" && chmod 777 "$work/others"
ok "an output folder in which others may replace what is there" elsewhere 'Others may write' "$work/others"
mkdir "$work/common" && chmod 1777 "$work/common"
common_used() { # what is made there is private all the same
	bounded "$bin" $server -o "$work/common" --run-dir "$run" --duration 1 >"$work/rec.out" 2>"$work/rec.err" </dev/null
	same 0 $? "exit status" && same 600 "$(stat -c %a "$(cat "$work/rec.out")")" "mode of the bundle" && same 1 "$(ls -A "$work/common" | wc -l)" files
}
ok "an output folder like /tmp: used, and what is in it is private" common_used
mkdir "$work/full" && mount -t tmpfs -o size=64m,mode=700 tmpfs "$work/full" && mount -o remount,ro "$work/full"
ok "a read-only output folder" elsewhere '[Rr]ead-only' "$work/full"
mount -o remount,rw "$work/full" && dd if=/dev/zero of="$work/full/filler" bs=1M 2>/dev/null
ok "a full output folder: how much is needed" elsewhere 'free|MiB' "$work/full"
small_budget() { refused 1 'disk-budget|budget' $server --disk-budget 1K || refused 2 'disk-budget|budget' $server --disk-budget 1K; }
ok "a disk budget too small" small_budget

# It had room at the start, and then another program took it: the recording is cut short, not lost.
sim_start "nodes 3; rate 400; storm 20000 10m; forever" >&2
filled_up() {
	mkdir "$work/small" && mount -t tmpfs -o size=200m,mode=700 tmpfs "$work/small" || return 1
	recorder_start -o "$work/small" --disk-budget 32M && recorder_armed || return 1
	until_true recorded_at_least .events 20000 || return 1
	dd if=/dev/zero of="$work/small/filler" bs=64k 2>/dev/null
	local n
	n=$(status_field .events)
	until_true recorded_at_least .events $((n + 40000)) || return 1
	kill -TERM "$rec_pid"
	recorder_wait || return 1
	case $rec_status in
	0 | 4) unpack && [ "$(wc -l <"$work/events")" -gt 0 ] && [ -s "$work/b/kernel.log" ] ;;
	1) # no room for the bundle: the folder is kept, and recover works as soon as there is room
		[ -d "$rec_dir" ] && says "recover $rec_dir" && same "" "$(find "$work/small" -name '.*' -type f)" "half-made bundles" || return 1
		rm "$work/small/filler"
		bounded "$bin" recover "$rec_dir" --run-dir "$run" >"$work/rec.out" 2>"$work/rec.err"
		rec_status=$?
		[[ $rec_status == 0 || $rec_status == 4 ]] && unpack "$(cat "$work/rec.out")" && [ "$(wc -l <"$work/events")" -ge 20000 ] && [ -s "$work/b/kernel.log" ] || {
			cat "$work/rec.err"
			wc -l "$work/events"
			return 1
		} ;;
	*) echo "exit status $rec_status"; return 1 ;;
	esac
	same "$(wc -l <"$work/events")" "$(source_field ftrace records)" "the manifest's records"
}
ok "an output folder that fills up while recording: what is safe stays safe" filled_up
until_true umount "$work/small" >/dev/null 2>&1
sim_stop

# ---- too much ----

absurd() {
	rm -rf "$out" "$run"
	bounded "$bin" $server -o "$out" --run-dir "$run" --ring-memory 100T --duration 1 >"$work/rec.out" 2>"$work/rec.err" </dev/null
	rec_status=$?
	bundle=$(cat "$work/rec.out")
	if [ -n "$bundle" ]; then
		unpack && [ "$(source_field ftrace facts.ring_kb_per_cpu)" -lt 1073741824 ] && grep -qiE 'ring|memory' "$work/rec.err" && [[ $rec_status == 0 || $rec_status == 4 ]]
	else
		same 1 $rec_status "exit status" && grep -qE 'ring-memory|memory' "$work/rec.err" && residue
	fi || { cat "$work/rec.err"; return 1; }
}
ok "rings of 100 TiB: smaller ones, and that is said, or a clear refusal" absurd

# ---- recover ----

recover_refused() { # WORDS PATH
	bounded "$bin" recover "$2" --run-dir "$run" >"$work/rec.out" 2>"$work/rec.err" </dev/null
	same 1 $? "exit status" && same "" "$(cat "$work/rec.out")" output && grep -qE -- "$1" "$work/rec.err" || { cat "$work/rec.err"; return 1; }
}
ok "recover of nothing" recover_refused 'nowhere' "$work/nowhere"
ok "recover of a file" recover_refused 'a_file' "$work/a_file"
ok "recover of the root folder" recover_refused '/' /
mkdir "$work/empty"
ok "recover of an empty folder" recover_refused 'empty' "$work/empty"
still_empty() { same "" "$(ls -A "$work/empty")"; }
ok "... which stays empty" still_empty

umount "$work/full"
finish
