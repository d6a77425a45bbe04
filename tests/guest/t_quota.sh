# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# disk: 700M
# seconds: 1800
# modules: quota_v2 xfs
#
# File systems with a hard quota: ext4's of users, which binds root as soon as it has given up CAP_SYS_RESOURCE, and of
# projects, and XFS's of projects, which binds everybody. What cannot fit is refused before anything is recorded; a
# quota that shrinks while a recording runs costs no data.
. /tests/lib.sh
load_module
mount_scoutfs
umount /out
out=/out/d
dev=/dev/vda
. /tests/refused.sh

used_kib() { du -sk $out | cut -f1; }
# recorded_on COMMAND: which sets the quota to KIB; in the middle, to half of what is in use
recorded_on() {
	record
	# A capability that is laid aside while room is asked for is taken up again for this.
	is "$name: the recorder is spared by the OOM killer" "$(cat /proc/$rec_pid/oom_score_adj)" -500
	tell fire scoutfs_net_send_message 500
	until_true "the recorder has them" events_seen 500
	"$@" $(($(used_kib) / 2))
	tell print 6 "$F: server closing 127.0.0.1:19700 -> 127.0.0.1:59816"
	until_true "a suspect is synced" said "suspect server-closing"
	tell fire scoutfs_net_recv_message 300
	until_true "the recorder has those, too" events_seen 800
	stop
}
whole() { # what is in the bundle, of what was fired
	open_bundle "$bundle" && same "$(reported scoutfs_net_send_message)" 500 && same "$(reported scoutfs_net_recv_message)" 300 &&
		grep -q "server closing" /tmp/b/kernel.log && manifest_says '.format != null'
}
kept() {
	[ "$rec_status" = 1 ] && [ ! -s /tmp/rec.out ] && said "raw data safe" && said "no room for the bundle" && said "scoutfs-trace recover $out/" &&
		[ -z "$(find $out -name '*.tar.zst')" ]
}
rounds() { # NAME COMMAND...
	local name=$1
	shift
	"$@" 102400
	ok "$name: too little for budget and bundle: check says what is missing" checked 1 "ERROR  *disk .*192 MiB" "fix: .*disk-budget"
	ok "$name: the recorder does not begin, and leaves nothing" recorder_refused "192 MiB.*disk-budget"
	"$@" 0
	recorded_on "$@"
	ok "$name: shrunk while recording, the raw data is safe, and it is said how to make the bundle" kept
	"$@" 0
	scoutfs-trace recover $out/scoutfs-trace.* >/tmp/rec.out 2>/tmp/rec.err
	is "$name: with room again it is recovered" $? 0
	bundle=$(cat /tmp/rec.out)
	ok "$name: all is in the bundle" whole
	ok "$name: nothing is left" no_leftovers
	rm -f $out/*.tar.zst
}

mkfs.ext4 -q -F -O quota,project -E quotatype=usrquota:prjquota $dev
ok "ext4 with quotas of users and projects" mount -t ext4 -o usrquota,prjquota $dev /out
mkdir -m 0700 $out
user_quota() { setquota -u 0 0 "$1" 0 0 /out; }
rounds "ext4, the user root" user_quota
chattr -p 42 +P $out
project_quota() { setquota -P 42 0 "$1" 0 0 /out; }
rounds "ext4, a project" project_quota
umount /out

mkfs.xfs -q -f $dev
ok "XFS with quotas of projects" mount -t xfs -o prjquota $dev /out
mkdir -m 0700 $out
xfs_quota -x -c "project -s -p $out 42" /out >/dev/null 2>&1
xfs_project() { xfs_quota -x -c "limit -p bhard=$1k 42" /out; }
rounds "XFS, a project" xfs_project
finish
