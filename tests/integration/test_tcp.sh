#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What the reports say of TCP, beside ss(8): two real connections over a link; one is filled until nothing more goes in, the other
# loses segments while the link is down. They were there before the recorder, so that it has each retransmission. What is
# compared is what ss shows while nothing moves.
#
#     sudo SCOUTFS_TRACE=build/src/scoutfs-trace SIM=build/tests/sim/sim tests/integration/test_tcp.sh
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
begin ss nsenter
address=10.77.0.1
server=
client=

# The other end of the link has a network namespace of its own, which lives as long as its process.
unshare --net sleep 600 9>&- &
other=$!
test_cleanup() {
	exec 3>&- 4>&-
	kill $other $server $client 2>/dev/null
	wait $other $server $client 2>/dev/null
}
is_apart() { [ "$(readlink /proc/self/ns/net)" != "$(readlink /proc/$other/ns/net)" ]; }
until_true is_apart
there() { nsenter --net=/proc/$other/ns/net "$@"; }
ip link add here type veth peer name there netns $other 2>/dev/null || skip "no pairs of interfaces (veth)"
ip addr add $address/24 dev here
ip link set here up
there ip addr add 10.77.0.2/24 dev there
there ip link set there up

mkfifo "$work/to_server" "$work/to_client"
python3 "$here/tcp_ends.py" serve $address $port <"$work/to_server" >"$work/server" 9>&- &
server=$!
exec 3>"$work/to_server"
until_true has_line "$work/server" listening
there python3 "$here/tcp_ends.py" connect $address $port <"$work/to_client" >"$work/client" 3>&- 9>&- &
client=$!
exec 4>"$work/to_client"
until_true has_line "$work/client" connected && until_true has_line "$work/server" connected
tell() { # server|client WORD: and wait until it is done
	case $1 in server) echo "$2" >&3 ;; client) echo "$2" >&4 ;; esac
	until_true has_line "$work/$1" "^$2\$"
}

# A line for each connection: the figures that are compared. Others change while nothing moves, as how long it is idle.
sockets() {
	ss -tinOH state established "( sport = :$port )" |
		awk '{ for (i = 5; i <= NF; i++) if ($i ~ /^(cwnd|notsent|unacked|rtt|retrans|bytes_acked|bytes_sent|segs_out|data_segs_out):/) printf "%s ", $i; print "" }'
}
sum() { grep -oE "\b$2" "$work/$1" | sed 's/.*[:/]//' | awk '{ s += $1 } END { printf "%d\n", s }'; } # NAME PATTERN: the numbers at its end
two_samples() { until_true recorded_at_least .series.samples $(($(status_field .series.samples) + 2)); }
# What ss showed before two samples and after them, in $work/NAME.
is_still() {
	sockets >"$work/$1"
	two_samples && cmp -s "$work/$1" <(sockets)
}
is_idle() { is_still "$1" && ! grep -qE 'unacked:|notsent:' "$work/$1"; }
retransmitted() { sockets >"$work/lost" && [ "$(sum lost 'retrans:[0-9]+/[0-9]+')" -ge 2 ]; }

course() {
	record --sample tcpinfo@0.05 && two_samples && tell server talk && until_true is_idle before &&
		tell client hold && tell server stall && until_true is_still stalled || return 1
	there ip link set there down
	tell server lose && until_true retransmitted || return 1
	there ip link set there up
	tell client read && until_true is_idle after && recorder_signal TERM && unpack
}
ok "a connection is filled, another loses segments" course
ok "ss saw both" test "$(sum stalled 'notsent:[0-9]+')" -gt 100000 -a "$(sum after 'retrans:[0-9]+/[0-9]+')" -ge 2

# 4: there is no trace in it, nor a message of scoutfs.
plots() { "$bin" report "$bundle" --gnuplot "$work/plots" >"$work/table" || [ $? = 4 ]; }
ok "files for gnuplot" plots
last() { tail -1 "$work/plots/$1" | cut -f2; }
most() { cut -f2 "$work/plots/$1" | sort -g | tail -1; }
backlog() {
	# What ss saw while nothing moved; a moment before, some more may have waited.
	cut -f2 "$work/plots/backlog" | grep -qx "$(sum stalled 'notsent:[0-9]+')" && same 0 "$(last backlog)" "in the end"
}
ok "backlog: what was not sent" backlog
timeo() { same "$(sum after 'retrans:[0-9]+/[0-9]+')" "$(awk '{ s += $2 } END { print s }' "$work/plots/timeo")" retransmissions; }
ok "timeo: all of them are what was retransmitted" timeo
cwnd() {
	same "$(sum after 'cwnd:[0-9]+')" "$(last cwnd)" "in the end" && cut -f2 "$work/plots/cwnd" | grep -qx "$(sum stalled 'cwnd:[0-9]+')"
}
ok "cwnd: of both connections" cwnd
rtt() { # ss has milliseconds
	same "$(grep -oE '\brtt:[0-9.]+' "$work/after" | cut -d: -f2 | awk '{ s += $1 * 1000 } END { printf "%.1f", s / NR }')" \
		"$(last rtt | awk '{ printf "%.1f", $1 }')" "in the end"
}
ok "rtt: the mean of both" rtt

# A row for each figure of each connection: its first and last value.
counters() {
	local pair got
	"$bin" report "$bundle" series --format json >"$work/series.json" || [ $? = 4 ] || return 1
	for pair in bytes_acked:bytes_acked bytes_sent:bytes_sent segs_out:segs_out data_segs_out:data_segs_out 'retrans:[0-9]+/:total_retrans'; do
		got=$(jq "[.reports.series.tables | (.counters, .gauges).rows[] | select(.counter | endswith(\".${pair##*:}\")) | .last] | add" "$work/series.json")
		same "$(sum after "${pair%:*}:?[0-9]+")" "$got" "${pair##*:}" || return 1
	done
}
ok "report series: the last values" counters
finish
