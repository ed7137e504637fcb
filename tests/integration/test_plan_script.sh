#!/bin/bash
# SPDX-License-Identifier: MIT
# netlab-test: timeout=700 heavy
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

# Names of a topology's hosts and routers, one a line.
ip_nodes_of() {
	python3 - "$1" <<'END'
import json, sys
topology = json.load(open(sys.argv[1]))
default = topology.get("defaults", {}).get("node", {}).get("kind", "host")
for name, node in topology["nodes"].items():
    if node.get("kind", default) not in ("switch", "hub"):
        print(name)
END
}

# What `netlab --json show` says, as lines `NAME PID`; the fabric's is the supervisor's.
pids_of_show() {
	python3 -c '
import json, sys
lab = json.load(sys.stdin)
print(".fabric", lab["pid"])
for name, node in lab["nodes"].items():
    print(name, node["pid"])'
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
	local pid=$1

	echo "a $pid" | "$snapshot" "$work" once
	echo "a $pid" | "$snapshot" "$work" again
	diff "$work/a.once" "$work/a.again" || fail 'two snapshots of one namespace differ'
	nsenter --net="/proc/$pid/ns/net" ip route add 203.0.113.0/24 dev lo
	echo "a $pid" | "$snapshot" "$work" again
	if diff "$work/a.once" "$work/a.again" >/dev/null; then fail 'a snapshot does not see a route'; fi
}

build_both_ways() {
	local topology=$1 name=$2 script=$work/$2.sh node seen=$work/$2 peers=()

	mkdir -p "$seen"
	made+=("$script")
	sh "$script" up
	mapfile -t peers < <(ip_nodes_of "$topology")
	for node in "${peers[@]}"; do
		case $name in everything | services) break ;; esac # links that are cut, a host between two others
		# The script does not wait until the kernel takes packets for a new IPv6 address: a second chance.
		sh "$script" exec "${peers[0]}" ping -c 1 -W 1 "$node" >"$work/said" ||
			sh "$script" exec "${peers[0]}" ping -c 1 -W 5 "$node" >"$work/said" ||
			fail "$name: '${peers[0]}' does not reach '$node': $(cat "$work/said")"
	done
	(cd "$NETLAB_SH_STATE/$name/pid" && grep -r '' .fabric ./*) | sed 's|^\./||; s|:| |' |
		"$snapshot" "$seen" script
	[ $built -gt 0 ] || see_differences "$(cat "$NETLAB_SH_STATE/$name/pid/${peers[0]}")"
	sh "$script" down
	[ ! -e "$NETLAB_SH_STATE/$name" ] || fail "$name: 'down' left $(ls "$NETLAB_SH_STATE/$name")"

	"${netlab[@]}" up "$topology" >/dev/null
	"${netlab[@]}" --json show "$name" | pids_of_show | "$snapshot" "$seen" netlab
	"${netlab[@]}" down "$name" >/dev/null

	for node in .fabric "${peers[@]}"; do
		[ -s "$seen/$node.script" ] || fail "$name: no snapshot of '$node'"
	done
	for node in "$seen"/*.script "$seen"/.fabric.script; do
		diff -u "$node" "${node%.script}.netlab" ||
			fail "$name: the script's lab (-) and netlab's (+) differ in $(basename "$node" .script)"
	done
}

# The words of netem in a script that none before it had.
new_words() {
	grep '^qdisc replace .* netem' "$1" |
		grep -owE 'delay|distribution|loss|state|gemodel|ecn|corrupt|duplicate|reorder|gap|slot|rate|limit|seed' |
		sort -u | grep -vxF -f "$work/words.seen" >"$work/words.new" || return 1
	cat "$work/words.new" >>"$work/words.seen"
}

ip -o link >"$work/links.before"
: >"$work/words.seen"
built=0 read_only=0 refused=0 elsewhere=0
[ $# -gt 0 ] || set -- "$NETLAB_TOP"/topologies/*.json "$NETLAB_TOP"/tests/golden/everything.json
for topology; do
	name=$(basename "$topology" .json)
	"$NETLAB" plan "$topology" --format sh >"$work/$name.sh" 2>"$work/said" ||
		{ cat "$work/said"; fail "$name: no plan"; }
	# The VM is slow, and the host builds those that need no netem: it builds those in which netem is told something new.
	if [ -n "${NETLAB_HOST_RAN-}" ] && ! new_words "$work/$name.sh"; then
		elsewhere=$((elsewhere + 1))
		continue
	fi
	sh -n "$work/$name.sh"
	if [ -z "${NETLAB_HOST_RAN-}" ] && command -v shellcheck >/dev/null; then
		shellcheck "$work/$name.sh" || fail "$name: shellcheck"
	fi
	if grep -q '^# This lab cannot be built by a script' "$work/$name.sh"; then
		code=0
		sh "$work/$name.sh" up 2>"$work/said" || code=$?
		[ $code = 4 ] || fail "$name: the script of a lab that none can build ended with $code"
		grep -q "$name: only netlab itself has the wire" "$work/said" || fail "$name: $(cat "$work/said")"
		refused=$((refused + 1))
	elif grep -q '^# Its timeline is not in here' "$work/$name.sh"; then
		read_only=$((read_only + 1)) # netlab's lab changes by itself
	elif grep -q '^qdisc replace .* netem' "$work/$name.sh" && ! has_netem; then
		check_words "$work/$name.sh"
		read_only=$((read_only + 1))
	else
		build_both_ways "$topology" "$name"
		built=$((built + 1))
	fi
done
ip -o link | diff "$work/links.before" - || fail "the host's links changed"
[ $((built + read_only + refused + elsewhere)) = $# ] ||
	fail "$built, $read_only, $refused and $elsewhere of $# topologies"
[ $(((built + elsewhere + refused) * 2)) -ge $# ] || fail "only $built of $# topologies were built"
[ $built -gt 0 ] || fail 'no topology was built'
echo "$built topologies built both ways, $read_only only read, $refused are the wire's, which no script has;" \
	"$elsewhere left to the host"
