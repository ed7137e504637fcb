#!/bin/sh
# Lab 'leaf-spine', as 'netlab plan --format sh' prints it: what 'netlab up' makes, in words of iproute2 and
# util-linux. Needs root.
#
#   sh leaf-spine.sh up               make the lab
#   sh leaf-spine.sh exec NODE CMD... run a command in a node
#   sh leaf-spine.sh down             remove it
#
# A lab is processes. Each node is one, asleep, which holds the node's namespaces; the "fabric" is one more,
# whose network namespace has the middle of every link. When the processes are gone, so is the lab: nothing of
# it is ever in the host's network namespace.
# shellcheck disable=SC2016,SC2086 # what is in single quotes is for another shell; $settings are words
set -eu
lab='leaf-spine'
state=${NETLAB_SH_STATE:-/run/netlab-sh}/$lab

of_host='
	net/ipv4/ping_group_range=0 2147483647
	net/ipv4/ip_forward=0
	net/ipv4/conf/all/rp_filter=0
	net/ipv4/conf/default/rp_filter=0
	net/ipv6/conf/default/mldv2_unsolicited_report_interval=1728000000
	net/ipv6/conf/all/accept_dad=0
	net/ipv6/conf/default/accept_dad=0
	net/ipv6/conf/default/router_solicitations=0
	net/ipv6/conf/all/accept_ra=0
	net/ipv6/conf/default/accept_ra=0
	net/ipv4/fib_multipath_hash_policy=1
	net/ipv6/fib_multipath_hash_policy=1
'

of_router='
	net/ipv4/ping_group_range=0 2147483647
	net/ipv4/ip_forward=1
	net/ipv4/conf/all/rp_filter=0
	net/ipv4/conf/default/rp_filter=0
	net/ipv6/conf/default/mldv2_unsolicited_report_interval=1728000000
	net/ipv6/conf/all/accept_dad=0
	net/ipv6/conf/default/accept_dad=0
	net/ipv6/conf/default/router_solicitations=0
	net/ipv6/conf/all/accept_ra=0
	net/ipv6/conf/default/accept_ra=0
	net/ipv6/conf/all/forwarding=1
	net/ipv4/fib_multipath_hash_policy=1
	net/ipv6/fib_multipath_hash_policy=1
'

die() {
	echo "$lab: $*" >&2
	exit 1
}

# Every process of the lab inherits descriptor 4 and with it the lock: it is free when the last has gone.
# Each says "up" on descriptor 3, a pipe, when its namespaces are there.

fabric() {
	unshare --net sh -ec '
		trap "echo failed >&3" EXIT
		for which in all default; do # the fabric only moves frames
			[ ! -d /proc/sys/net/ipv6 ] || echo 1 >/proc/sys/net/ipv6/conf/$which/disable_ipv6
		done
		echo up >&3
		exec sleep infinity 3>&-
	' </dev/null >>"$state/log" 2>&1 &
	echo $! >"$state/pid/.fabric"
	fabric=$!
}

# node NAME HOSTNAME [SYSCTL=VALUE]...: settings are there before any interface, which then inherits them
node() {
	name=$1 hostname=$2
	shift 2
	unshare --pid --net --mount --uts --ipc --kill-child --mount-proc sh -ec '
		trap "echo failed >&3" EXIT
		echo "$1" >/proc/sys/kernel/hostname
		[ ! -e "$2/hosts" ] || mount --bind "$2/hosts" /etc/hosts
		resolver=$2/resolv.conf
		[ ! -e "$resolver.$4" ] || resolver=$resolver.$4
		[ ! -e /etc/resolv.conf ] || mount --bind "$resolver" /etc/resolv.conf
		echo "$3" | while read -r setting; do # a line each
			[ ! "$setting" ] || echo "${setting#*=}" >"/proc/sys/${setting%%=*}"
		done
		shift 4
		for setting; do echo "${setting#*=}" >"/proc/sys/${setting%%=*}"; done
		echo up >&3
		exec sleep infinity 3>&-
	' "node $name" "$hostname" "$state" "$settings" "$name" "$@" </dev/null >>"$state/log" 2>&1 &
	echo $! >"$state/pid/$name"
}

# await N: until N processes have said "up"
await() {
	left=$1
	while [ "$left" -gt 0 ]; do
		read -r answer <&3
		[ "$answer" = up ] || { cat "$state/log" >&2; die 'a node could not be set up'; }
		left=$((left - 1))
	done
}

# net PID CMD...: in that process's network namespace
net() {
	pid=$1
	shift
	nsenter --net="/proc/$pid/ns/net" "$@"
}

# inside PID CMD...: in all namespaces of that node
inside() {
	pid=$1
	shift
	nsenter --target "$pid" --net --mount --uts --ipc --pid="/proc/$pid/ns/pid_for_children" -- "$@"
}

# settle PID: until no port of that switch is still finding its place in the spanning tree
settle() {
	while net "$1" ip -d -o link show type bridge_slave | grep -qE 'state (listening|learning)'; do
		sleep 0.1
	done
}

down() {
	[ -d "$state" ] || return 0
	if ! flock -n "$state/lock" true; then
		for file in "$state"/pid/* "$state"/pid/.fabric; do
			[ ! -e "$file" ] || kill -KILL "$(cat "$file")" 2>/dev/null || :
		done
		flock "$state/lock" true
	fi
	rm -rf "$state"
}

begin() {
	mkdir -p "$state/pid"
	exec 4>"$state/lock"
	flock -n 4 || die 'it is up already'
	trap 'exec 4>&-; down' EXIT
	trap 'exit 1' HUP INT TERM
	rm -f "$state/ready"
	mkfifo "$state/ready"
	exec 3<>"$state/ready"
}

up() {
	begin
	cat >"$state/hosts" <<'END'
127.0.0.1 localhost
::1 localhost ip6-localhost ip6-loopback
10.0.0.17 spine1
fd00:6e6c::11 spine1
10.0.0.19 spine2
fd00:6e6c::13 spine2
10.0.0.1 leaf1
fd00:6e6c::1 leaf1
10.0.0.5 leaf2
fd00:6e6c::5 leaf2
10.0.0.9 leaf3
fd00:6e6c::9 leaf3
10.0.0.13 leaf4
fd00:6e6c::d leaf4
10.0.0.0 s1
fd00:6e6c:: s1
10.0.0.2 s2
fd00:6e6c::2 s2
10.0.0.4 s3
fd00:6e6c::4 s3
10.0.0.6 s4
fd00:6e6c::6 s4
10.0.0.8 s5
fd00:6e6c::8 s5
10.0.0.10 s6
fd00:6e6c::a s6
10.0.0.12 s7
fd00:6e6c::c s7
10.0.0.14 s8
fd00:6e6c::e s8
END
	cat >"$state/resolv.conf" <<'END'
# No server. Names of the lab are in /etc/hosts; "dns" in the topology gives servers.
options timeout:1 attempts:1
END

	# the fabric and the nodes
	fabric
	settings=$of_router
	node spine1 spine1
	n0=$!
	settings=$of_router
	node spine2 spine2
	n1=$!
	settings=$of_router
	node leaf1 leaf1
	n2=$!
	settings=$of_router
	node leaf2 leaf2
	n3=$!
	settings=$of_router
	node leaf3 leaf3
	n4=$!
	settings=$of_router
	node leaf4 leaf4
	n5=$!
	settings=$of_host
	node s1 s1
	n6=$!
	settings=$of_host
	node s2 s2
	n7=$!
	settings=$of_host
	node s3 s3
	n8=$!
	settings=$of_host
	node s4 s4
	n9=$!
	settings=$of_host
	node s5 s5
	n10=$!
	settings=$of_host
	node s6 s6
	n11=$!
	settings=$of_host
	node s7 s7
	n12=$!
	settings=$of_host
	node s8 s8
	n13=$!
	await 15

	# links: each end is a pair of interfaces, one in the node and one in the fabric
	net "$fabric" ip -batch - <<END
link add L0.a index 1048576 address 06:6e:6c:00:00:00 mtu 9000 numtxqueues 1 numrxqueues 1 type veth peer name eth0 index 101 address 02:6e:6c:00:00:00 mtu 9000 numtxqueues 1 numrxqueues 1 netns $n6
link add L0.b index 1048577 address 06:6e:6c:00:00:01 mtu 9000 numtxqueues 1 numrxqueues 1 type veth peer name eth0 index 101 address 02:6e:6c:00:00:01 mtu 9000 numtxqueues 1 numrxqueues 1 netns $n2
link add L1.a index 1048578 address 06:6e:6c:00:00:02 mtu 9000 numtxqueues 1 numrxqueues 1 type veth peer name eth0 index 101 address 02:6e:6c:00:00:02 mtu 9000 numtxqueues 1 numrxqueues 1 netns $n7
link add L1.b index 1048579 address 06:6e:6c:00:00:03 mtu 9000 numtxqueues 1 numrxqueues 1 type veth peer name eth1 index 102 address 02:6e:6c:00:00:03 mtu 9000 numtxqueues 1 numrxqueues 1 netns $n2
link add L2.a index 1048580 address 06:6e:6c:00:00:04 mtu 9000 numtxqueues 1 numrxqueues 1 type veth peer name eth0 index 101 address 02:6e:6c:00:00:04 mtu 9000 numtxqueues 1 numrxqueues 1 netns $n8
link add L2.b index 1048581 address 06:6e:6c:00:00:05 mtu 9000 numtxqueues 1 numrxqueues 1 type veth peer name eth0 index 101 address 02:6e:6c:00:00:05 mtu 9000 numtxqueues 1 numrxqueues 1 netns $n3
link add L3.a index 1048582 address 06:6e:6c:00:00:06 mtu 9000 numtxqueues 1 numrxqueues 1 type veth peer name eth0 index 101 address 02:6e:6c:00:00:06 mtu 9000 numtxqueues 1 numrxqueues 1 netns $n9
link add L3.b index 1048583 address 06:6e:6c:00:00:07 mtu 9000 numtxqueues 1 numrxqueues 1 type veth peer name eth1 index 102 address 02:6e:6c:00:00:07 mtu 9000 numtxqueues 1 numrxqueues 1 netns $n3
link add L4.a index 1048584 address 06:6e:6c:00:00:08 mtu 9000 numtxqueues 1 numrxqueues 1 type veth peer name eth0 index 101 address 02:6e:6c:00:00:08 mtu 9000 numtxqueues 1 numrxqueues 1 netns $n10
link add L4.b index 1048585 address 06:6e:6c:00:00:09 mtu 9000 numtxqueues 1 numrxqueues 1 type veth peer name eth0 index 101 address 02:6e:6c:00:00:09 mtu 9000 numtxqueues 1 numrxqueues 1 netns $n4
link add L5.a index 1048586 address 06:6e:6c:00:00:0a mtu 9000 numtxqueues 1 numrxqueues 1 type veth peer name eth0 index 101 address 02:6e:6c:00:00:0a mtu 9000 numtxqueues 1 numrxqueues 1 netns $n11
link add L5.b index 1048587 address 06:6e:6c:00:00:0b mtu 9000 numtxqueues 1 numrxqueues 1 type veth peer name eth1 index 102 address 02:6e:6c:00:00:0b mtu 9000 numtxqueues 1 numrxqueues 1 netns $n4
link add L6.a index 1048588 address 06:6e:6c:00:00:0c mtu 9000 numtxqueues 1 numrxqueues 1 type veth peer name eth0 index 101 address 02:6e:6c:00:00:0c mtu 9000 numtxqueues 1 numrxqueues 1 netns $n12
link add L6.b index 1048589 address 06:6e:6c:00:00:0d mtu 9000 numtxqueues 1 numrxqueues 1 type veth peer name eth0 index 101 address 02:6e:6c:00:00:0d mtu 9000 numtxqueues 1 numrxqueues 1 netns $n5
link add L7.a index 1048590 address 06:6e:6c:00:00:0e mtu 9000 numtxqueues 1 numrxqueues 1 type veth peer name eth0 index 101 address 02:6e:6c:00:00:0e mtu 9000 numtxqueues 1 numrxqueues 1 netns $n13
link add L7.b index 1048591 address 06:6e:6c:00:00:0f mtu 9000 numtxqueues 1 numrxqueues 1 type veth peer name eth1 index 102 address 02:6e:6c:00:00:0f mtu 9000 numtxqueues 1 numrxqueues 1 netns $n5
link add L8.a index 1048592 address 06:6e:6c:00:00:10 mtu 9000 numtxqueues 1 numrxqueues 1 type veth peer name eth2 index 103 address 02:6e:6c:00:00:10 mtu 9000 numtxqueues 1 numrxqueues 1 netns $n2
link add L8.b index 1048593 address 06:6e:6c:00:00:11 mtu 9000 numtxqueues 1 numrxqueues 1 type veth peer name eth0 index 101 address 02:6e:6c:00:00:11 mtu 9000 numtxqueues 1 numrxqueues 1 netns $n0
link add L9.a index 1048594 address 06:6e:6c:00:00:12 mtu 9000 numtxqueues 1 numrxqueues 1 type veth peer name eth3 index 104 address 02:6e:6c:00:00:12 mtu 9000 numtxqueues 1 numrxqueues 1 netns $n2
link add L9.b index 1048595 address 06:6e:6c:00:00:13 mtu 9000 numtxqueues 1 numrxqueues 1 type veth peer name eth0 index 101 address 02:6e:6c:00:00:13 mtu 9000 numtxqueues 1 numrxqueues 1 netns $n1
link add L10.a index 1048596 address 06:6e:6c:00:00:14 mtu 9000 numtxqueues 1 numrxqueues 1 type veth peer name eth2 index 103 address 02:6e:6c:00:00:14 mtu 9000 numtxqueues 1 numrxqueues 1 netns $n3
link add L10.b index 1048597 address 06:6e:6c:00:00:15 mtu 9000 numtxqueues 1 numrxqueues 1 type veth peer name eth1 index 102 address 02:6e:6c:00:00:15 mtu 9000 numtxqueues 1 numrxqueues 1 netns $n0
link add L11.a index 1048598 address 06:6e:6c:00:00:16 mtu 9000 numtxqueues 1 numrxqueues 1 type veth peer name eth3 index 104 address 02:6e:6c:00:00:16 mtu 9000 numtxqueues 1 numrxqueues 1 netns $n3
link add L11.b index 1048599 address 06:6e:6c:00:00:17 mtu 9000 numtxqueues 1 numrxqueues 1 type veth peer name eth1 index 102 address 02:6e:6c:00:00:17 mtu 9000 numtxqueues 1 numrxqueues 1 netns $n1
link add L12.a index 1048600 address 06:6e:6c:00:00:18 mtu 9000 numtxqueues 1 numrxqueues 1 type veth peer name eth2 index 103 address 02:6e:6c:00:00:18 mtu 9000 numtxqueues 1 numrxqueues 1 netns $n4
link add L12.b index 1048601 address 06:6e:6c:00:00:19 mtu 9000 numtxqueues 1 numrxqueues 1 type veth peer name eth2 index 103 address 02:6e:6c:00:00:19 mtu 9000 numtxqueues 1 numrxqueues 1 netns $n0
link add L13.a index 1048602 address 06:6e:6c:00:00:1a mtu 9000 numtxqueues 1 numrxqueues 1 type veth peer name eth3 index 104 address 02:6e:6c:00:00:1a mtu 9000 numtxqueues 1 numrxqueues 1 netns $n4
link add L13.b index 1048603 address 06:6e:6c:00:00:1b mtu 9000 numtxqueues 1 numrxqueues 1 type veth peer name eth2 index 103 address 02:6e:6c:00:00:1b mtu 9000 numtxqueues 1 numrxqueues 1 netns $n1
link add L14.a index 1048604 address 06:6e:6c:00:00:1c mtu 9000 numtxqueues 1 numrxqueues 1 type veth peer name eth2 index 103 address 02:6e:6c:00:00:1c mtu 9000 numtxqueues 1 numrxqueues 1 netns $n5
link add L14.b index 1048605 address 06:6e:6c:00:00:1d mtu 9000 numtxqueues 1 numrxqueues 1 type veth peer name eth3 index 104 address 02:6e:6c:00:00:1d mtu 9000 numtxqueues 1 numrxqueues 1 netns $n0
link add L15.a index 1048606 address 06:6e:6c:00:00:1e mtu 9000 numtxqueues 1 numrxqueues 1 type veth peer name eth3 index 104 address 02:6e:6c:00:00:1e mtu 9000 numtxqueues 1 numrxqueues 1 netns $n5
link add L15.b index 1048607 address 06:6e:6c:00:00:1f mtu 9000 numtxqueues 1 numrxqueues 1 type veth peer name eth3 index 104 address 02:6e:6c:00:00:1f mtu 9000 numtxqueues 1 numrxqueues 1 netns $n1
END

	# what comes in at one end in the fabric goes out at the other
	net "$fabric" tc -batch - <<END
qdisc add dev L0.a clsact
qdisc add dev L0.b clsact
qdisc add dev L1.a clsact
qdisc add dev L1.b clsact
qdisc add dev L2.a clsact
qdisc add dev L2.b clsact
qdisc add dev L3.a clsact
qdisc add dev L3.b clsact
qdisc add dev L4.a clsact
qdisc add dev L4.b clsact
qdisc add dev L5.a clsact
qdisc add dev L5.b clsact
qdisc add dev L6.a clsact
qdisc add dev L6.b clsact
qdisc add dev L7.a clsact
qdisc add dev L7.b clsact
qdisc add dev L8.a clsact
qdisc add dev L8.b clsact
qdisc add dev L9.a clsact
qdisc add dev L9.b clsact
qdisc add dev L10.a clsact
qdisc add dev L10.b clsact
qdisc add dev L11.a clsact
qdisc add dev L11.b clsact
qdisc add dev L12.a clsact
qdisc add dev L12.b clsact
qdisc add dev L13.a clsact
qdisc add dev L13.b clsact
qdisc add dev L14.a clsact
qdisc add dev L14.b clsact
qdisc add dev L15.a clsact
qdisc add dev L15.b clsact
filter add dev L0.a ingress protocol all pref 1 u32 match u32 0 0 action mirred egress redirect dev L0.b
filter add dev L0.b ingress protocol all pref 1 u32 match u32 0 0 action mirred egress redirect dev L0.a
filter add dev L1.a ingress protocol all pref 1 u32 match u32 0 0 action mirred egress redirect dev L1.b
filter add dev L1.b ingress protocol all pref 1 u32 match u32 0 0 action mirred egress redirect dev L1.a
filter add dev L2.a ingress protocol all pref 1 u32 match u32 0 0 action mirred egress redirect dev L2.b
filter add dev L2.b ingress protocol all pref 1 u32 match u32 0 0 action mirred egress redirect dev L2.a
filter add dev L3.a ingress protocol all pref 1 u32 match u32 0 0 action mirred egress redirect dev L3.b
filter add dev L3.b ingress protocol all pref 1 u32 match u32 0 0 action mirred egress redirect dev L3.a
filter add dev L4.a ingress protocol all pref 1 u32 match u32 0 0 action mirred egress redirect dev L4.b
filter add dev L4.b ingress protocol all pref 1 u32 match u32 0 0 action mirred egress redirect dev L4.a
filter add dev L5.a ingress protocol all pref 1 u32 match u32 0 0 action mirred egress redirect dev L5.b
filter add dev L5.b ingress protocol all pref 1 u32 match u32 0 0 action mirred egress redirect dev L5.a
filter add dev L6.a ingress protocol all pref 1 u32 match u32 0 0 action mirred egress redirect dev L6.b
filter add dev L6.b ingress protocol all pref 1 u32 match u32 0 0 action mirred egress redirect dev L6.a
filter add dev L7.a ingress protocol all pref 1 u32 match u32 0 0 action mirred egress redirect dev L7.b
filter add dev L7.b ingress protocol all pref 1 u32 match u32 0 0 action mirred egress redirect dev L7.a
filter add dev L8.a ingress protocol all pref 1 u32 match u32 0 0 action mirred egress redirect dev L8.b
filter add dev L8.b ingress protocol all pref 1 u32 match u32 0 0 action mirred egress redirect dev L8.a
filter add dev L9.a ingress protocol all pref 1 u32 match u32 0 0 action mirred egress redirect dev L9.b
filter add dev L9.b ingress protocol all pref 1 u32 match u32 0 0 action mirred egress redirect dev L9.a
filter add dev L10.a ingress protocol all pref 1 u32 match u32 0 0 action mirred egress redirect dev L10.b
filter add dev L10.b ingress protocol all pref 1 u32 match u32 0 0 action mirred egress redirect dev L10.a
filter add dev L11.a ingress protocol all pref 1 u32 match u32 0 0 action mirred egress redirect dev L11.b
filter add dev L11.b ingress protocol all pref 1 u32 match u32 0 0 action mirred egress redirect dev L11.a
filter add dev L12.a ingress protocol all pref 1 u32 match u32 0 0 action mirred egress redirect dev L12.b
filter add dev L12.b ingress protocol all pref 1 u32 match u32 0 0 action mirred egress redirect dev L12.a
filter add dev L13.a ingress protocol all pref 1 u32 match u32 0 0 action mirred egress redirect dev L13.b
filter add dev L13.b ingress protocol all pref 1 u32 match u32 0 0 action mirred egress redirect dev L13.a
filter add dev L14.a ingress protocol all pref 1 u32 match u32 0 0 action mirred egress redirect dev L14.b
filter add dev L14.b ingress protocol all pref 1 u32 match u32 0 0 action mirred egress redirect dev L14.a
filter add dev L15.a ingress protocol all pref 1 u32 match u32 0 0 action mirred egress redirect dev L15.b
filter add dev L15.b ingress protocol all pref 1 u32 match u32 0 0 action mirred egress redirect dev L15.a
END
	net "$fabric" ip -batch - <<END
link set dev L0.a up
link set dev L0.b up
link set dev L1.a up
link set dev L1.b up
link set dev L2.a up
link set dev L2.b up
link set dev L3.a up
link set dev L3.b up
link set dev L4.a up
link set dev L4.b up
link set dev L5.a up
link set dev L5.b up
link set dev L6.a up
link set dev L6.b up
link set dev L7.a up
link set dev L7.b up
link set dev L8.a up
link set dev L8.b up
link set dev L9.a up
link set dev L9.b up
link set dev L10.a up
link set dev L10.b up
link set dev L11.a up
link set dev L11.b up
link set dev L12.a up
link set dev L12.b up
link set dev L13.a up
link set dev L13.b up
link set dev L14.a up
link set dev L14.b up
link set dev L15.a up
link set dev L15.b up
END

	# router spine1
	net "$n0" ip -batch - <<'END'
address add 10.0.0.17/31 dev eth0
address add fd00:6e6c::11/127 dev eth0 nodad
address add 10.0.0.21/31 dev eth1
address add fd00:6e6c::15/127 dev eth1 nodad
address add 10.0.0.25/31 dev eth2
address add fd00:6e6c::19/127 dev eth2 nodad
address add 10.0.0.29/31 dev eth3
address add fd00:6e6c::1d/127 dev eth3 nodad
link set dev lo up
link set dev eth0 up
link set dev eth1 up
link set dev eth2 up
link set dev eth3 up
neighbour replace 10.0.0.16 lladdr 02:6e:6c:00:00:10 dev eth0 nud permanent
neighbour replace fd00:6e6c::10 lladdr 02:6e:6c:00:00:10 dev eth0 nud permanent
neighbour replace 10.0.0.20 lladdr 02:6e:6c:00:00:14 dev eth1 nud permanent
neighbour replace fd00:6e6c::14 lladdr 02:6e:6c:00:00:14 dev eth1 nud permanent
neighbour replace 10.0.0.24 lladdr 02:6e:6c:00:00:18 dev eth2 nud permanent
neighbour replace fd00:6e6c::18 lladdr 02:6e:6c:00:00:18 dev eth2 nud permanent
neighbour replace 10.0.0.28 lladdr 02:6e:6c:00:00:1c dev eth3 nud permanent
neighbour replace fd00:6e6c::1c lladdr 02:6e:6c:00:00:1c dev eth3 nud permanent
route add 10.0.0.0/30 protocol static via 10.0.0.16 dev eth0
route add 10.0.0.4/30 protocol static via 10.0.0.20 dev eth1
route add 10.0.0.8/30 protocol static via 10.0.0.24 dev eth2
route add 10.0.0.12/30 protocol static via 10.0.0.28 dev eth3
route add 10.0.0.18/32 protocol static via 10.0.0.16 dev eth0
route add 10.0.0.19/32 protocol static nexthop via 10.0.0.16 dev eth0 nexthop via 10.0.0.20 dev eth1 nexthop via 10.0.0.24 dev eth2 nexthop via 10.0.0.28 dev eth3
route add 10.0.0.22/32 protocol static via 10.0.0.20 dev eth1
route add 10.0.0.23/32 protocol static nexthop via 10.0.0.16 dev eth0 nexthop via 10.0.0.20 dev eth1 nexthop via 10.0.0.24 dev eth2 nexthop via 10.0.0.28 dev eth3
route add 10.0.0.26/32 protocol static via 10.0.0.24 dev eth2
route add 10.0.0.27/32 protocol static nexthop via 10.0.0.16 dev eth0 nexthop via 10.0.0.20 dev eth1 nexthop via 10.0.0.24 dev eth2 nexthop via 10.0.0.28 dev eth3
route add 10.0.0.30/32 protocol static via 10.0.0.28 dev eth3
route add 10.0.0.31/32 protocol static nexthop via 10.0.0.16 dev eth0 nexthop via 10.0.0.20 dev eth1 nexthop via 10.0.0.24 dev eth2 nexthop via 10.0.0.28 dev eth3
route add fd00:6e6c::/126 protocol static via fd00:6e6c::10 dev eth0
route add fd00:6e6c::4/126 protocol static via fd00:6e6c::14 dev eth1
route add fd00:6e6c::8/126 protocol static via fd00:6e6c::18 dev eth2
route add fd00:6e6c::c/126 protocol static via fd00:6e6c::1c dev eth3
route add fd00:6e6c::12/128 protocol static via fd00:6e6c::10 dev eth0
route add fd00:6e6c::13/128 protocol static nexthop via fd00:6e6c::10 dev eth0 nexthop via fd00:6e6c::14 dev eth1 nexthop via fd00:6e6c::18 dev eth2 nexthop via fd00:6e6c::1c dev eth3
route add fd00:6e6c::16/128 protocol static via fd00:6e6c::14 dev eth1
route add fd00:6e6c::17/128 protocol static nexthop via fd00:6e6c::10 dev eth0 nexthop via fd00:6e6c::14 dev eth1 nexthop via fd00:6e6c::18 dev eth2 nexthop via fd00:6e6c::1c dev eth3
route add fd00:6e6c::1a/128 protocol static via fd00:6e6c::18 dev eth2
route add fd00:6e6c::1b/128 protocol static nexthop via fd00:6e6c::10 dev eth0 nexthop via fd00:6e6c::14 dev eth1 nexthop via fd00:6e6c::18 dev eth2 nexthop via fd00:6e6c::1c dev eth3
route add fd00:6e6c::1e/128 protocol static via fd00:6e6c::1c dev eth3
route add fd00:6e6c::1f/128 protocol static nexthop via fd00:6e6c::10 dev eth0 nexthop via fd00:6e6c::14 dev eth1 nexthop via fd00:6e6c::18 dev eth2 nexthop via fd00:6e6c::1c dev eth3
END

	# router spine2
	net "$n1" ip -batch - <<'END'
address add 10.0.0.19/31 dev eth0
address add fd00:6e6c::13/127 dev eth0 nodad
address add 10.0.0.23/31 dev eth1
address add fd00:6e6c::17/127 dev eth1 nodad
address add 10.0.0.27/31 dev eth2
address add fd00:6e6c::1b/127 dev eth2 nodad
address add 10.0.0.31/31 dev eth3
address add fd00:6e6c::1f/127 dev eth3 nodad
link set dev lo up
link set dev eth0 up
link set dev eth1 up
link set dev eth2 up
link set dev eth3 up
neighbour replace 10.0.0.18 lladdr 02:6e:6c:00:00:12 dev eth0 nud permanent
neighbour replace fd00:6e6c::12 lladdr 02:6e:6c:00:00:12 dev eth0 nud permanent
neighbour replace 10.0.0.22 lladdr 02:6e:6c:00:00:16 dev eth1 nud permanent
neighbour replace fd00:6e6c::16 lladdr 02:6e:6c:00:00:16 dev eth1 nud permanent
neighbour replace 10.0.0.26 lladdr 02:6e:6c:00:00:1a dev eth2 nud permanent
neighbour replace fd00:6e6c::1a lladdr 02:6e:6c:00:00:1a dev eth2 nud permanent
neighbour replace 10.0.0.30 lladdr 02:6e:6c:00:00:1e dev eth3 nud permanent
neighbour replace fd00:6e6c::1e lladdr 02:6e:6c:00:00:1e dev eth3 nud permanent
route add 10.0.0.0/30 protocol static via 10.0.0.18 dev eth0
route add 10.0.0.4/30 protocol static via 10.0.0.22 dev eth1
route add 10.0.0.8/30 protocol static via 10.0.0.26 dev eth2
route add 10.0.0.12/30 protocol static via 10.0.0.30 dev eth3
route add 10.0.0.16/32 protocol static via 10.0.0.18 dev eth0
route add 10.0.0.17/32 protocol static nexthop via 10.0.0.18 dev eth0 nexthop via 10.0.0.22 dev eth1 nexthop via 10.0.0.26 dev eth2 nexthop via 10.0.0.30 dev eth3
route add 10.0.0.20/32 protocol static via 10.0.0.22 dev eth1
route add 10.0.0.21/32 protocol static nexthop via 10.0.0.18 dev eth0 nexthop via 10.0.0.22 dev eth1 nexthop via 10.0.0.26 dev eth2 nexthop via 10.0.0.30 dev eth3
route add 10.0.0.24/32 protocol static via 10.0.0.26 dev eth2
route add 10.0.0.25/32 protocol static nexthop via 10.0.0.18 dev eth0 nexthop via 10.0.0.22 dev eth1 nexthop via 10.0.0.26 dev eth2 nexthop via 10.0.0.30 dev eth3
route add 10.0.0.28/32 protocol static via 10.0.0.30 dev eth3
route add 10.0.0.29/32 protocol static nexthop via 10.0.0.18 dev eth0 nexthop via 10.0.0.22 dev eth1 nexthop via 10.0.0.26 dev eth2 nexthop via 10.0.0.30 dev eth3
route add fd00:6e6c::/126 protocol static via fd00:6e6c::12 dev eth0
route add fd00:6e6c::4/126 protocol static via fd00:6e6c::16 dev eth1
route add fd00:6e6c::8/126 protocol static via fd00:6e6c::1a dev eth2
route add fd00:6e6c::c/126 protocol static via fd00:6e6c::1e dev eth3
route add fd00:6e6c::10/128 protocol static via fd00:6e6c::12 dev eth0
route add fd00:6e6c::11/128 protocol static nexthop via fd00:6e6c::12 dev eth0 nexthop via fd00:6e6c::16 dev eth1 nexthop via fd00:6e6c::1a dev eth2 nexthop via fd00:6e6c::1e dev eth3
route add fd00:6e6c::14/128 protocol static via fd00:6e6c::16 dev eth1
route add fd00:6e6c::15/128 protocol static nexthop via fd00:6e6c::12 dev eth0 nexthop via fd00:6e6c::16 dev eth1 nexthop via fd00:6e6c::1a dev eth2 nexthop via fd00:6e6c::1e dev eth3
route add fd00:6e6c::18/128 protocol static via fd00:6e6c::1a dev eth2
route add fd00:6e6c::19/128 protocol static nexthop via fd00:6e6c::12 dev eth0 nexthop via fd00:6e6c::16 dev eth1 nexthop via fd00:6e6c::1a dev eth2 nexthop via fd00:6e6c::1e dev eth3
route add fd00:6e6c::1c/128 protocol static via fd00:6e6c::1e dev eth3
route add fd00:6e6c::1d/128 protocol static nexthop via fd00:6e6c::12 dev eth0 nexthop via fd00:6e6c::16 dev eth1 nexthop via fd00:6e6c::1a dev eth2 nexthop via fd00:6e6c::1e dev eth3
END

	# router leaf1
	net "$n2" ip -batch - <<'END'
address add 10.0.0.1/31 dev eth0
address add fd00:6e6c::1/127 dev eth0 nodad
address add 10.0.0.3/31 dev eth1
address add fd00:6e6c::3/127 dev eth1 nodad
address add 10.0.0.16/31 dev eth2
address add fd00:6e6c::10/127 dev eth2 nodad
address add 10.0.0.18/31 dev eth3
address add fd00:6e6c::12/127 dev eth3 nodad
link set dev lo up
link set dev eth0 up
link set dev eth1 up
link set dev eth2 up
link set dev eth3 up
neighbour replace 10.0.0.0 lladdr 02:6e:6c:00:00:00 dev eth0 nud permanent
neighbour replace fd00:6e6c:: lladdr 02:6e:6c:00:00:00 dev eth0 nud permanent
neighbour replace 10.0.0.2 lladdr 02:6e:6c:00:00:02 dev eth1 nud permanent
neighbour replace fd00:6e6c::2 lladdr 02:6e:6c:00:00:02 dev eth1 nud permanent
neighbour replace 10.0.0.17 lladdr 02:6e:6c:00:00:11 dev eth2 nud permanent
neighbour replace fd00:6e6c::11 lladdr 02:6e:6c:00:00:11 dev eth2 nud permanent
neighbour replace 10.0.0.19 lladdr 02:6e:6c:00:00:13 dev eth3 nud permanent
neighbour replace fd00:6e6c::13 lladdr 02:6e:6c:00:00:13 dev eth3 nud permanent
route add 10.0.0.4/30 protocol static nexthop via 10.0.0.17 dev eth2 nexthop via 10.0.0.19 dev eth3
route add 10.0.0.8/29 protocol static nexthop via 10.0.0.17 dev eth2 nexthop via 10.0.0.19 dev eth3
route add 10.0.0.20/32 protocol static nexthop via 10.0.0.17 dev eth2 nexthop via 10.0.0.19 dev eth3
route add 10.0.0.21/32 protocol static via 10.0.0.17 dev eth2
route add 10.0.0.22/32 protocol static nexthop via 10.0.0.17 dev eth2 nexthop via 10.0.0.19 dev eth3
route add 10.0.0.23/32 protocol static via 10.0.0.19 dev eth3
route add 10.0.0.24/32 protocol static nexthop via 10.0.0.17 dev eth2 nexthop via 10.0.0.19 dev eth3
route add 10.0.0.25/32 protocol static via 10.0.0.17 dev eth2
route add 10.0.0.26/32 protocol static nexthop via 10.0.0.17 dev eth2 nexthop via 10.0.0.19 dev eth3
route add 10.0.0.27/32 protocol static via 10.0.0.19 dev eth3
route add 10.0.0.28/32 protocol static nexthop via 10.0.0.17 dev eth2 nexthop via 10.0.0.19 dev eth3
route add 10.0.0.29/32 protocol static via 10.0.0.17 dev eth2
route add 10.0.0.30/32 protocol static nexthop via 10.0.0.17 dev eth2 nexthop via 10.0.0.19 dev eth3
route add 10.0.0.31/32 protocol static via 10.0.0.19 dev eth3
route add fd00:6e6c::4/126 protocol static nexthop via fd00:6e6c::11 dev eth2 nexthop via fd00:6e6c::13 dev eth3
route add fd00:6e6c::8/125 protocol static nexthop via fd00:6e6c::11 dev eth2 nexthop via fd00:6e6c::13 dev eth3
route add fd00:6e6c::14/128 protocol static nexthop via fd00:6e6c::11 dev eth2 nexthop via fd00:6e6c::13 dev eth3
route add fd00:6e6c::15/128 protocol static via fd00:6e6c::11 dev eth2
route add fd00:6e6c::16/128 protocol static nexthop via fd00:6e6c::11 dev eth2 nexthop via fd00:6e6c::13 dev eth3
route add fd00:6e6c::17/128 protocol static via fd00:6e6c::13 dev eth3
route add fd00:6e6c::18/128 protocol static nexthop via fd00:6e6c::11 dev eth2 nexthop via fd00:6e6c::13 dev eth3
route add fd00:6e6c::19/128 protocol static via fd00:6e6c::11 dev eth2
route add fd00:6e6c::1a/128 protocol static nexthop via fd00:6e6c::11 dev eth2 nexthop via fd00:6e6c::13 dev eth3
route add fd00:6e6c::1b/128 protocol static via fd00:6e6c::13 dev eth3
route add fd00:6e6c::1c/128 protocol static nexthop via fd00:6e6c::11 dev eth2 nexthop via fd00:6e6c::13 dev eth3
route add fd00:6e6c::1d/128 protocol static via fd00:6e6c::11 dev eth2
route add fd00:6e6c::1e/128 protocol static nexthop via fd00:6e6c::11 dev eth2 nexthop via fd00:6e6c::13 dev eth3
route add fd00:6e6c::1f/128 protocol static via fd00:6e6c::13 dev eth3
END

	# router leaf2
	net "$n3" ip -batch - <<'END'
address add 10.0.0.5/31 dev eth0
address add fd00:6e6c::5/127 dev eth0 nodad
address add 10.0.0.7/31 dev eth1
address add fd00:6e6c::7/127 dev eth1 nodad
address add 10.0.0.20/31 dev eth2
address add fd00:6e6c::14/127 dev eth2 nodad
address add 10.0.0.22/31 dev eth3
address add fd00:6e6c::16/127 dev eth3 nodad
link set dev lo up
link set dev eth0 up
link set dev eth1 up
link set dev eth2 up
link set dev eth3 up
neighbour replace 10.0.0.4 lladdr 02:6e:6c:00:00:04 dev eth0 nud permanent
neighbour replace fd00:6e6c::4 lladdr 02:6e:6c:00:00:04 dev eth0 nud permanent
neighbour replace 10.0.0.6 lladdr 02:6e:6c:00:00:06 dev eth1 nud permanent
neighbour replace fd00:6e6c::6 lladdr 02:6e:6c:00:00:06 dev eth1 nud permanent
neighbour replace 10.0.0.21 lladdr 02:6e:6c:00:00:15 dev eth2 nud permanent
neighbour replace fd00:6e6c::15 lladdr 02:6e:6c:00:00:15 dev eth2 nud permanent
neighbour replace 10.0.0.23 lladdr 02:6e:6c:00:00:17 dev eth3 nud permanent
neighbour replace fd00:6e6c::17 lladdr 02:6e:6c:00:00:17 dev eth3 nud permanent
route add 10.0.0.0/30 protocol static nexthop via 10.0.0.21 dev eth2 nexthop via 10.0.0.23 dev eth3
route add 10.0.0.8/29 protocol static nexthop via 10.0.0.21 dev eth2 nexthop via 10.0.0.23 dev eth3
route add 10.0.0.16/32 protocol static nexthop via 10.0.0.21 dev eth2 nexthop via 10.0.0.23 dev eth3
route add 10.0.0.17/32 protocol static via 10.0.0.21 dev eth2
route add 10.0.0.18/32 protocol static nexthop via 10.0.0.21 dev eth2 nexthop via 10.0.0.23 dev eth3
route add 10.0.0.19/32 protocol static via 10.0.0.23 dev eth3
route add 10.0.0.24/32 protocol static nexthop via 10.0.0.21 dev eth2 nexthop via 10.0.0.23 dev eth3
route add 10.0.0.25/32 protocol static via 10.0.0.21 dev eth2
route add 10.0.0.26/32 protocol static nexthop via 10.0.0.21 dev eth2 nexthop via 10.0.0.23 dev eth3
route add 10.0.0.27/32 protocol static via 10.0.0.23 dev eth3
route add 10.0.0.28/32 protocol static nexthop via 10.0.0.21 dev eth2 nexthop via 10.0.0.23 dev eth3
route add 10.0.0.29/32 protocol static via 10.0.0.21 dev eth2
route add 10.0.0.30/32 protocol static nexthop via 10.0.0.21 dev eth2 nexthop via 10.0.0.23 dev eth3
route add 10.0.0.31/32 protocol static via 10.0.0.23 dev eth3
route add fd00:6e6c::/126 protocol static nexthop via fd00:6e6c::15 dev eth2 nexthop via fd00:6e6c::17 dev eth3
route add fd00:6e6c::8/125 protocol static nexthop via fd00:6e6c::15 dev eth2 nexthop via fd00:6e6c::17 dev eth3
route add fd00:6e6c::10/128 protocol static nexthop via fd00:6e6c::15 dev eth2 nexthop via fd00:6e6c::17 dev eth3
route add fd00:6e6c::11/128 protocol static via fd00:6e6c::15 dev eth2
route add fd00:6e6c::12/128 protocol static nexthop via fd00:6e6c::15 dev eth2 nexthop via fd00:6e6c::17 dev eth3
route add fd00:6e6c::13/128 protocol static via fd00:6e6c::17 dev eth3
route add fd00:6e6c::18/128 protocol static nexthop via fd00:6e6c::15 dev eth2 nexthop via fd00:6e6c::17 dev eth3
route add fd00:6e6c::19/128 protocol static via fd00:6e6c::15 dev eth2
route add fd00:6e6c::1a/128 protocol static nexthop via fd00:6e6c::15 dev eth2 nexthop via fd00:6e6c::17 dev eth3
route add fd00:6e6c::1b/128 protocol static via fd00:6e6c::17 dev eth3
route add fd00:6e6c::1c/128 protocol static nexthop via fd00:6e6c::15 dev eth2 nexthop via fd00:6e6c::17 dev eth3
route add fd00:6e6c::1d/128 protocol static via fd00:6e6c::15 dev eth2
route add fd00:6e6c::1e/128 protocol static nexthop via fd00:6e6c::15 dev eth2 nexthop via fd00:6e6c::17 dev eth3
route add fd00:6e6c::1f/128 protocol static via fd00:6e6c::17 dev eth3
END

	# router leaf3
	net "$n4" ip -batch - <<'END'
address add 10.0.0.9/31 dev eth0
address add fd00:6e6c::9/127 dev eth0 nodad
address add 10.0.0.11/31 dev eth1
address add fd00:6e6c::b/127 dev eth1 nodad
address add 10.0.0.24/31 dev eth2
address add fd00:6e6c::18/127 dev eth2 nodad
address add 10.0.0.26/31 dev eth3
address add fd00:6e6c::1a/127 dev eth3 nodad
link set dev lo up
link set dev eth0 up
link set dev eth1 up
link set dev eth2 up
link set dev eth3 up
neighbour replace 10.0.0.8 lladdr 02:6e:6c:00:00:08 dev eth0 nud permanent
neighbour replace fd00:6e6c::8 lladdr 02:6e:6c:00:00:08 dev eth0 nud permanent
neighbour replace 10.0.0.10 lladdr 02:6e:6c:00:00:0a dev eth1 nud permanent
neighbour replace fd00:6e6c::a lladdr 02:6e:6c:00:00:0a dev eth1 nud permanent
neighbour replace 10.0.0.25 lladdr 02:6e:6c:00:00:19 dev eth2 nud permanent
neighbour replace fd00:6e6c::19 lladdr 02:6e:6c:00:00:19 dev eth2 nud permanent
neighbour replace 10.0.0.27 lladdr 02:6e:6c:00:00:1b dev eth3 nud permanent
neighbour replace fd00:6e6c::1b lladdr 02:6e:6c:00:00:1b dev eth3 nud permanent
route add 10.0.0.0/29 protocol static nexthop via 10.0.0.25 dev eth2 nexthop via 10.0.0.27 dev eth3
route add 10.0.0.12/30 protocol static nexthop via 10.0.0.25 dev eth2 nexthop via 10.0.0.27 dev eth3
route add 10.0.0.16/32 protocol static nexthop via 10.0.0.25 dev eth2 nexthop via 10.0.0.27 dev eth3
route add 10.0.0.17/32 protocol static via 10.0.0.25 dev eth2
route add 10.0.0.18/32 protocol static nexthop via 10.0.0.25 dev eth2 nexthop via 10.0.0.27 dev eth3
route add 10.0.0.19/32 protocol static via 10.0.0.27 dev eth3
route add 10.0.0.20/32 protocol static nexthop via 10.0.0.25 dev eth2 nexthop via 10.0.0.27 dev eth3
route add 10.0.0.21/32 protocol static via 10.0.0.25 dev eth2
route add 10.0.0.22/32 protocol static nexthop via 10.0.0.25 dev eth2 nexthop via 10.0.0.27 dev eth3
route add 10.0.0.23/32 protocol static via 10.0.0.27 dev eth3
route add 10.0.0.28/32 protocol static nexthop via 10.0.0.25 dev eth2 nexthop via 10.0.0.27 dev eth3
route add 10.0.0.29/32 protocol static via 10.0.0.25 dev eth2
route add 10.0.0.30/32 protocol static nexthop via 10.0.0.25 dev eth2 nexthop via 10.0.0.27 dev eth3
route add 10.0.0.31/32 protocol static via 10.0.0.27 dev eth3
route add fd00:6e6c::/125 protocol static nexthop via fd00:6e6c::19 dev eth2 nexthop via fd00:6e6c::1b dev eth3
route add fd00:6e6c::c/126 protocol static nexthop via fd00:6e6c::19 dev eth2 nexthop via fd00:6e6c::1b dev eth3
route add fd00:6e6c::10/128 protocol static nexthop via fd00:6e6c::19 dev eth2 nexthop via fd00:6e6c::1b dev eth3
route add fd00:6e6c::11/128 protocol static via fd00:6e6c::19 dev eth2
route add fd00:6e6c::12/128 protocol static nexthop via fd00:6e6c::19 dev eth2 nexthop via fd00:6e6c::1b dev eth3
route add fd00:6e6c::13/128 protocol static via fd00:6e6c::1b dev eth3
route add fd00:6e6c::14/128 protocol static nexthop via fd00:6e6c::19 dev eth2 nexthop via fd00:6e6c::1b dev eth3
route add fd00:6e6c::15/128 protocol static via fd00:6e6c::19 dev eth2
route add fd00:6e6c::16/128 protocol static nexthop via fd00:6e6c::19 dev eth2 nexthop via fd00:6e6c::1b dev eth3
route add fd00:6e6c::17/128 protocol static via fd00:6e6c::1b dev eth3
route add fd00:6e6c::1c/128 protocol static nexthop via fd00:6e6c::19 dev eth2 nexthop via fd00:6e6c::1b dev eth3
route add fd00:6e6c::1d/128 protocol static via fd00:6e6c::19 dev eth2
route add fd00:6e6c::1e/128 protocol static nexthop via fd00:6e6c::19 dev eth2 nexthop via fd00:6e6c::1b dev eth3
route add fd00:6e6c::1f/128 protocol static via fd00:6e6c::1b dev eth3
END

	# router leaf4
	net "$n5" ip -batch - <<'END'
address add 10.0.0.13/31 dev eth0
address add fd00:6e6c::d/127 dev eth0 nodad
address add 10.0.0.15/31 dev eth1
address add fd00:6e6c::f/127 dev eth1 nodad
address add 10.0.0.28/31 dev eth2
address add fd00:6e6c::1c/127 dev eth2 nodad
address add 10.0.0.30/31 dev eth3
address add fd00:6e6c::1e/127 dev eth3 nodad
link set dev lo up
link set dev eth0 up
link set dev eth1 up
link set dev eth2 up
link set dev eth3 up
neighbour replace 10.0.0.12 lladdr 02:6e:6c:00:00:0c dev eth0 nud permanent
neighbour replace fd00:6e6c::c lladdr 02:6e:6c:00:00:0c dev eth0 nud permanent
neighbour replace 10.0.0.14 lladdr 02:6e:6c:00:00:0e dev eth1 nud permanent
neighbour replace fd00:6e6c::e lladdr 02:6e:6c:00:00:0e dev eth1 nud permanent
neighbour replace 10.0.0.29 lladdr 02:6e:6c:00:00:1d dev eth2 nud permanent
neighbour replace fd00:6e6c::1d lladdr 02:6e:6c:00:00:1d dev eth2 nud permanent
neighbour replace 10.0.0.31 lladdr 02:6e:6c:00:00:1f dev eth3 nud permanent
neighbour replace fd00:6e6c::1f lladdr 02:6e:6c:00:00:1f dev eth3 nud permanent
route add 10.0.0.0/29 protocol static nexthop via 10.0.0.29 dev eth2 nexthop via 10.0.0.31 dev eth3
route add 10.0.0.8/30 protocol static nexthop via 10.0.0.29 dev eth2 nexthop via 10.0.0.31 dev eth3
route add 10.0.0.16/32 protocol static nexthop via 10.0.0.29 dev eth2 nexthop via 10.0.0.31 dev eth3
route add 10.0.0.17/32 protocol static via 10.0.0.29 dev eth2
route add 10.0.0.18/32 protocol static nexthop via 10.0.0.29 dev eth2 nexthop via 10.0.0.31 dev eth3
route add 10.0.0.19/32 protocol static via 10.0.0.31 dev eth3
route add 10.0.0.20/32 protocol static nexthop via 10.0.0.29 dev eth2 nexthop via 10.0.0.31 dev eth3
route add 10.0.0.21/32 protocol static via 10.0.0.29 dev eth2
route add 10.0.0.22/32 protocol static nexthop via 10.0.0.29 dev eth2 nexthop via 10.0.0.31 dev eth3
route add 10.0.0.23/32 protocol static via 10.0.0.31 dev eth3
route add 10.0.0.24/32 protocol static nexthop via 10.0.0.29 dev eth2 nexthop via 10.0.0.31 dev eth3
route add 10.0.0.25/32 protocol static via 10.0.0.29 dev eth2
route add 10.0.0.26/32 protocol static nexthop via 10.0.0.29 dev eth2 nexthop via 10.0.0.31 dev eth3
route add 10.0.0.27/32 protocol static via 10.0.0.31 dev eth3
route add fd00:6e6c::/125 protocol static nexthop via fd00:6e6c::1d dev eth2 nexthop via fd00:6e6c::1f dev eth3
route add fd00:6e6c::8/126 protocol static nexthop via fd00:6e6c::1d dev eth2 nexthop via fd00:6e6c::1f dev eth3
route add fd00:6e6c::10/128 protocol static nexthop via fd00:6e6c::1d dev eth2 nexthop via fd00:6e6c::1f dev eth3
route add fd00:6e6c::11/128 protocol static via fd00:6e6c::1d dev eth2
route add fd00:6e6c::12/128 protocol static nexthop via fd00:6e6c::1d dev eth2 nexthop via fd00:6e6c::1f dev eth3
route add fd00:6e6c::13/128 protocol static via fd00:6e6c::1f dev eth3
route add fd00:6e6c::14/128 protocol static nexthop via fd00:6e6c::1d dev eth2 nexthop via fd00:6e6c::1f dev eth3
route add fd00:6e6c::15/128 protocol static via fd00:6e6c::1d dev eth2
route add fd00:6e6c::16/128 protocol static nexthop via fd00:6e6c::1d dev eth2 nexthop via fd00:6e6c::1f dev eth3
route add fd00:6e6c::17/128 protocol static via fd00:6e6c::1f dev eth3
route add fd00:6e6c::18/128 protocol static nexthop via fd00:6e6c::1d dev eth2 nexthop via fd00:6e6c::1f dev eth3
route add fd00:6e6c::19/128 protocol static via fd00:6e6c::1d dev eth2
route add fd00:6e6c::1a/128 protocol static nexthop via fd00:6e6c::1d dev eth2 nexthop via fd00:6e6c::1f dev eth3
route add fd00:6e6c::1b/128 protocol static via fd00:6e6c::1f dev eth3
END

	# host s1
	net "$n6" ip -batch - <<'END'
address add 10.0.0.0/31 dev eth0
address add fd00:6e6c::/127 dev eth0 nodad
link set dev lo up
link set dev eth0 up
neighbour replace 10.0.0.1 lladdr 02:6e:6c:00:00:01 dev eth0 nud permanent
neighbour replace fd00:6e6c::1 lladdr 02:6e:6c:00:00:01 dev eth0 nud permanent
route add 0.0.0.0/0 protocol static via 10.0.0.1 dev eth0
route add ::/0 protocol static via fd00:6e6c::1 dev eth0
END

	# host s2
	net "$n7" ip -batch - <<'END'
address add 10.0.0.2/31 dev eth0
address add fd00:6e6c::2/127 dev eth0 nodad
link set dev lo up
link set dev eth0 up
neighbour replace 10.0.0.3 lladdr 02:6e:6c:00:00:03 dev eth0 nud permanent
neighbour replace fd00:6e6c::3 lladdr 02:6e:6c:00:00:03 dev eth0 nud permanent
route add 0.0.0.0/0 protocol static via 10.0.0.3 dev eth0
route add ::/0 protocol static via fd00:6e6c::3 dev eth0
END

	# host s3
	net "$n8" ip -batch - <<'END'
address add 10.0.0.4/31 dev eth0
address add fd00:6e6c::4/127 dev eth0 nodad
link set dev lo up
link set dev eth0 up
neighbour replace 10.0.0.5 lladdr 02:6e:6c:00:00:05 dev eth0 nud permanent
neighbour replace fd00:6e6c::5 lladdr 02:6e:6c:00:00:05 dev eth0 nud permanent
route add 0.0.0.0/0 protocol static via 10.0.0.5 dev eth0
route add ::/0 protocol static via fd00:6e6c::5 dev eth0
END

	# host s4
	net "$n9" ip -batch - <<'END'
address add 10.0.0.6/31 dev eth0
address add fd00:6e6c::6/127 dev eth0 nodad
link set dev lo up
link set dev eth0 up
neighbour replace 10.0.0.7 lladdr 02:6e:6c:00:00:07 dev eth0 nud permanent
neighbour replace fd00:6e6c::7 lladdr 02:6e:6c:00:00:07 dev eth0 nud permanent
route add 0.0.0.0/0 protocol static via 10.0.0.7 dev eth0
route add ::/0 protocol static via fd00:6e6c::7 dev eth0
END

	# host s5
	net "$n10" ip -batch - <<'END'
address add 10.0.0.8/31 dev eth0
address add fd00:6e6c::8/127 dev eth0 nodad
link set dev lo up
link set dev eth0 up
neighbour replace 10.0.0.9 lladdr 02:6e:6c:00:00:09 dev eth0 nud permanent
neighbour replace fd00:6e6c::9 lladdr 02:6e:6c:00:00:09 dev eth0 nud permanent
route add 0.0.0.0/0 protocol static via 10.0.0.9 dev eth0
route add ::/0 protocol static via fd00:6e6c::9 dev eth0
END

	# host s6
	net "$n11" ip -batch - <<'END'
address add 10.0.0.10/31 dev eth0
address add fd00:6e6c::a/127 dev eth0 nodad
link set dev lo up
link set dev eth0 up
neighbour replace 10.0.0.11 lladdr 02:6e:6c:00:00:0b dev eth0 nud permanent
neighbour replace fd00:6e6c::b lladdr 02:6e:6c:00:00:0b dev eth0 nud permanent
route add 0.0.0.0/0 protocol static via 10.0.0.11 dev eth0
route add ::/0 protocol static via fd00:6e6c::b dev eth0
END

	# host s7
	net "$n12" ip -batch - <<'END'
address add 10.0.0.12/31 dev eth0
address add fd00:6e6c::c/127 dev eth0 nodad
link set dev lo up
link set dev eth0 up
neighbour replace 10.0.0.13 lladdr 02:6e:6c:00:00:0d dev eth0 nud permanent
neighbour replace fd00:6e6c::d lladdr 02:6e:6c:00:00:0d dev eth0 nud permanent
route add 0.0.0.0/0 protocol static via 10.0.0.13 dev eth0
route add ::/0 protocol static via fd00:6e6c::d dev eth0
END

	# host s8
	net "$n13" ip -batch - <<'END'
address add 10.0.0.14/31 dev eth0
address add fd00:6e6c::e/127 dev eth0 nodad
link set dev lo up
link set dev eth0 up
neighbour replace 10.0.0.15 lladdr 02:6e:6c:00:00:0f dev eth0 nud permanent
neighbour replace fd00:6e6c::f lladdr 02:6e:6c:00:00:0f dev eth0 nud permanent
route add 0.0.0.0/0 protocol static via 10.0.0.15 dev eth0
route add ::/0 protocol static via fd00:6e6c::f dev eth0
END
	trap - EXIT HUP INT TERM
}

case ${1-} in
up)
	up
	;;
down)
	down
	;;
exec)
	if [ $# -lt 3 ] || ! [ -e "$state/pid/$2" ]; then die "no node '${2-}' that is up, or no command"; fi
	node=$(cat "$state/pid/$2")
	shift 2
	inside "$node" "$@"
	;;
*)
	echo "usage: $0 up | exec NODE COMMAND... | down" >&2
	exit 2
	;;
esac
