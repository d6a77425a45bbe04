# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Bundles of the real sessions in tests/data. Sourced; the caller sets data (tests/data/real), raw_bundle, work.
#
# The offsets were found by what each session wrote to several clocks at the same moment: of trace clock and kernel-log
# stamp against CLOCK_MONOTONIC the smallest seen, since writing comes after reading the clock.

# real_bundle SESSION [OPTION...]: makes $work/SESSION.tar.zst; fence-client, fence-leader. With real_change=COMMAND what
# was captured is changed by it first; it gets the folder with trace.dat, packets.pcap and kmsg.
real_bundle() {
	local session=$1 offsets out
	shift
	case $session in
	fence-client)
		offsets=(--trace-minus-mono 14580955 --kmsg-minus-mono 9733875 --real-minus-mono 1795172468250297300
			--trigger 'reconnect-timeout=reconnect timed out, fencing')
		;;
	fence-leader)
		offsets=(--trace-minus-mono 15433720 --kmsg-minus-mono 10076817 --real-minus-mono 1795172512239222900
			--trigger 'leader-fence=fencing previous leader' --server 127.0.0.1:19701)
		;;
	*)
		echo "no such session: $session" >&2
		return 1
		;;
	esac
	mkdir -p "$work/$session.raw" &&
		zstd -dqf "$data/$session-v6.dat.zst" -o "$work/$session.raw/trace.dat" &&
		zstd -dqf "$data/pcap/$session-sll2.pcap.zst" -o "$work/$session.raw/packets.pcap" &&
		zstd -dqf "$data/kmsg/$session.kmsg.zst" -o "$work/$session.raw/kmsg" || return 1
	if [ -n "${real_change:-}" ]; then
		$real_change "$work/$session.raw" || return 1
	fi
	out=$("$raw_bundle" --output "$work/$session.raw" --trace "$work/$session.raw/trace.dat" \
		--pcap "$work/$session.raw/packets.pcap" --kmsg "$work/$session.raw/kmsg" "${offsets[@]}" "$@") &&
		mv "$out" "$work/$session.tar.zst" && rm -r "$work/$session.raw"
}
