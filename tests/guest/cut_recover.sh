# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# After the power came back (power_cut.sh): what is there is whole, or can be recovered, and holds what it must.
. /tests/lib.sh
read -r mono count strict_mono strict_count moment </sys/firmware/qemu_fw_cfg/by_name/opt/guest.truth/raw || true # no newline at its end

bundles() { find $out -maxdepth 1 -name '*.tar.zst'; }
sessions() { find $out -mindepth 1 -maxdepth 1 -type d -name 'scoutfs-trace.*'; }
whole() { zstd -tq "$1" && zstd -dcq "$1" | tar -t >/dev/null; }

for b in $(bundles); do
	ok "a bundle under its final name is whole" whole "$b"
done
if [ "$moment" = arming ]; then
	# Nothing is promised yet but that recover knows what to do with whatever there is.
	is "no bundle is there yet" "$(bundles)" ""
	there=$(sessions)
	scoutfs-trace recover --output-dir $out >/tmp/rec.out 2>/tmp/rec.err
	status=$?
	ok "recover makes a bundle of what is there, or removes what holds nothing" [ $status = 0 -o $status = 4 ]
	is "no folder is left" "$(sessions)" ""
	for b in $(bundles); do
		ok "the bundle is whole" whole "$b"
	done
	echo "# left by the cut: ${there:-nothing}; made of it: $(bundles)"
	echo "# without any allowance: yes"
	finish
fi
if [ "$moment" != finishing ]; then
	is "no bundle is there yet" "$(bundles)" ""
	is "the session's folder is there" "$(sessions | wc -l)" 1
fi
session=$(sessions)
if [ -n "$session" ] && [ -z "$(bundles)" ]; then
	scoutfs-trace recover "$session" -o $out >/tmp/rec.out 2>/tmp/rec.err
	status=$?
	ok "it can be recovered" [ $status = 0 -o $status = 4 ]
fi
bundle=$(bundles | tail -1)
ok "the bundle opens" unpack "$bundle"
# All that had been fired by then, by the trace's own stamps; and nothing twice.
trace-cmd report --nodate -t -i /tmp/b/trace.dat 2>/dev/null | sed -n 's/.*\] *\([0-9]*\)\.\([0-9]*\):.*scoutfs_net_send_message:.* seq \([0-9]*\).*/\1\2 \3/p' >/tmp/stamps
have() { awk -v mono="$1" '$1 <= mono' /tmp/stamps | wc -l; } # MONO
have=$(have "$mono")
echo "# fired by then: $count, in the bundle: $have, in all: $(wc -l </tmp/stamps)"
echo "# without any allowance: $([ "$(have "$strict_mono")" -ge "$strict_count" ] && echo yes || echo no)"
ok "everything older than the lag bound is in the bundle" [ "$have" -ge "$count" ]
is "nothing is in it twice" "$(cut -d' ' -f2 /tmp/stamps | sort -n | uniq -d | wc -l)" 0
ok "and it is more than nothing" [ -s /tmp/stamps ]
ok "packets.pcap can be read" tcpdump -Z root -qnr /tmp/b/packets.pcap
finish
