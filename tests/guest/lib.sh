# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What the tests inside the guest have in common. TAP without numbers (run gives them), the module, the recorder
# started and awaited, its bundle opened. A condition is polled; the deadline is for what is broken.
set -u
export LC_ALL=C NO_COLOR=1

control=/proc/scoutfs-control
tracing=/sys/kernel/tracing
F="scoutfs f.3d167d.r.d8ec8b"
deadline_s=900 # a guest whose host is busy is slow, not broken
failures=0
rec_pid=
rec_status=
out=/out

# ok NAME COMMAND...: one promise; when it fails, what the command said is shown
ok() {
	local name=$1 said
	shift
	if said=$("$@" 2>&1); then
		echo "ok $name"
	else
		failures=$((failures + 1))
		echo "not ok $name"
		{ echo "$*"; echo "$said"; } | head -15 | cut -c1-300 | sed 's/^/#   /'
	fi
}

# is NAME GOT WANTED
is() {
	ok "$1" same "$2" "$3"
}
same() {
	[ "$1" = "$2" ] || { echo "is: $1"; echo "should be: $2"; return 1; }
}

finish() {
	[ $failures = 0 ] || show_log
	exit 0 # how the promises went is in the lines; this says that all were looked at
}
show_log() {
	local t
	echo "# the recorder said:"
	tail -40 /tmp/rec.err 2>/dev/null | cut -c1-300 | sed 's/^/#   /'
	kill -0 "${rec_pid:-none}" 2>/dev/null || return
	echo "# it still runs; of each thread name, state, time used, system call and where in it:"
	for t in /proc/"$rec_pid"/task/*; do
		echo "#   $(cat "$t/comm") $(cut -d' ' -f3,14,15 "$t/stat") $(cat "$t/syscall") $(cat "$t/wchan")"
		sed 's/^/#     /' "$t/stack" 2>/dev/null
	done
	scoutfs-trace status --json 2>&1 | cut -c1-1500 | sed 's/^/#   status: /'
	dmesg | tail -n 3 | sed 's/^/#   kernel log ends: /'
}

# until_true WHAT COMMAND...
until_true() {
	local what=$1 end=$((SECONDS + deadline_s))
	shift
	until "$@" >/dev/null 2>&1; do
		if [ $SECONDS -ge $end ]; then
			echo "not ok $what"
			echo "#   not within $deadline_s s: $*"
			show_log
			exit 1
		fi
		sleep 0.05
	done
}

# ---- the module ----

tell() { echo "$*" >$control; }
fired() { sed -n "s/^$1 //p" $control; }
load_module() { insmod /modules/scoutfs.ko; }
mount_scoutfs() { mkdir -p /mnt/scoutfs && mount -t scoutfs none /mnt/scoutfs; }
calm() { [ "$(fired storming)" = 0 ]; }

# ---- the recorder ----

# record OPTION...: in the background, until it is armed
record() {
	: >/tmp/rec.err
	scoutfs-trace record 127.0.0.1 19700 --no-heartbeat-wait -o $out --disk-budget 64M --ring-memory 16M \
		--packet-memory 4M "$@" >/tmp/rec.out 2>/tmp/rec.err &
	rec_pid=$!
	until_true "the recorder is armed" armed
	said "waiting for a trigger" && return
	echo "not ok the recorder is armed"
	show_log
	exit 1
}
armed() { said "waiting for a trigger" || gone; }
said() { grep -q -- "$1" /tmp/rec.err; }

# The recorder's own end; rec_status and bundle are set.
await() {
	until_true "the recorder ends" gone
	wait $rec_pid
	rec_status=$?
	bundle=$(tail -1 /tmp/rec.out)
}
gone() { ! kill -0 $rec_pid; }
stop() {
	kill -INT $rec_pid
	await
}

# Everything drained that was fired so far: a recorder drains each 200 ms, and status says what it has.
events_seen() { scoutfs-trace status --json 2>/dev/null | jq -e --argjson n "$1" '.events >= $n'; }

# ---- bundles ----

# unpack FILE: into /tmp/b
unpack() {
	rm -rf /tmp/b
	mkdir /tmp/b
	zstd -dcq "$1" | tar -x -C /tmp/b --strip-components=1
}
# open_bundle FILE: unpacked, with the trace as text in /tmp/b/report
open_bundle() {
	unpack "$1" || return 1
	trace-cmd report -i /tmp/b/trace.dat >/tmp/b/report 2>/tmp/b/report.err
}
# manifest FILTER: raw output of jq
manifest() { jq -r "$1" /tmp/b/manifest.json; }
# manifest_says FILTER: jq's truth
manifest_says() { jq -e "$1" /tmp/b/manifest.json || { echo "manifest: $(jq -c . /tmp/b/manifest.json | cut -c1-1500)"; return 1; }; }
# reported EVENT: how many trace-cmd prints
reported() { grep -c " $1: " /tmp/b/report; }
no_leftovers() {
	local left
	left=$(find $tracing/instances -mindepth 1 -maxdepth 1; find $out -mindepth 1 -maxdepth 1 ! -name '*.tar.zst' ! -name lost+found)
	[ -z "$left" ] || { echo "left behind: $left"; return 1; }
}
