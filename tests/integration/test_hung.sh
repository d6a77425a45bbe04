#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# A statistics file whose read never returns, as on a hung mount: it holds up series and nothing else. The recording ends
# when it is told to, what was recorded is safe on disk before anybody waits for that file, there is a bundle, and it tells.
#
#     sudo SCOUTFS_TRACE=build/src/scoutfs-trace SIM=build/tests/sim/sim tests/integration/test_hung.sh
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
[ -e /dev/fuse ] || skip "no /dev/fuse, by which a file can hang"
begin mountpoint

mnt=$work/mnt
test_cleanup() { mountpoint -q "$mnt" && umount --lazy "$mnt"; }
mkdir "$mnt"
python3 "$here/hung_file.py" "$mnt" >"$work/helper" 2>"$work/helper.err" </dev/null 9>&- &
helper=$!
mounted_or_gone() { mountpoint -q "$mnt" || gone "$helper"; }
until_true mounted_or_gone
mountpoint -q "$mnt" || skip "no file can be made to hang here: $(tail -1 "$work/helper.err")"

sim_start "nodes 3; rate 100; forever" >&2
ok "recorded" record --sample "hung=$mnt/stats@0.05" --sample meminfo@0.05
ok "the second read of it does not return" until_true has_line "$work/helper" '^hung$'

before=$(status_field .events)
more() { local n; n=$(status_field .events) && number "$n" events && [ "$n" -gt $((before + 200)) ]; }
ok "all else goes on" until_true more

kill -TERM "$rec_pid"
bundle_or_gone() { [ -s "$work/rec.out" ] || gone "$rec_pid"; }
made() {
	until_true bundle_or_gone
	bundle=$(cat "$work/rec.out")
	unpack
}
ok "a bundle is made while that read still waits" made
ok "the raw data was said to be safe" says "raw data safe in "

# The end waits 3 s for the sampler, then the gap is noted: had it waited before the data was safe, both would be one time.
in_order() {
	local safe noted
	safe=$(m .timings.durable_monotonic_ns)
	noted=$(source_field series/hung 'gaps | last | .to_monotonic_ns')
	number "$safe" "safe" && number "$noted" "noted" || return 1
	[ $((noted - safe)) -ge 2900000000 ] || { echo "safe at $safe, waited for the file until $noted"; return 1; }
}
ok "and was so before anybody waited for the file" in_order

told() {
	local name
	for name in hung meminfo; do
		same "outage" "$(source_field series/$name 'gaps | last | .kind')" "gap of $name" &&
			same "true" "$(source_field series/$name 'gaps | last | .reason | test("held up all series")')" "reason of $name" || return 1
	done
	same degraded "$(source_field series/hung status)" "status of the file" && same true "$(m .complete)" complete &&
		grep -q 'series/hung: .*could not be read to its end' "$work/b/summary.txt"
}
ok "the gap tells, of all series, and whose fault it was" told
kept() { # what was read before it hung, to the byte
	grep -qx 'calls 7' "$work/b/series/hung.txt" && same 1 "$(grep -c '^calls' "$work/b/series/hung.txt")" "samples of it" &&
		grep -q '^MemTotal:' "$work/b/series/meminfo.txt"
}
ok "what was read before is there" kept
rest() { [ "$(grep -c . "$work/events")" -gt 100 ] && [ "$(source_field packets records)" -gt 0 ]; }
ok "and so is all else" rest

# A read that the kernel does not let go of holds the process itself, dead as it may be, until the mount is gone.
kill -TERM "$helper"
wait "$helper"
ended() { recorder_wait && same 0 "$rec_status" "exit status"; }
ok "with the mount gone it ends" ended
unmounted() { ! mountpoint -q "$mnt"; }
ok "and is gone from there" unmounted

finish
