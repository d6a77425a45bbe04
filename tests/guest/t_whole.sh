# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# disk: 400M
#
# The whole recorder on a node with the module loaded and a file system mounted, through the story of a fence.
. /tests/lib.sh

ok "without the module, check says so and how to load it" \
	bash -c 'scoutfs-trace check 127.0.0.1 19700 --no-heartbeat-wait -o /out --disk-budget 64M >/tmp/c 2>&1; cat /tmp/c; grep -q "modprobe scoutfs" /tmp/c'
load_module
ok "without a mount, check warns" \
	bash -c 'scoutfs-trace check 127.0.0.1 19700 --no-heartbeat-wait -o /out --disk-budget 64M >/tmp/c 2>&1; r=$?; cat /tmp/c; [ $r = 0 ] && grep -q "No scoutfs file system is mounted" /tmp/c'
mount_scoutfs
echo data >/mnt/scoutfs/file
is "the stand-in can be written and read" "$(cat /mnt/scoutfs/file)" data
ok "with both, check is content with the module and the mount" \
	bash -c 'scoutfs-trace check 127.0.0.1 19700 --no-heartbeat-wait -o /out --disk-budget 64M >/tmp/c 2>&1; r=$?; cat /tmp/c; [ $r = 0 ] && grep -q "scoutfs has trace events" /tmp/c && grep -q "scoutfs is mounted at /mnt/scoutfs" /tmp/c'

record
tell fire scoutfs_net_send_message 1234 cmd=7
tell fire scoutfs_lock_locked 321
# A connection is lost: the event, the line of the server, 20 s (here: none) later the fence.
tell fire scoutfs_conn_shutdown_queued 1 flags=0xd listening_conn=0xffff888001000000 c_rid=0x1111
until_true "the lost connection is a suspect" said "suspect connection-lost"
tell print 6 "$F: server closing 127.0.0.1:19700 -> 127.0.0.1:59816"
until_true "the closing server is a suspect" said "suspect server-closing"
tell fire scoutfs_quorum_loop 5 term=3 role=2
tell print 6 "$F: client 127.0.0.1:59816 reconnect timed out, fencing"
tell fire scoutfs_conn_destroy_start 1 flags=0x65
tell fire scoutfs_server_client_down 1 c_rid=0x1111
await
is "the fence line ends the recording with a complete bundle" "$rec_status" 0
ok "the bundle opens" open_bundle "$bundle"
ok "the manifest names the trigger" manifest_says '.stop.reason == "trigger" and .stop.trigger == "reconnect-timeout"'
ok "both suspects are in the manifest, in their order" \
	manifest_says '[.suspects[].trigger] | index("connection-lost") < index("server-closing") and index("connection-lost") != null'
for e in scoutfs_net_send_message scoutfs_lock_locked scoutfs_conn_shutdown_queued scoutfs_quorum_loop \
	scoutfs_conn_destroy_start scoutfs_server_client_down; do
	is "trace-cmd reports as many $e as were fired" "$(reported $e)" "$(fired $e)"
done
is "all of them, and printk:console, are what the manifest counts" \
	"$(manifest '.sources[] | select(.name == "ftrace") | .records')" "$(grep -c '\] *[0-9.]*: ' /tmp/b/report)"
ok "nothing was lost" manifest_says '[.sources[].lost] | add == 0'
ok "the fence line is in the trace as printk:console" grep -q 'console: .*reconnect timed out, fencing' /tmp/b/report
ok "and in kernel.log" grep -q 'client 127.0.0.1:59816 reconnect timed out, fencing' /tmp/b/kernel.log
ok "in the trace the suspect event comes before the closing server, which comes before the fence" \
	bash -c 'a=$(grep -n "scoutfs_conn_shutdown_queued:" /tmp/b/report | cut -d: -f1); b=$(grep -n "console: .*server closing" /tmp/b/report | cut -d: -f1); c=$(grep -n "console: .*fencing" /tmp/b/report | cut -d: -f1); echo "$a $b $c"; [ "$a" -lt "$b" ] && [ "$b" -lt "$c" ]'
ok "the sysfs of the mount is in the context" bash -c 'grep -rq 3d167d0000000001 /tmp/b/context'
ok "nothing is left behind" no_leftovers
finish
