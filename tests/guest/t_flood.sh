# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# disk: 400M
# seconds: 900
#
# The kernel log is flooded faster than anybody reads: what was overwritten is counted, and the trigger is seen.
. /tests/lib.sh
load_module
mount_scoutfs
lines=60000
fence="$F: client 127.0.0.1:59816 reconnect timed out, fencing"

record
# Stopped, the recorder cannot keep up, however fast it is.
kill -STOP $rec_pid
tell flood 6 $lines "scoutfs guest: a line of the flood, as long as such lines are, number"
kill -CONT $rec_pid
tell print 6 "$fence"
await
ok "the bundle is there, and the status says that something is missing" [ "$rec_status" = 4 ]
ok "the bundle opens" open_bundle "$bundle"
ok "the line behind the flood ended the recording" manifest_says '.stop.trigger == "reconnect-timeout"'
kept=$(grep -c 'a line of the flood' /tmp/b/kernel.log)
lost=$(manifest '[.sources[] | select(.name == "kmsg") | .gaps[] | .count] | add')
ok "the recorder said at once that a trigger may have been among them" said "a trigger's line among them has not fired"
ok "part of the flood was overwritten" [ "$kept" -lt $lines ]
is "the flood is what was kept and what is in the gaps" $((kept + lost)) $lines
echo "# $lines lines, $kept kept, $lost counted as lost"
ok "each gap has a time and a reason" manifest_says '.sources[] | select(.name == "kmsg") | .gaps | length > 0 and all(.from_monotonic_ns != null and .from_monotonic_ns <= .to_monotonic_ns and (.reason | length) > 0)'

# The trigger in the middle of a flood that goes on behind it, within what the kernel's log buffer holds (128 KiB):
# a line that was overwritten before it could be read is in printk:console only.
for round in 1 2 3 4 5; do
	record --after 0
	(tell flood 6 5000 "scoutfs guest: flood before"; tell print 6 "$fence"; tell flood 6 500 "scoutfs guest: flood after") &
	flood=$!
	await
	wait $flood
	ok "a trigger in the middle of a flood ends the recording ($round)" open_bundle "$bundle"
	ok "by its line ($round)" manifest_says '.stop.trigger == "reconnect-timeout"'
done
ok "nothing is left behind" no_leftovers
finish
