# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Output on scoutfs is refused: what is written there is recorded, and written.
. /tests/lib.sh
load_module
mount_scoutfs
mkdir -p /mnt/bind /mnt/scoutfs/dir /mnt/link
mount --bind /mnt/scoutfs/dir /mnt/bind

for dir in /mnt/scoutfs /mnt/scoutfs/dir /mnt/scoutfs/new/deep /mnt/bind; do
	scoutfs-trace record 127.0.0.1 19700 --no-heartbeat-wait -o $dir --disk-budget 16M --duration 1 >/tmp/rec.out 2>/tmp/rec.err
	is "recording to $dir is refused" "$?" 1
	ok "and it says why" grep -q "is on scoutfs" /tmp/rec.err
done
ok "nothing was made there" bash -c '[ -z "$(find /mnt/scoutfs -mindepth 1 ! -name dir)" ]'
out=/mnt/scoutfs
ok "nothing is left behind" bash -c '[ -z "$(ls /sys/kernel/tracing/instances)" ]'
record --force-output --duration 1
await
ok "--force-output records there all the same" [ -s "$bundle" ]
ok "with a warning" said "is on scoutfs"
finish
