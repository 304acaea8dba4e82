#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs two cases of the contract suite as two processes at once, and fails if either does.
# usage: two_processes.sh CONTRACT CASE CASE
"$1" "$2" &
first=$!
"$1" "$3"
status=$?
wait "$first" || exit 1
exit "$status"
