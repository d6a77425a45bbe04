# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Record, end, and make the bundle, again and again, until the power goes (power_cut.sh).
. /tests/lib.sh
. /tests/cut_lib.sh
load_module
mount_scoutfs
tell_truth &
record
tell storm scoutfs_net_send_message 40000 0
until_true "the storm ends" calm
kill -INT $rec_pid
until_true "the raw data is safe" said "raw data safe"
echo "cut me"
sleep 60
