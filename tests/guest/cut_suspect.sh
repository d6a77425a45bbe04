# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Record under a storm with a lag of a minute, and meet a suspect; then the power goes (power_cut.sh).
. /tests/lib.sh
. /tests/cut_lib.sh
load_module
mount_scoutfs
tell_truth &
record --lag 60s
tell storm scoutfs_net_send_message 100000000 4000
until_true "events come" bash -c "[ \$(sed -n 's/^fired //p' $control) -gt 4000 ]"
echo "events come"
echo "a suspect comes"
tell print 6 "$F: server closing 127.0.0.1:19700 -> 127.0.0.1:59816"
until_true "the line is in the kernel log" bash -c "dmesg | grep -q 'server closing'"
echo "cut me"
sleep 60
