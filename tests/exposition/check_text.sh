#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# check_text.sh PRINT_EXPOSITION: promtool parses the text format; it must refuse a broken one.
set -eu
out=$(mktemp)
trap 'rm -f "$out"' EXIT
"$1" text >"$out"

# The sample holds a family without help on purpose, the one thing promtool may find: it ends with 3 for
# that, and with another status when it cannot read the text or does not run at all.
status=0
lint=$(promtool check metrics <"$out" 2>&1) || status=$?
unexpected=$(printf '%s\n' "$lint" | sed '/^kernel_temperature no help text$/d')
if [ "$status" -ne 3 ]; then
	printf 'promtool ended with %s: %s\n' "$status" "$lint" >&2
	exit 1
fi
if [ -n "$unexpected" ]; then
	printf 'promtool: %s\n' "$unexpected" >&2
	exit 1
fi

if { cat "$out"; echo 'kernel_entries{device="unclosed} 1'; } | promtool check metrics >/dev/null 2>&1; then
	echo 'promtool accepted a broken exposition: this check proves nothing' >&2
	exit 1
fi
