# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# disk: 400M
# seconds: 1800
#
# The module is unloaded and loaded again while recording: what was recorded before is kept, what comes after is
# recorded with the new formats, and the time between is a gap that is said.
. /tests/lib.sh
load_module
mount_scoutfs

id_of() { cat $tracing/events/scoutfs/scoutfs_net_send_message/id; }
rearmed() { [ "$(grep -c 'events of scoutfs are back' /tmp/rec.err)" = "$1" ]; }
gone_times() { [ "$(grep -c 'events of scoutfs have gone' /tmp/rec.err)" = "$1" ]; }
before_ns=() after_ns=()

record
old_id=$(id_of)
tell fire scoutfs_net_send_message 1000 cmd=1
until_true "they were drained" events_seen 1000
for round in 1 2; do
	umount /mnt/scoutfs
	before_ns[round]=$(fired mono)
	ok "the module can be unloaded while it is recorded ($round)" rmmod scoutfs
	after_ns[round]=$(awk '{ printf "%.0f", ($1 + 0.01) * 1e9 }' /proc/uptime) # the module is gone, and its clock
	until_true "the recorder noticed" gone_times $round
	load_module
	mount_scoutfs
	until_true "the recorder enabled the new events" rearmed $round
	tell fire scoutfs_net_send_message 1000 cmd=$((round + 1))
	until_true "they were drained" events_seen $((1000 * (round + 1)))
done
ok "the new module's events have other numbers" [ "$(id_of)" != "$old_id" ]
until_true "the trigger on an event is armed again" said "trigger connection-lost is armed again"
tell fire scoutfs_conn_shutdown_queued 1 flags=0xd listening_conn=0xffff888001000000
until_true "and fires" said "suspect connection-lost"
tell print 6 "$F: client 127.0.0.1:59816 reconnect timed out, fencing"
await
ok "the bundle is there, and the status says that something may be missing" [ "$rec_status" = 4 ]
ok "the bundle opens" open_bundle "$bundle"
for cmd in 1 2 3; do
	is "all events of life $cmd of the module are there" "$(grep -c " scoutfs_net_send_message: .* cmd $cmd " /tmp/b/report)" 1000
done
for round in 1 2; do
	ok "the manifest has a gap over unloading $round" manifest_says ".sources[] | select(.name == \"ftrace\") | .gaps
		| any((.reason | test(\"module was unloaded\")) and .from_monotonic_ns <= ${after_ns[round]} and .to_monotonic_ns > ${before_ns[round]})"
done
ok "nothing is left behind" no_leftovers

# Unloaded, and not loaded again.
umount /mnt/scoutfs
record_ready() { load_module; mount_scoutfs; }
rmmod scoutfs
record_ready
record
tell fire scoutfs_net_send_message 700
until_true "they were drained" events_seen 700
umount /mnt/scoutfs
rmmod scoutfs
until_true "the recorder noticed" gone_times 1
stop
ok "a recording that ends without the module makes its bundle" open_bundle "$bundle"
is "with all that was recorded before" "$(reported scoutfs_net_send_message)" 700
ok "nothing is left behind by it" no_leftovers
finish
