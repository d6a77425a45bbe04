# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# disk: 400M
# seconds: 1800
#
# The disk begins to fail in the middle of a recording: every write is an I/O error, which real file systems answer with a
# failed sync and an aborted journal. It is said, nothing is called safe, and what was synced before can be recovered.
. /tests/lib.sh
load_module
mount_scoutfs
sectors=$(blockdev --getsz /dev/vda)
dm() { dmsetup --noudevsync --noudevrules "$@"; }
table() { echo "0 $sectors $1 /dev/vda 0 ${2:-}"; } # linear, or flakey: 0 s up, an hour down
change() { dm suspend --noflush --nolockfs disk && dm load disk --table "$1" && dm resume disk; }
# Field 16 of the stat of what lies below: flushes that came to their end.
flushes() { awk '{ print $16 }' /sys/block/vda/stat; }
flushed_since() { [ "$(flushes)" -ge $(($1 + 2)) ]; }

umount /out
ok "the disk is a device that can be made to fail" dm create disk --table "$(table linear)"
ok "with a file system" mount -t ext4 /dev/dm-0 /out

record
tell fire scoutfs_net_send_message 500
until_true "the recorder has them" events_seen 500
before=$(flushes)
# The first of them may have begun before.
until_true "two flushes came after them" flushed_since "$before"
change "$(table flakey "0 3600 1 error_writes")"
tell fire scoutfs_net_recv_message 300
until_true "the recorder says that the disk fails" said "Input/output error\|Read-only file system"
ok "it goes on" kill -0 $rec_pid
stop
ok "nothing is called safe" bash -c '! grep "raw data safe" /tmp/rec.err'
ok "the exit status says that there is no good bundle" [ "$rec_status" = 1 -o "$rec_status" = 4 ]
is "and no bundle is named" "$(cat /tmp/rec.out)" ""
is "no tracing instance is left" "$(ls $tracing/instances)" ""

umount /out
change "$(table linear)"
ok "the disk is well again" mount -t ext4 /dev/dm-0 /out
is "no bundle has a final name" "$(find /out -name '*.tar.zst')" ""
session=$(find /out -mindepth 1 -maxdepth 1 -type d -name 'scoutfs-trace.*')
scoutfs-trace recover "$session" -o /out >/tmp/rec.out 2>/tmp/rec.err
rec_status=$?
ok "what it holds is recovered" [ $rec_status = 0 -o $rec_status = 4 ]
ok "the bundle opens" open_bundle "$(cat /tmp/rec.out)"
is "all that was synced before is in it" "$(reported scoutfs_net_send_message)" 500
echo "# of 300 events after that: $(reported scoutfs_net_recv_message)"
finish
