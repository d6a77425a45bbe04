# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# disk: 400M
# seconds: 1800
#
# CPUs go and come while events are recorded on all of them: nothing is lost.
. /tests/lib.sh
load_module
mount_scoutfs
cpu1=/sys/devices/system/cpu/cpu1/online

record
for i in 1 2 3 4 5; do
	tell storm scoutfs_net_send_message 4000 8000
	until_true "events are on their way" bash -c "[ \$(sed -n 's/^fired //p' $control) -gt $(((i - 1) * 6000 + 500)) ]"
	echo 0 >$cpu1
	until_true "the storm ends" calm
	tell fire scoutfs_lock_locked 500
	tell storm scoutfs_net_recv_message 1500 0
	until_true "the storm on one CPU ends" calm
	echo 1 >$cpu1
done
tell storm scoutfs_net_send_message 2000 0
until_true "the last storm ends" calm
ok "the recorder goes on" kill -0 $rec_pid
tell print 6 "$F: client 127.0.0.1:59816 reconnect timed out, fencing"
await
is "the recording ends with a complete bundle" "$rec_status" 0
ok "the bundle opens" open_bundle "$bundle"
for e in scoutfs_net_send_message scoutfs_net_recv_message scoutfs_lock_locked; do
	is "all $e are there" "$(reported $e)" "$(fired $e)"
done
ok "on both CPUs" bash -c 'grep -q "\[000\].*scoutfs_" /tmp/b/report && grep -q "\[001\].*scoutfs_" /tmp/b/report'
ok "the manifest says that nothing was lost" manifest_says '[.sources[].lost] | add == 0'

# A recorder that starts while a CPU is away sees what happens there later.
echo 0 >$cpu1
before=$(fired fired)
record
echo 1 >$cpu1
tell storm scoutfs_net_send_message 2000 0
until_true "the storm ends" calm
stop
ok "a recording begun with a CPU away is complete" [ "$rec_status" = 0 ]
ok "its bundle opens" open_bundle "$bundle"
is "and has what that CPU did when it was back" "$(grep -c 'scoutfs_[a-z_]*: ' /tmp/b/report)" "$(($(fired fired) - before))"
ok "nothing is left behind" no_leftovers
finish
