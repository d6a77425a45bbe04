#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Disks that are full, that fail, and that go away while a recording is on them: on a small real file system, and by
# answers that the kernel is made to give (strace).
#
#     sudo SCOUTFS_TRACE=build/src/scoutfs-trace SIM=build/tests/sim/sim tests/integration/test_disk.sh
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
begin strace mkfs.ext4 losetup

disk=$work/disk
strace_pid=
test_cleanup() {
	[ -z "$strace_pid" ] || kill "$strace_pid" 2>/dev/null
	umount -l "$disk" 2>/dev/null
}
new_disk() { # SIZE
	umount "$disk" 2>/dev/null
	mkdir -p "$disk"
	rm -f "$work/disk.img"
	truncate -s "$1" "$work/disk.img" && mkfs.ext4 -q -m 0 "$work/disk.img" && mount -o loop "$work/disk.img" "$disk"
}
new_disk 300M 2>"$work/mkfs.log" || { cat "$work/mkfs.log"; skip "no loop device with ext4 to be had"; }
out=$disk/out

sim_start "nodes 3; rate 400; forever" >&2
busy() { until_true recorded_at_least .events "${1:-1000}"; }

# Make the kernel answer the recorder's system calls with failures: inject RULE...
inject() {
	local args=() rule
	for rule in "$@"; do
		args+=(-e "inject=$rule")
	done
	strace -f -qq -o "$work/strace.log" -e trace=writev,fsync,fdatasync "${args[@]}" -p "$rec_pid" 2>"$work/strace.err" &
	strace_pid=$!
	until_true traced
}
traced() { grep -q '^TracerPid:[[:space:]]*[1-9]' "/proc/$rec_pid/status"; }
uninject() {
	kill "$strace_pid" 2>/dev/null
	wait "$strace_pid" 2>/dev/null
	strace_pid=
}
recover_it() {
	"$bin" recover "$rec_dir" --run-dir "$run" >"$work/rec.out" 2>"$work/rec.err"
	rec_status=$?
	bundle=$(cat "$work/rec.out")
}

# ---- at the start ----

no_room() {
	recorder_start --disk-budget 200M
	recorder_wait
	same 1 "$rec_status" "exit status" && says "free" && same "" "$(ls -A "$out" 2>/dev/null)" "left in the output folder"
}
ok "less room than twice the budget: said before anything is recorded" no_room
refused_at_start() { # ERROR WORDS
	bundle="" rec_pid=""
	: >"$work/rec.out"
	strace -f -qq -o "$work/strace.log" -e trace=fallocate -e "inject=fallocate:error=$1" \
		"$bin" $address $port -o "$out" --run-dir "$run" --disk-budget 64M --ring-memory 8M --no-heartbeat-wait --duration 100ms \
		>"$work/rec.out" 2>"$work/rec.err" </dev/null 9>&-
	rec_status=$?
	same 1 "$rec_status" "exit status" && same "" "$(cat "$work/rec.out")" output && says "$2" &&
		same "" "$(ls -A "$out" 2>/dev/null)" "left in the output folder" && same "" "$(new_instances)" instances
}
ok "space that cannot be reserved (ENOSPC): an error, and nothing is left" refused_at_start ENOSPC "No space left on device"
ok "space that cannot be reserved (EDQUOT): an error, and nothing is left" refused_at_start EDQUOT "quota"

# ---- full ----

# Somebody else takes all that is left. What was reserved is ours: recording goes on and loses nothing.
full() {
	record && busy || return 1
	dd if=/dev/zero of="$disk/greedy" bs=64k 2>/dev/null
	[ "$(df --output=avail -B1 "$disk" | tail -1)" -lt 65536 ] || { df "$disk"; return 1; }
	busy $(($(status_field .events) + 2000)) || return 1
	recorder_signal TERM
	same 1 "$rec_status" "exit status" && says "no room for the bundle" "scoutfs-trace recover $rec_dir" && same "" "$bundle" "output" &&
		[ -d "$rec_dir" ] && ! ls "$out"/.*.part >/dev/null 2>&1 || return 1
	rm "$disk/greedy"
	recover_it
	unpack && same 0 "$rec_status" "exit status of recover" && same true "$(m .complete)" complete && [ "$(wc -l <"$work/events")" -ge 3000 ]
}
ok "a disk that fills up: recording goes on, the raw data is kept, recover makes a complete bundle" full

# The same while the budget goes round, and somebody who takes whatever is free the moment it is: each segment's place is
# taken over from the oldest, and must not be lost on the way.
full_and_round() {
	local greedy storm i=0 dropped
	record --disk-budget 16M --before 1s -e raw_syscalls && busy || return 1
	dd if=/dev/zero of=/dev/null bs=1 status=none 9>&- & # a million system calls a second
	storm=$!
	(while :; do dd if=/dev/zero of="$disk/greedy.$((i++))" bs=64k status=none 2>/dev/null; done) 9>&- &
	greedy=$!
	until_true turned 6
	dropped=$?
	kill $greedy $storm
	wait $greedy $storm 2>/dev/null
	recorder_signal TERM
	rm -f "$disk"/greedy.*
	same 0 $dropped "six segments were dropped" && same 1 "$rec_status" "exit status" && says "no room for the bundle" || return 1
	recover_it
	# Rings may overrun on a machine that is busy; the disk may not have failed.
	unpack && same "" "$(m '.sources[] | select(.name == "spool") | .gaps[]? | select(.kind == "fault") | .reason')" "failures of the disk" &&
		m '.sources[] | select(.name == "ftrace").gaps[].kind' | grep -q retention && [ -s "$work/b/kernel.log" ]
}
# Segments have numbers, from 1.
turned() { [ "$(ls "$rec_dir/spool" | sed -n 's/^0*\([1-9][0-9]*\)\.zst$/\1/p' | sort -n | head -1)" -gt "$1" ]; }
ok "a full disk while the budget goes round: nothing is lost but what the budget drops" full_and_round

# ---- a dead recorder's folder, where nothing can be written ----

killed() { # less than a second of it is not on the disk: ask for more
	record && busy 3000 || return 1
	kill -9 "$rec_pid"
	wait "$rec_pid" 2>/dev/null
	return 0
}
# From DISK to elsewhere: a bundle of what the folder has, and the folder stays as it is.
recover_elsewhere() {
	local before
	mkdir -p "$work/elsewhere"
	before=$(cd "$rec_dir" && find . -type f -exec sha256sum {} + | sort)
	"$bin" recover "$rec_dir" --run-dir "$run" -o "$work/elsewhere" >"$work/rec.out" 2>"$work/rec.err"
	rec_status=$?
	bundle=$(cat "$work/rec.out")
	same 4 "$rec_status" "exit status" && unpack && same false "$(m .complete)" complete && says "cannot be written to" "kept" &&
		same "$before" "$(cd "$rec_dir" && find . -type f -exec sha256sum {} + | sort)" "the folder" &&
		[ "$(wc -l <"$work/events")" -ge 1000 ] && m '.sources[] | select(.name == "ftrace").gaps[].reason' | grep -q 'was not taken'
}
read_only() {
	killed && mount -o remount,ro "$disk" || return 1
	recover_elsewhere
	same 0 $? "a bundle elsewhere" || { mount -o remount,rw "$disk"; return 1; }
	mount -o remount,rw "$disk" || return 1
	rm -r "$work/elsewhere"
	recover_it
	unpack && [ ! -e "$rec_dir" ] && same "" "$(new_instances)" instances
}
ok "recover from a read-only file system: a bundle elsewhere, the folder stays; later all of it" read_only
full_of_others() {
	killed || return 1
	dd if=/dev/zero of="$disk/greedy" bs=64k 2>/dev/null
	dd if=/dev/zero of="$disk/greedier" bs=512 2>/dev/null
	recover_it
	same 1 "$rec_status" "exit status" && says "no room for the bundle" "output-dir" && [ -d "$rec_dir" ] && recover_elsewhere
	same 0 $? "a bundle elsewhere" || { rm -f "$disk"/greed*; return 1; }
	rm "$disk"/greed* && rm -r "$work/elsewhere"
	recover_it
	unpack && [ ! -e "$rec_dir" ] && same "" "$(new_instances)" instances
}
ok "recover on a full file system: said where the bundle can go, and it goes there; later all of it" full_of_others

# ---- failures in between ----

# One failed sync: what it was to make durable may be gone, whatever later syncs say.
failed_sync() {
	record && busy || return 1
	inject fdatasync:error=EIO:when=2
	until_true has_line "$work/rec.err" "Input/output error" || return 1
	uninject
	recorder_signal TERM
	unpack && same 4 "$rec_status" "exit status" && same false "$(m .complete)" complete || return 1
	m '.sources[] | select(.name == "spool").gaps[].reason' | grep -q 'failed a write or a sync' || { m .sources; return 1; }
	[ "$(wc -l <"$work/events")" -ge 1000 ] && grep -q fault <(m '.sources[] | select(.name == "spool").gaps[].kind')
}
ok "a failed sync is loss: the bundle says so, and so does the exit status" failed_sync

# Every sync fails to the end: nothing is called safe.
never_safe() {
	record && busy || return 1
	inject fdatasync:error=EIO fsync:error=EIO
	until_true has_line "$work/rec.err" "Input/output error" || return 1
	recorder_signal TERM
	uninject
	! grep -q 'raw data safe' "$work/rec.err" && [ "$rec_status" != 0 ] || { echo "exit status $rec_status"; cat "$work/rec.err"; return 1; }
	[ -d "$rec_dir" ] || { echo "the folder is gone"; return 1; }
	recover_it
	unpack && [ "$(wc -l <"$work/events")" -ge 300 ]
}
ok "syncs that always fail: nothing is called safe, the folder is kept" never_safe

failed_writes() {
	record && busy || return 1
	inject writev:error=EIO:when=3..6
	until_true has_line "$work/rec.err" "Input/output error" || return 1
	uninject
	busy $(($(status_field .events) + 1000)) || return 1
	recorder_signal TERM
	unpack && same 4 "$rec_status" "exit status" && same false "$(m .complete)" complete && zstd -tq "$bundle" &&
		[ "$(grep -c . "$work/b/kernel.log")" -gt 0 ] && [ "$(wc -l <"$work/events")" -ge 1000 ]
}
ok "writes that fail for a while: the rest makes a sound bundle that says so" failed_writes

# ---- gone ----

vanished() {
	record && busy || return 1
	rm -rf "$rec_dir"
	recorder_signal TERM
	[ "$rec_status" = 1 ] || [ "$rec_status" = 4 ] || { echo "exit status $rec_status"; return 1; }
	[ "$rec_status" = 4 ] || grep -q error "$work/rec.err" || { echo "nothing was said"; return 1; }
	! ls "$out"/.*.part >/dev/null 2>&1
}
ok "a session folder that somebody removes: said, no crash, nothing half-made" vanished

# The file system is shut down below the recorder, as for a device that was pulled: every access fails from then on.
pulled() {
	record && busy || return 1
	python3 -c 'import fcntl, os, struct, sys; fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587D, struct.pack("I", 2))' "$disk" || return 1
	until_true has_line "$work/rec.err" "Input/output error" || return 1
	same recording "$(status_field .state)" state || return 1
	recorder_signal TERM
	same 1 "$rec_status" "exit status" && ! grep -q 'raw data safe' "$work/rec.err" && same "" "$(new_instances)" instances || return 1
	sim_stop
	umount "$disk" && fsck.ext4 -fy "$work/disk.img" >"$work/fsck.log" 2>&1
	mount -o loop "$work/disk.img" "$disk" || return 1
	sim_start "nodes 3; rate 400; forever" >&2
	recover_it
	unpack && same true "$(m .died)" died && [ "$(wc -l <"$work/events")" -ge 300 ]
}
ok "a device that is pulled: said, the end is clean; when it is back recover gives what was synced" pulled

rm -rf "$out"
out=$work/out
finish
