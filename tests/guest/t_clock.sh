# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# disk: 400M
#
# The wall clock is set back by an hour, and forward by two, while recording: order is kept, the steps are written down.
. /tests/lib.sh
load_module
mount_scoutfs

# seq is the order in which they were fired.
record
tell fire scoutfs_net_send_message 10
echo "before" >/dev/kmsg
date -s "@$(($(date +%s) - 3600))" >/dev/null
until_true "the step back is noticed" said "the wall clock was set back"
tell fire scoutfs_net_send_message 10
echo "between" >/dev/kmsg
date -s "@$(($(date +%s) + 7200))" >/dev/null
until_true "the step forward is noticed" said "the wall clock was set forward"
tell fire scoutfs_net_send_message 10
echo "after" >/dev/kmsg
tell print 6 "$F: client 127.0.0.1:59816 reconnect timed out, fencing"
await
is "the recording ends with a complete bundle" "$rec_status" 0
ok "the bundle opens" open_bundle "$bundle"
is "all events are there, in the order in which they were fired" \
	"$(grep -o ' seq [0-9]*' /tmp/b/report | tr -d '\n')" "$(printf ' seq %d' $(seq 30))"
ok "the stamps in the trace never go back" \
	bash -c 'grep -o "\] *[0-9]*\.[0-9]*:" /tmp/b/report | tr -d "] :" | sort -n -c'
ok "the kernel log has its lines in order" \
	bash -c 'grep -oE "(before|between|after)$" /tmp/b/kernel.log | tr "\n" " " | grep -qx "before between after "'
# The anchors tie the wall clock to the monotonic one: each step is the difference to the anchor before it.
ok "both steps are among the anchors in the manifest" manifest_says '[.clocks.anchors[] | {when, offset: (.realtime_ns - .monotonic_ns)}] as $a
	| [range(1; $a | length) | select($a[.].when == "step") | $a[.].offset - $a[. - 1].offset]
	| length == 2 and (.[0] + 3600e9 | fabs) < 2e9 and (.[1] - 7200e9 | fabs) < 2e9'
ok "nothing is left behind" no_leftovers
finish
