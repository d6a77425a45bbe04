# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# disk: 400M
#
# With --after 0 the kernel itself stops the ring: the event that fired is the last one in the trace.
. /tests/lib.sh
load_module
mount_scoutfs

echo 1 >$tracing/tracing_on
record --after 0 --trigger 'event:scoutfs:scoutfs_quorum_send_message/type == 0'
ok "the probe found that this kernel stops only the instance" said "the kernel stops the ring at 1 of them"
tell fire scoutfs_net_send_message 100
tell fire scoutfs_quorum_send_message 1 type=2 term=5
tell fire scoutfs_net_send_message 100
tell fire scoutfs_quorum_send_message 1 type=0 term=6
tell fire scoutfs_net_send_message 500
await
is "the event ends the recording" "$rec_status" 0
is "the rest of the host's tracing runs on" "$(cat $tracing/tracing_on)" 1
ok "the bundle opens" open_bundle "$bundle"
is "the event is the last in the trace" "$(grep -o 'scoutfs_[a-z_]*: .*' /tmp/b/report | tail -1 | sed 's/:.* term/ term/; s/ nr.*//')" \
	"scoutfs_quorum_send_message term 6 type 0"
is "what came before it is there" "$(reported scoutfs_net_send_message)" 200
ok "by that trigger" manifest_says '.stop.trigger | startswith("event:scoutfs:scoutfs_quorum_send_message")'

record --after 0
tell fire scoutfs_net_send_message 50
tell print 6 "$F: client 127.0.0.1:59816 reconnect timed out, fencing"
await
is "a line ends the recording" "$rec_status" 0
ok "its bundle opens" open_bundle "$bundle"
ok "the line is in the trace" grep -q 'console: .*reconnect timed out, fencing' /tmp/b/report
ok "nothing is left behind" no_leftovers

# The traceoff goes with the module, and comes back with it.
record --after 0 --trigger 'event:scoutfs:scoutfs_quorum_send_message/type == 0'
umount /mnt/scoutfs
ok "a traceoff on its event does not keep the module from being unloaded" rmmod scoutfs
until_true "the trigger is deaf" said "scoutfs_quorum_send_message has gone"
load_module
until_true "the trigger is armed again" said "event scoutfs:scoutfs_quorum_send_message is back"
until_true "the events are recorded again" said "the events of scoutfs are back"
tell fire scoutfs_net_send_message 100
tell fire scoutfs_quorum_send_message 1 type=0 term=7
tell fire scoutfs_net_send_message 500
await
ok "the bundle opens" open_bundle "$bundle"
is "the new event is the last in the trace" "$(grep -o 'scoutfs_[a-z_]*: .*' /tmp/b/report | tail -1 | sed 's/:.* term/ term/; s/ nr.*//')" \
	"scoutfs_quorum_send_message term 7 type 0"
is "what came before it is there" "$(reported scoutfs_net_send_message)" 100
ok "nothing is left behind" no_leftovers
finish
