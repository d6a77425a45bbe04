# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# kernel: lockdown=confidentiality
# seconds: 1800
#
# A host that was booted with lockdown=confidentiality: tracefs is there and empty. It is the lockdown that is named, not a
# module that is not loaded, whether or not securityfs tells of it.
. /tests/lib.sh
. /tests/refused.sh
mount -t tmpfs -o mode=0700 none /out
ok "tracefs is empty" bash -c "[ -d $tracing ] && [ ! -e $tracing/trace_clock ]"
ok "check names the lockdown, and what to do" checked 1 "ERROR  *tracing .*lockdown=confidentiality" "lockdown=integrity is all right"
ok "so does the recorder, and nothing is left" recorder_refused "lockdown=confidentiality.*lockdown=integrity is all right"
mount -t securityfs none /sys/kernel/security
ok "the same from securityfs" checked 1 "ERROR  *tracing .*lockdown is in confidentiality mode" "fix: Boot with lockdown=integrity"
ok "so does the recorder, and nothing is left" recorder_refused "lockdown is in confidentiality mode.*Boot with lockdown=integrity"
finish
