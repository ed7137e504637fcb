#!/bin/bash
# SPDX-License-Identifier: MIT
# netlab-test: timeout=300
#
# 'netlab plan --format sh' is a second way to build a lab, made of other people's programs. Every example is built both
# ways, and what the kernel then says of links, addresses, routes, neighbours, settings, qdiscs and filters in every
# namespace must be the same. Then the script's lab answers pings by name, and 'down' leaves nothing.
set -euo pipefail

fail() {
	echo "FAIL: $*" >&2
	exit 1
}

[ "$(id -u)" = 0 ] || {
	[ -z "${NETLAB_MUST_WORK-}" ] || fail 'this needs root'
	echo 'skipped: this needs root'
	exit 77
}

work=$(mktemp -d)
export NETLAB_SH_STATE=$work/sh
netlab=("$NETLAB" --state-dir "$work/labs")
snapshot=$NETLAB_TOP/tests/support/snapshot.py
made=() # scripts that were run

cleanup() {
	for script in "${made[@]-}"; do
		[ -z "$script" ] || sh "$script" down || true
	done
	"${netlab[@]}" down --all >/dev/null 2>&1 || true
	rm -rf "$work"
}
trap cleanup EXIT

has_netem() {
	unshare --net sh -c 'ip link set dev lo up && tc qdisc add dev lo root netem delay 1ms' >/dev/null 2>&1
}

# Nodes of one kind or another, one a line.
nodes_of() {
	python3 - "$1" "$2" <<'END'
import json, sys
topology, wanted = json.load(open(sys.argv[1])), sys.argv[2]
default = topology.get("defaults", {}).get("node", {}).get("kind", "host")
for name, node in topology["nodes"].items():
    ip = node.get("kind", default) not in ("switch", "hub")
    if wanted == "all" or ip:
        print(name)
END
}

# tc's parser is asked about the words of qdiscs that this kernel has not: it complains of words before it looks for
# the device, which is not there.
check_words() {
	# shellcheck disable=SC2016 # ${seed is the script's text
	sed -n 's/^\(qdisc replace .*\)\${seed.*/\1/p' "$1" >"$work/words"
	[ -s "$work/words" ] || fail "$1 shapes nothing"
	unshare --net tc -force -batch "$work/words" >"$work/said" 2>&1 || true
	if grep -v -e '^Cannot find device' -e '^Command failed' "$work/said"; then
		fail "tc does not understand $1"
	fi
	[ "$(grep -c '^Cannot find device' "$work/said")" = "$(wc -l <"$work/words")" ] || fail "tc stopped in $1"
}

# A comparison that cannot fail would prove nothing: one route more is seen.
see_differences() {
	local pid

	pid=$(cat "$1")
	"$snapshot" "$pid" >"$work/once"
	"$snapshot" "$pid" >"$work/again"
	diff "$work/once" "$work/again" || fail 'two snapshots of one namespace differ'
	nsenter --net="/proc/$pid/ns/net" ip route add 203.0.113.0/24 dev lo
	"$snapshot" "$pid" >"$work/again"
	if diff "$work/once" "$work/again" >/dev/null; then fail 'a snapshot does not see a route'; fi
}

build_both_ways() {
	local topology=$1 name=$2 script=$work/$2.sh pid node peers=()

	mkdir -p "$work/$name"
	made+=("$script")
	sh "$script" up
	mapfile -t peers < <(nodes_of "$topology" ip)
	for node in "${peers[@]}"; do
		# The script does not wait until the kernel takes packets for a new IPv6 address: a second chance.
		sh "$script" exec "${peers[0]}" ping -c 1 -W 1 "$node" >"$work/said" ||
			sh "$script" exec "${peers[0]}" ping -c 1 -W 5 "$node" >"$work/said" ||
			fail "$name: '${peers[0]}' does not reach '$node': $(cat "$work/said")"
	done

	"$snapshot" "$(cat "$NETLAB_SH_STATE/$name/pid/.fabric")" >"$work/$name/fabric.script"
	for node in $(nodes_of "$topology" all); do
		pid=$(cat "$NETLAB_SH_STATE/$name/pid/$node")
		"$snapshot" "$pid" >"$work/$name/$node.script"
	done
	[ "$name" != two-hosts ] || see_differences "$NETLAB_SH_STATE/$name/pid/${peers[0]}"
	sh "$script" down
	[ ! -e "$NETLAB_SH_STATE/$name" ] || fail "$name: 'down' left $(ls "$NETLAB_SH_STATE/$name")"

	"${netlab[@]}" up "$topology" >/dev/null
	"${netlab[@]}" --json show "$name" >"$work/$name/show"
	pid=$(python3 -c 'import json,sys; print(json.load(open(sys.argv[1]))["pid"])' "$work/$name/show")
	"$snapshot" "$pid" >"$work/$name/fabric.netlab"
	for node in $(nodes_of "$topology" all); do
		pid=$(python3 -c 'import json,sys; print(json.load(open(sys.argv[1]))["nodes"][sys.argv[2]]["pid"])' \
			"$work/$name/show" "$node")
		"$snapshot" "$pid" >"$work/$name/$node.netlab"
	done
	"${netlab[@]}" down "$name" >/dev/null

	for node in fabric $(nodes_of "$topology" all); do
		diff -u "$work/$name/$node.script" "$work/$name/$node.netlab" ||
			fail "$name: '$node' is not the same in the script's lab and in netlab's"
	done
}

ip -o link >"$work/links.before"
built=0 read_only=0
for topology in "$NETLAB_TOP"/topologies/*.json "$NETLAB_TOP"/tests/golden/everything.json; do
	name=$(basename "$topology" .json)
	"$NETLAB" plan "$topology" --format sh >"$work/$name.sh" 2>"$work/said" ||
		{ cat "$work/said"; fail "$name: no plan"; }
	sh -n "$work/$name.sh"
	if ! command -v shellcheck >/dev/null || shellcheck "$work/$name.sh"; then :; else fail "$name: shellcheck"; fi
	if grep -q '^qdisc replace .* netem' "$work/$name.sh" && ! has_netem; then
		check_words "$work/$name.sh"
		read_only=$((read_only + 1))
	else
		build_both_ways "$topology" "$name"
		built=$((built + 1))
	fi
done
ip -o link | diff "$work/links.before" - || fail "the host's links changed"
[ $built -ge 7 ] || fail "only $built topologies were built"
echo "$built topologies built both ways, $read_only only read: the kernel has no netem"
