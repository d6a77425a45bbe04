#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# mandoc finds no fault in the manual pages. That a page which is not installed is not found is no fault.
# usage: test_man_lint.sh PAGE...; exit status 77 = skipped
set -u
command -v mandoc >/dev/null || { echo "skipped: mandoc is not installed"; exit 77; }
failed=0
for page; do
	[ -s "$page" ] || { echo "not ok - there is no $page"; failed=1; continue; }
	if mandoc -T lint "$page" 2>/dev/null | grep -v 'referenced manual not found'; then
		failed=1
		echo "not ok - $page"
	else
		echo "ok - $page"
	fi
done
exit $failed
