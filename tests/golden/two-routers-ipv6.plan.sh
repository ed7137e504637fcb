#!/bin/sh
# Lab 'two-routers-ipv6', as 'netlab plan --format sh' prints it: what 'netlab up' makes, in words of iproute2 and
# util-linux. Needs root.
#
#   sh two-routers-ipv6.sh up               make the lab
#   sh two-routers-ipv6.sh exec NODE CMD... run a command in a node
#   sh two-routers-ipv6.sh down             remove it
#
# A lab is processes. Each node is one, asleep, which holds the node's namespaces; the "fabric" is one more,
# whose network namespace has the middle of every link. When the processes are gone, so is the lab: nothing of
# it is ever in the host's network namespace.
# shellcheck disable=SC2016,SC2086 # what is in single quotes is for another shell; $settings are words
set -eu
lab='two-routers-ipv6'
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
2001:db8:a::2 a
2001:db8:a::1 r1
2001:db8:1::2 r2
2001:db8:b::2 b
END
	cat >"$state/resolv.conf" <<'END'
# No server. Names of the lab are in /etc/hosts; "dns" in the topology gives servers.
options timeout:1 attempts:1
END

	# the fabric and the nodes
	fabric
	settings=$of_host
	node a a
	n0=$!
	settings=$of_router
	node r1 r1
	n1=$!
	settings=$of_router
	node r2 r2
	n2=$!
	settings=$of_host
	node b b
	n3=$!
	await 5

	# links: each end is a pair of interfaces, one in the node and one in the fabric
	net "$fabric" ip -batch - <<END
link add L0.a index 1048576 address 06:6e:6c:00:00:00 mtu 1500 numtxqueues 1 numrxqueues 1 type veth peer name eth0 index 101 address 02:6e:6c:00:00:00 mtu 1500 numtxqueues 1 numrxqueues 1 netns $n0
link add L0.b index 1048577 address 06:6e:6c:00:00:01 mtu 1500 numtxqueues 1 numrxqueues 1 type veth peer name lan index 101 address 02:6e:6c:00:00:01 mtu 1500 numtxqueues 1 numrxqueues 1 netns $n1
link add L1.a index 1048578 address 06:6e:6c:00:00:02 mtu 1500 numtxqueues 1 numrxqueues 1 type veth peer name wan index 102 address 02:6e:6c:00:00:02 mtu 1500 numtxqueues 1 numrxqueues 1 netns $n1
link add L1.b index 1048579 address 06:6e:6c:00:00:03 mtu 1500 numtxqueues 1 numrxqueues 1 type veth peer name wan index 101 address 02:6e:6c:00:00:03 mtu 1500 numtxqueues 1 numrxqueues 1 netns $n2
link add L2.a index 1048580 address 06:6e:6c:00:00:04 mtu 1500 numtxqueues 1 numrxqueues 1 type veth peer name lan index 102 address 02:6e:6c:00:00:04 mtu 1500 numtxqueues 1 numrxqueues 1 netns $n2
link add L2.b index 1048581 address 06:6e:6c:00:00:05 mtu 1500 numtxqueues 1 numrxqueues 1 type veth peer name eth0 index 101 address 02:6e:6c:00:00:05 mtu 1500 numtxqueues 1 numrxqueues 1 netns $n3
END

	# what comes in at one end in the fabric goes out at the other
	net "$fabric" tc -batch - <<END
qdisc add dev L0.a clsact
qdisc add dev L0.b clsact
qdisc add dev L1.a clsact
qdisc add dev L1.b clsact
qdisc add dev L2.a clsact
qdisc add dev L2.b clsact
filter add dev L0.a ingress protocol all pref 1 u32 match u32 0 0 action mirred egress redirect dev L0.b
filter add dev L0.b ingress protocol all pref 1 u32 match u32 0 0 action mirred egress redirect dev L0.a
filter add dev L1.a ingress protocol all pref 1 u32 match u32 0 0 action mirred egress redirect dev L1.b
filter add dev L1.b ingress protocol all pref 1 u32 match u32 0 0 action mirred egress redirect dev L1.a
filter add dev L2.a ingress protocol all pref 1 u32 match u32 0 0 action mirred egress redirect dev L2.b
filter add dev L2.b ingress protocol all pref 1 u32 match u32 0 0 action mirred egress redirect dev L2.a
END
	net "$fabric" ip -batch - <<END
link set dev L0.a up
link set dev L0.b up
link set dev L1.a up
link set dev L1.b up
link set dev L2.a up
link set dev L2.b up
END

	# host a
	net "$n0" ip -batch - <<'END'
address add 2001:db8:a::2/64 dev eth0 nodad
link set dev lo up
link set dev eth0 up
neighbour replace 2001:db8:a::1 lladdr 02:6e:6c:00:00:01 dev eth0 nud permanent
route add ::/0 protocol static via 2001:db8:a::1 dev eth0
END

	# router r1
	net "$n1" ip -batch - <<'END'
address add 2001:db8::1/128 dev lo nodad
address add 2001:db8:a::1/64 dev lan nodad
address add 2001:db8:1::1/64 dev wan nodad
link set dev lo up
link set dev lan up
link set dev wan up
neighbour replace 2001:db8:a::2 lladdr 02:6e:6c:00:00:00 dev lan nud permanent
neighbour replace 2001:db8:1::2 lladdr 02:6e:6c:00:00:03 dev wan nud permanent
route add 2001:db8:b::/64 protocol static via 2001:db8:1::2 dev wan
route add 2001:db8::2/128 protocol static via 2001:db8:1::2 dev wan
route add unreachable 2001:db8:dead::/48 protocol static
END

	# router r2
	net "$n2" ip -batch - <<'END'
address add 2001:db8::2/128 dev lo nodad
address add 2001:db8:1::2/64 dev wan nodad
address add 2001:db8:b::1/64 dev lan nodad
link set dev lo up
link set dev wan up
link set dev lan up
neighbour replace 2001:db8:1::1 lladdr 02:6e:6c:00:00:02 dev wan nud permanent
neighbour replace 2001:db8:b::2 lladdr 02:6e:6c:00:00:05 dev lan nud permanent
route add 2001:db8:a::/64 protocol static via 2001:db8:1::1 dev wan
route add 2001:db8::1/128 protocol static via 2001:db8:1::1 dev wan
END

	# host b
	net "$n3" ip -batch - <<'END'
address add 2001:db8:b::2/64 dev eth0 nodad
link set dev lo up
link set dev eth0 up
neighbour replace 2001:db8:b::1 lladdr 02:6e:6c:00:00:04 dev eth0 nud permanent
route add ::/0 protocol static via 2001:db8:b::1 dev eth0
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
