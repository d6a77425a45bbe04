# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# seconds: 1800
#
# A kernel that is locked down while it runs: tracefs can be seen, and refuses to be opened (to the recorder the same as
# a security module that forbids it). Said in a sentence with what to do, whether or not securityfs tells of the lockdown; nothing
# is left behind. A recording that runs already goes on. A host that was booted so is t_lockdown_boot.sh.
. /tests/lib.sh
. /tests/refused.sh
state=/sys/kernel/security/lockdown
mount -t tmpfs -o mode=0700 none /out
load_module
mount_scoutfs
mount -t securityfs none /sys/kernel/security

echo integrity >$state
ok "lockdown=integrity lets tracing be: check is content" checked 0 "ok  *tracing"
record
tell fire scoutfs_net_send_message 500
until_true "the recorder has them" events_seen 500
echo confidentiality >$state
ok "tracefs refuses: the kernel's own answer" bash -c "! cat $tracing/trace_clock 2>/tmp/cat.err && grep 'Operation not permitted' /tmp/cat.err"
tell fire scoutfs_net_recv_message 300
until_true "a recording that ran before has what is fired after" events_seen 800
sleep 2.5 # it looks after its events once a second: twice, whatever it may say
tell fire scoutfs_conn_shutdown_queued 1 flags=0xd listening_conn=0xffff888001000000 c_rid=0x1111
until_true "its triggers hear" said "suspect connection-lost"
stop
is "it ends with a complete bundle" "$rec_status" 0
ok "it has not spoken of unloaded modules, or of deaf triggers" bash -c '! grep -e unloaded -e deaf -e failed /tmp/rec.err'
ok "the bundle opens" open_bundle "$bundle"
is "events of before and after are in it" "$(reported scoutfs_net_send_message) $(reported scoutfs_net_recv_message)" "500 300"
rm -f /out/*.tar.zst

ok "check says that it is the lockdown, and what to do" checked 1 "ERROR  *tracing .*lockdown is in confidentiality mode" "fix: Boot with lockdown=integrity"
ok "so does the recorder, and nothing is left" recorder_refused "lockdown is in confidentiality mode.*Boot with lockdown=integrity"
umount /sys/kernel/security
ok "without securityfs check says that tracefs refuses, and where to look" checked 1 "ERROR  *tracing .*permission denied" "fix: .*dmesg | grep -i lockdown"
ok "so does the recorder, and nothing is left" recorder_refused "cannot open the files of tracefs: permission denied.*lockdown or a security module forbids it"
umount $tracing
ok "nor is it better by debugfs" checked 1 "ERROR  *tracing .*permission denied" "fix: .*dmesg | grep -i lockdown"
finish
