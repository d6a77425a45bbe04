# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# disk: 400M
#
# The words of a fence line, written to the kernel log by a program, are not the kernel's; the same words from the
# kernel are.
. /tests/lib.sh
load_module
mount_scoutfs

lookalike() { echo "$1" >/dev/kmsg; }
line="$F: client 127.0.0.1:59816 reconnect timed out, fencing"

record --after 0
for i in $(seq 100); do
	lookalike "<6>$line"           # facility 1: what /dev/kmsg makes of a facility 0
	lookalike "<14>$line $i"       # user
	lookalike "<30>$line"          # daemon
	lookalike "$line"              # without a priority
	lookalike "<6>$F: server closing 127.0.0.1:19700 -> 127.0.0.1:59816"
done
# A marker of the kernel's own behind them: once it is seen, they were all looked at.
tell print 6 "$F: client disconnected 127.0.0.1:59816 -> 127.0.0.1:19700"
until_true "the record behind the lookalikes is seen" said "suspect client-disconnected"
ok "500 lookalikes from user space trigger nothing" bash -c '! grep -E "trigger |suspect server-closing" /tmp/rec.err | grep -v "waiting for a trigger"'
ok "the recorder goes on" kill -0 $rec_pid
tell print 6 "$line"
await
is "the same words from the kernel end it" "$rec_status" 0
ok "the bundle opens" open_bundle "$bundle"
ok "by that trigger" manifest_says '.stop.trigger == "reconnect-timeout"'
is "the lookalikes are in kernel.log all the same" "$(grep -c 'reconnect timed out, fencing' /tmp/b/kernel.log)" 401

record --log-facility any
lookalike "<14>$line"
await
is "--log-facility any lets a program's words end it" "$rec_status" 0
ok "the bundle of it opens" open_bundle "$bundle"
ok "by the trigger" manifest_says '.stop.trigger == "reconnect-timeout"'
ok "nothing is left behind" no_leftovers
finish
