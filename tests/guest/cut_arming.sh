# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Arm under a storm, and record, until the power goes, most often before it records (power_cut.sh).
. /tests/lib.sh
. /tests/cut_lib.sh
load_module
mount_scoutfs
tell_truth &
tell storm scoutfs_net_send_message 100000000 1000
record &
until_true "the session folder is there" bash -c "ls -d $out/scoutfs-trace.*"
echo "cut me"
sleep 60
