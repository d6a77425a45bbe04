# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# The module's own count on the console, ten times a second. The count is taken before the time.
tell_truth() {
	local key value fired=0
	while :; do
		while read -r key value; do
			case $key in
			fired) fired=$value ;;
			mono) echo "truth $value $fired end" ;;
			esac
		done <$control
		sleep 0.1
	done
}
