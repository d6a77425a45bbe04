# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# What is said where recording is refused before it begins.
arguments="127.0.0.1 19700 --no-heartbeat-wait -o $out --disk-budget 64M"

# checked STATUS PATTERN...: of the recorder's check, each on a line
checked() {
	local want=$1 got pattern
	shift
	# shellcheck disable=SC2086
	scoutfs-trace check $arguments >/tmp/c 2>&1
	got=$?
	cat /tmp/c
	same "$got" "$want" || return 1
	for pattern in "$@"; do
		grep -q -- "$pattern" /tmp/c || { echo "not said: $pattern"; return 1; }
	done
}

# recorder_refused PATTERN: one line of error, status 1, and nothing left
recorder_refused() {
	local status
	# shellcheck disable=SC2086
	scoutfs-trace record $arguments --ring-memory 16M >/tmp/rec.out 2>/tmp/rec.err
	status=$?
	cat /tmp/rec.err
	same "$status" 1 && [ ! -s /tmp/rec.out ] && said "^scoutfs-trace: error: .*$1" && same "$(ls -A $out)" "" &&
		same "$(find /run/scoutfs-trace -mindepth 1 ! -name lock 2>/dev/null)" "" && same "$(ls $tracing/instances 2>/dev/null)" ""
}
