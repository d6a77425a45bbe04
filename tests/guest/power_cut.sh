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
# The recorder is cut while it records, and in each eight rounds twice while it makes the bundle, once while it arms, and
# once a second after a suspect, with a --lag so long that nothing but the suspect can have put anything on disk.
#
# The bound is that of a machine that runs: while the host did not let QEMU run, the guest could not sync. So that time, by
# the scheduler's own account, is added: next to nothing on a quiet host, seconds on a busy one. The last line tells how many
# rounds did not need it.

lag_ns=1000000000

# Truth lines of a console, "MONO COUNT"; the last may be torn.
truths() { grep -a '^truth [0-9]* [0-9]* end' "$1" | tr -d '\r' | cut -d' ' -f2,3; }

# truth_before CONSOLE MONO: the newest of them that is not younger
truth_before() { truths "$1" | awk -v mono="$2" '$1 <= mono { last = $0 } END { print last ? last : "0 0" }'; }

# wait_line FILE PATTERN: until the guest says it, or ends; or not for so long that it never will
wait_line() {
	local end=$((SECONDS + 1800))
	while ! grep -aq "$2" "$1"; do
		[ $SECONDS -lt $end ] || return 1
		kill -0 "$qemu_pid" 2>/dev/null || return 1
		sleep 0.02
	done
}

# For how long QEMU's threads have waited for a CPU, all together, in ms
waited_ms() { cat /proc/"$qemu_pid"/task/*/schedstat 2>/dev/null | awk '{ ns += $2 } END { printf "%d", ns / 1e6 }'; }

# The moment of a round. Eight and the three kinds of disk have no common divisor: each meets each.
moment_of() { echo recording arming recording finishing recording suspect recording finishing | cut -d' ' -f$((($1 - 1) % 8 + 1)); }

# after_suspect: a second after it, and longer by what the host kept QEMU waiting meanwhile; ten, if that does not end
after_suspect() {
	local begun spent=0 from=$waited
	begun=$(date +%s%N)
	while waited=$(($(waited_ms) - from)) && [ $spent -lt $((lag_ns / 1000000 + waited)) ] && [ $spent -lt 10000 ]; do
		sleep 0.02
		spent=$((($(date +%s%N) - begun) / 1000000))
	done
}

# cut_round NUMBER: one round; 1 when it did not come as far as the cut, 2 when the guest's clock was wrong
cut_round() {
	local log=$work/cut.log again=$work/again.log mode=$((($1 - 1) % 3)) moment script pause truth strict end waited=0 lived
	mode=$(echo flushed torn written | cut -d' ' -f$((mode + 1)))
	moment=$(moment_of "$1")
	script=cut_$moment.sh
	pause=$((RANDOM % 5000))
	[ $moment != finishing ] || pause=$((RANDOM % 500))
	[ $moment != suspect ] || pause=0
	[ $moment != arming ] || pause=$((RANDOM % 2000))

	rm -f "$work/disk" "$work/disk.log"
	make_disk "$work/disk" 600M
	cp --sparse=always "$work/disk" "$work/disk.new"
	truncate -s 2G "$work/disk.log"
	boot $script "$log" \
		-blockdev "driver=file,filename=$work/disk,node-name=disk,cache.no-flush=on" \
		-blockdev "driver=file,filename=$work/disk.log,node-name=log,cache.no-flush=on" \
		-blockdev "driver=blklogwrites,file=disk,log=log,log-super-update-interval=1073741824,node-name=logged" \
		-object throttle-group,id=slow,x-bps-write=1048576 \
		-blockdev "driver=throttle,throttle-group=slow,file=logged,node-name=slow" \
		-device virtio-blk-pci,drive=slow,write-cache=on
	if [ $moment = recording ] || [ $moment = suspect ]; then
		! wait_line "$log" "^events come" || waited=$(waited_ms)
	fi
	wait_line "$log" "^cut me" || { wait_guest 0 || true; show_tap "$log"; return 1; }
	sleep "$((pause / 1000)).$(printf %03d $((pause % 1000)))"
	if [ $moment = suspect ]; then
		after_suspect
	elif [ $moment = recording ]; then
		waited=$(($(waited_ms) - waited))
		[ $waited -ge 0 ] || waited=0 # threads that ended took theirs along
	fi
	wait_guest 0 || true # kills it
	lived=$(($(date +%s%3N) - launched_ms))

	end=$(truths "$log" | tail -1 | cut -d' ' -f1)
	# The guest's clock has run since its boot at most: where it says more, the emulator has set it forward, and the bound,
	# which is that clock's, says nothing.
	if [ "${end:-0}" -gt $(((lived + 1000) * 1000000)) ]; then
		echo "# round $1: $((end / 1000000)) ms by the guest's clock in $lived ms; not judged"
		truths "$log" | awk '{ if (NR > 1 && $1 - last > 1e9) printf "#   from %.3f to %.3f s between two lines, %d events\n", last / 1e9, $1 / 1e9, $2; last = $1 }'
		return 2
	fi
	# The newest line that was older than the bound when the power went.
	truth=$(truth_before "$log" $((end - lag_ns - waited * 1000000)))
	strict=$(truth_before "$log" $((end - lag_ns)))
	# Said to be safe, so all of it is.
	[ $moment != finishing ] || truth=$(truths "$log" | tail -1) strict=$truth
	[ $moment != arming ] || truth="0 0" strict="0 0"
	if [ $moment = suspect ]; then
		sed '/^a suspect/q' "$log" >"$work/until" # what had been fired when the suspect came
		truth=$(truths "$work/until" | tail -1) strict=$truth
	fi
	python3 "$here/replay.py" "$work/disk.log" "$work/disk.new" "$mode" "$((seed + $1))" >"$work/replay.txt" || die "replay.py failed"
	echo "# round $1: cut while $moment, ${pause} ms on (kept waiting for $waited ms), disk: $mode ($(cat "$work/replay.txt")); truth $strict of $(truths "$log" | tail -1)"
	rm -f "$work/disk" "$work/disk.log"
	boot cut_recover.sh "$again" -drive "file=$work/disk.new,format=raw,if=virtio,cache=unsafe" \
		-fw_cfg "name=opt/guest.truth,string=$truth $strict $moment"
	wait_guest 1800 || true
	outcome "power_cut round $1" "$again" "it ended early, or took longer than 1800 s"
	! grep -q '^# without any allowance: yes' "$again" || held=$((held + 1))
	if [ -n "$keep" ] && ! grep -q '^guest-exit 0' "$again"; then
		cp --sparse=always "$work/disk.new" "$work/disk.round$1"
	fi
	rm -f "$work/disk.new"
}

power_cut() {
	local i held=0 wrong=0 r
	RANDOM=$2
	echo "# $1 rounds; SEED=$2 repeats them"
	for ((i = 1; i <= $1; i++)); do
		r=0
		cut_round "$i" || r=$?
		[ $r != 0 ] || continue
		if [ $r = 2 ] && [ $((wrong += 1)) -le $(($1 / 10 + 1)) ]; then
			i=$((i - 1)) # another one in its place
			continue
		fi
		count=$((count + 1))
		failed=$((failed + 1))
		echo "not ok $count - power_cut round $i: the guest came as far as the cut"
		tail -n 20 "$work/cut.log" | sed 's/^/#   /'
	done
	echo "# $held of $1 rounds kept the bound without any allowance; the guest's clock was wrong in $wrong others"
}
