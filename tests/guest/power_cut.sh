# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Power cuts, for run: the guest records under a storm, its QEMU is killed at a random moment, it boots again and
# recovers. The guest's console tells the truth meanwhile: "truth MONO COUNT", ten times a second, says that COUNT
# events had been fired by MONO (its CLOCK_MONOTONIC, in ns). What is older than the lag bound at the last of these
# lines must be in the bundle.
#
# Killing QEMU alone does not show a missing flush: what the guest wrote is in the host's page cache, and stays. So
# every write goes through a log (QEMU's blklogwrites, the format of dm-log-writes), and the disk of the second boot
# is made from the log (replay.py), in turn:
#   flushed   what a disk holds that lost its whole cache: everything up to the last flush, nothing after it
#   torn      the same, and of each later write a coin says whether it reached the disk
#   written   everything that the guest has written
# The disk is slow (1 MiB/s), so that many cuts fall between a write and the flush behind it.
# The recorder is cut while it records, and each fourth round while it makes the bundle.

lag_ns=1000000000

# Truth lines of a console, "MONO COUNT"; the last may be torn.
truths() { grep -a '^truth [0-9]* [0-9]* end' "$1" | tr -d '\r' | cut -d' ' -f2,3; }

# wait_line FILE PATTERN: until the guest says it, or ends
wait_line() {
	while ! grep -aq "$2" "$1"; do
		kill -0 "$qemu_pid" 2>/dev/null || return 1
		sleep 0.02
	done
}

# cut_round NUMBER: one round; false when it did not come as far as the cut
cut_round() {
	local log=$work/cut.log again=$work/again.log mode=$((($1 - 1) % 3)) moment=recording script=cut_record.sh pause truth end
	mode=$(echo flushed torn written | cut -d' ' -f$((mode + 1)))
	[ $(($1 % 4)) != 0 ] || { moment=finishing script=cut_finish.sh; }
	pause=$((RANDOM % 5000))
	[ $moment = recording ] || pause=$((RANDOM % 500))

	rm -f "$work/disk" "$work/disk.log"
	make_disk "$work/disk" 600M
	cp --sparse=always "$work/disk" "$work/disk.new"
	truncate -s 2G "$work/disk.log"
	boot $script "$log" \
		-blockdev "driver=file,filename=$work/disk,node-name=disk" \
		-blockdev "driver=file,filename=$work/disk.log,node-name=log" \
		-blockdev "driver=blklogwrites,file=disk,log=log,log-super-update-interval=1073741824,node-name=logged" \
		-object throttle-group,id=slow,x-bps-write=1048576 \
		-blockdev "driver=throttle,throttle-group=slow,file=logged,node-name=slow" \
		-device virtio-blk-pci,drive=slow,write-cache=on
	wait_line "$log" "^cut me" || { wait_guest 0 || true; show_tap "$log"; return 1; }
	sleep "$((pause / 1000)).$(printf %03d $((pause % 1000)))"
	wait_guest 0 || true # kills it

	end=$(truths "$log" | tail -1 | cut -d' ' -f1)
	# The newest line that was older than the bound when the power went.
	truth=$(truths "$log" | awk -v end="$end" -v lag=$lag_ns '$1 <= end - lag' | tail -1)
	# Said to be safe, so all of it is.
	[ $moment = recording ] || truth=$(truths "$log" | tail -1)
	python3 "$here/replay.py" "$work/disk.log" "$work/disk.new" "$mode" "$((seed + $1))" >"$work/replay.txt" || die "replay.py failed"
	echo "# round $1: cut while $moment, ${pause} ms on, disk: $mode ($(cat "$work/replay.txt")); truth ${truth:-0 0} of $(truths "$log" | tail -1)"
	rm -f "$work/disk" "$work/disk.log"
	boot cut_recover.sh "$again" -drive "file=$work/disk.new,format=raw,if=virtio,cache=unsafe" \
		-fw_cfg "name=opt/guest.truth,string=${truth:-0 0} $moment"
	wait_guest 120 || true
	outcome "power_cut round $1" "$again" "it ended early, or took longer than 120 s"
	if [ -n "$keep" ] && ! grep -q '^guest-exit 0' "$again"; then
		cp --sparse=always "$work/disk.new" "$work/disk.round$1"
	fi
	rm -f "$work/disk.new"
}

power_cut() {
	local i
	RANDOM=$2
	echo "# $1 rounds; SEED=$2 repeats them"
	for ((i = 1; i <= $1; i++)); do
		cut_round "$i" && continue
		count=$((count + 1))
		failed=$((failed + 1))
		echo "not ok $count - power_cut round $i: the guest came as far as the cut"
		tail -n 20 "$work/cut.log" | sed 's/^/#   /'
	done
}
