# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Record under a storm until the power goes (power_cut.sh).
. /tests/lib.sh
. /tests/cut_lib.sh
load_module
mount_scoutfs
tell_truth &
record
tell storm scoutfs_net_send_message 100000000 4000
until_true "events come" bash -c "[ \$(sed -n 's/^fired //p' $control) -gt 1000 ]"
echo "events come"
sleep 1.5 # so that some are older than the lag bound, whenever the power goes
echo "cut me"
sleep 60
