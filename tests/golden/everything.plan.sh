#!/bin/sh
# Lab 'everything', as 'netlab plan --format sh' prints it: what 'netlab up' makes, in words of iproute2 and
# util-linux. Needs root.
#
#   sh everything.sh up               make the lab
#   sh everything.sh exec NODE CMD... run a command in a node
#   sh everything.sh down             remove it
#
# A lab is processes. Each node is one, asleep, which holds the node's namespaces; the "fabric" is one more,
# whose network namespace has the middle of every link. When the processes are gone, so is the lab: nothing of
# it is ever in the host's network namespace.
# shellcheck disable=SC2016,SC2086 # what is in single quotes is for another shell; $settings are words
set -eu
lab='everything'
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

of_switch='
	net/ipv6/conf/all/disable_ipv6=1
	net/ipv6/conf/default/disable_ipv6=1
'

of_hub='
	net/ipv6/conf/all/disable_ipv6=1
	net/ipv6/conf/default/disable_ipv6=1
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

# ready SERVICE SECONDS CMD...: until CMD succeeds
ready() {
	service=$1 left=$(($2 * 20))
	shift 2
	until "$@" >/dev/null 2>&1; do
		[ $((left -= 1)) -gt 0 ] || die "service $service is not ready in time"
		sleep 0.05
	done
}

up() {
	begin
	cat >"$state/hosts" <<'END'
127.0.0.1 localhost
::1 localhost ip6-localhost ip6-loopback
10.0.0.1 first.example h1
fd00:6e6c::1 first.example h1
10.0.0.2 r1
fd00:6e6c::2 r1
10.0.0.3 r2
fd00:6e6c::3 r2
10.0.0.13 h2
fd00:6e6c:0:1::5 h2
END
	cat >"$state/resolv.conf" <<'END'
# No server. Names of the lab are in /etc/hosts; "dns" in the topology gives servers.
options timeout:1 attempts:1
END
	command -v ethtool >/dev/null || die "links that shape need 'ethtool'"

	# the fabric and the nodes
	fabric
	settings=$of_host
	node h1 first.example \
		net/ipv4/tcp_congestion_control=reno \
		'net/ipv4/ip_local_port_range=10000 20000'
	n0=$!
	settings=$of_switch
	node sw sw
	n1=$!
	settings=$of_hub
	node hb hb
	n2=$!
	settings=$of_router
	node r1 r1
	n3=$!
	settings=$of_router
	node r2 r2
	n4=$!
	settings=$of_host
	node h2 h2
	n5=$!
	await 7

	# links: each end is a pair of interfaces, one in the node and one in the fabric
	net "$fabric" ip -batch - <<END
link add L0.a index 1048576 address 06:6e:6c:00:00:00 mtu 1500 numtxqueues 1 numrxqueues 1 type veth peer name up index 101 address 02:6e:6c:00:00:00 mtu 1500 numtxqueues 1 numrxqueues 1 netns $n0
link add L0.b index 1048577 address 06:6e:6c:00:00:01 mtu 1500 numtxqueues 1 numrxqueues 1 type veth peer name eth0 index 101 address 02:6e:6c:00:00:01 mtu 1500 numtxqueues 1 numrxqueues 1 netns $n1
link add L1.a index 1048578 address 06:6e:6c:00:00:02 mtu 1500 numtxqueues 1 numrxqueues 1 type veth peer name eth1 index 102 address 02:6e:6c:00:00:02 mtu 1500 numtxqueues 1 numrxqueues 1 netns $n1
link add L1.b index 1048579 address 06:6e:6c:00:00:03 mtu 1500 numtxqueues 1 numrxqueues 1 type veth peer name eth0 index 101 address 02:6e:6c:00:00:03 mtu 1500 numtxqueues 1 numrxqueues 1 netns $n2
link add L2.a index 1048580 address 06:6e:6c:00:00:04 mtu 1500 numtxqueues 1 numrxqueues 1 type veth peer name eth1 index 102 address 02:6e:6c:00:00:04 mtu 1500 numtxqueues 1 numrxqueues 1 netns $n2
link add L2.b index 1048581 address 06:6e:6c:00:00:05 mtu 1500 numtxqueues 1 numrxqueues 1 type veth peer name eth0 index 101 address 02:6e:6c:00:00:05 mtu 1500 numtxqueues 1 numrxqueues 1 netns $n3
link add L3.a index 1048582 address 06:6e:6c:00:00:06 mtu 1500 numtxqueues 1 numrxqueues 1 type veth peer name eth2 index 103 address 02:6e:6c:00:00:06 mtu 1500 numtxqueues 1 numrxqueues 1 netns $n2
link add L3.b index 1048583 address 06:6e:6c:00:00:07 mtu 1500 numtxqueues 1 numrxqueues 1 type veth peer name eth0 index 101 address 02:6e:6c:00:00:07 mtu 1500 numtxqueues 1 numrxqueues 1 netns $n4
link add L4.a index 1048584 address 06:6e:6c:00:00:08 mtu 1400 numtxqueues 1 numrxqueues 1 type veth peer name wan.100 index 102 address 02:00:00:00:00:01 mtu 1400 numtxqueues 1 numrxqueues 1 netns $n3
link add L4.b index 1048585 address 06:6e:6c:00:00:09 mtu 1500 numtxqueues 1 numrxqueues 1 type veth peer name eth1 index 102 address 02:6e:6c:00:00:09 mtu 1500 numtxqueues 1 numrxqueues 1 netns $n4
link add L5.a index 1048586 address 06:6e:6c:00:00:0a mtu 1500 numtxqueues 1 numrxqueues 1 type veth peer name eth1 index 103 address 02:6e:6c:00:00:0a mtu 1500 numtxqueues 1 numrxqueues 1 netns $n3
link add L5.b index 1048587 address 06:6e:6c:00:00:0b mtu 1500 numtxqueues 1 numrxqueues 1 type veth peer name eth2 index 103 address 02:6e:6c:00:00:0b mtu 1500 numtxqueues 1 numrxqueues 1 netns $n4
link add L6.a index 1048588 address 06:6e:6c:00:00:0c mtu 1500 numtxqueues 1 numrxqueues 1 type veth peer name eth3 index 104 address 02:6e:6c:00:00:0c mtu 1500 numtxqueues 1 numrxqueues 1 netns $n4
link add L6.b index 1048589 address 06:6e:6c:00:00:0d mtu 1500 numtxqueues 1 numrxqueues 1 type veth peer name eth0 index 101 address 02:6e:6c:00:00:0d mtu 1500 numtxqueues 1 numrxqueues 1 netns $n5
link add L7.a index 1048590 address 06:6e:6c:00:00:0e mtu 1500 numtxqueues 1 numrxqueues 1 type veth peer name eth4 index 105 address 02:6e:6c:00:00:0e mtu 1500 numtxqueues 1 numrxqueues 1 netns $n4
link add L7.b index 1048591 address 06:6e:6c:00:00:0f mtu 1500 numtxqueues 1 numrxqueues 1 type veth peer name eth1 index 102 address 02:6e:6c:00:00:0f mtu 1500 numtxqueues 1 numrxqueues 1 netns $n5
link add L8.a index 1048592 address 06:6e:6c:00:00:10 mtu 1500 numtxqueues 1 numrxqueues 1 type veth peer name eth5 index 106 address 02:6e:6c:00:00:10 mtu 1500 numtxqueues 1 numrxqueues 1 netns $n4
link add L8.b index 1048593 address 06:6e:6c:00:00:11 mtu 1500 numtxqueues 1 numrxqueues 1 type veth peer name eth2 index 103 address 02:6e:6c:00:00:11 mtu 1500 numtxqueues 1 numrxqueues 1 netns $n5
link add L9.a index 1048594 address 06:6e:6c:00:00:12 mtu 1500 numtxqueues 1 numrxqueues 1 type veth peer name eth6 index 107 address 02:6e:6c:00:00:12 mtu 1500 numtxqueues 1 numrxqueues 1 netns $n4
link add L9.b index 1048595 address 06:6e:6c:00:00:13 mtu 1500 numtxqueues 1 numrxqueues 1 type veth peer name eth3 index 104 address 02:6e:6c:00:00:13 mtu 1500 numtxqueues 1 numrxqueues 1 netns $n5
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
filter add dev L7.a ingress protocol all pref 1 u32 match u32 0 0 action mirred egress redirect dev L7.b
filter add dev L7.b ingress protocol all pref 1 u32 match u32 0 0 action mirred egress redirect dev L7.a
filter add dev L8.a ingress protocol all pref 1 u32 match u32 0 0 action mirred egress redirect dev L8.b
filter add dev L8.b ingress protocol all pref 1 u32 match u32 0 0 action mirred egress redirect dev L8.a
filter add dev L9.a ingress protocol all pref 1 u32 match u32 0 0 action mirred egress redirect dev L9.b
filter add dev L9.b ingress protocol all pref 1 u32 match u32 0 0 action mirred egress redirect dev L9.a
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
link set dev L8.a up
link set dev L8.b up
link set dev L9.a up
link set dev L9.b up
END

	# host h1
	net "$n0" sh -c 'echo "$1" >"/proc/sys/$2"' sysctl 1 net/ipv4/conf/up/log_martians
	net "$n0" ip -batch - <<'END'
address add 192.168.0.1/32 dev lo
address add 2001:db8::1/128 dev lo nodad
address add 10.0.0.1/29 dev up broadcast +
address add fd00:6e6c::1/64 dev up nodad
link set dev lo up
link set dev up up
neighbour replace 10.0.0.2 lladdr 02:6e:6c:00:00:05 dev up nud permanent
neighbour replace fd00:6e6c::2 lladdr 02:6e:6c:00:00:05 dev up nud permanent
neighbour replace 10.0.0.3 lladdr 02:6e:6c:00:00:07 dev up nud permanent
neighbour replace fd00:6e6c::3 lladdr 02:6e:6c:00:00:07 dev up nud permanent
route add blackhole 198.51.100.0/24 protocol static
route add unreachable 203.0.113.0/24 protocol static metric 7
route add 192.0.2.0/24 protocol static dev up
route add 0.0.0.0/0 protocol static metric 100 via 10.0.0.6 dev up
route add 0.0.0.0/0 protocol static via 10.0.0.2 dev up
route add ::/0 protocol static via fd00:6e6c::2 dev up
END

	# switch sw
	net "$n1" ip -batch - <<'END'
link add br0 index 103 address 0a:6e:6c:00:00:01 type bridge stp_state 1 forward_delay 200 hello_time 100 max_age 600 ageing_time 400 mcast_snooping 0
link set dev br0 up
link set dev eth0 master br0
link set dev eth1 master br0
link set dev lo up
link set dev eth0 up
link set dev eth1 up
END

	# hub hb
	net "$n2" ip -batch - <<'END'
link add br0 index 104 address 0a:6e:6c:00:00:02 type bridge forward_delay 0 mcast_snooping 0 ageing_time 0
link set dev br0 up
link set dev eth0 master br0
link set dev eth1 master br0
link set dev eth2 master br0
link set dev lo up
link set dev eth0 up
link set dev eth1 up
link set dev eth2 up
END

	# router r1
	net "$n3" sh -c 'echo "$1" >"/proc/sys/$2"' sysctl 1 net/ipv4/conf/wan.100/forwarding
	net "$n3" ethtool -K eth1 gso off tso off gro off tx-udp-segmentation off tx-sctp-segmentation off tx-gso-list off
	net "$n3" ip -batch - <<'END'
address add 10.0.0.2/29 dev eth0 broadcast +
address add fd00:6e6c::2/64 dev eth0 nodad
address add 172.16.0.1/30 dev wan.100 broadcast +
address add fd00:6e6c:0:1::/127 dev wan.100 nodad
address add 10.0.0.10/31 dev eth1
address add fd00:6e6c:0:1::2/127 dev eth1 nodad
link set dev lo up
link set dev eth0 up
link set dev wan.100 up
link set dev eth1 up
neighbour replace 10.0.0.1 lladdr 02:6e:6c:00:00:00 dev eth0 nud permanent
neighbour replace fd00:6e6c::1 lladdr 02:6e:6c:00:00:00 dev eth0 nud permanent
neighbour replace 10.0.0.3 lladdr 02:6e:6c:00:00:07 dev eth0 nud permanent
neighbour replace fd00:6e6c::3 lladdr 02:6e:6c:00:00:07 dev eth0 nud permanent
neighbour replace 172.16.0.2 lladdr 02:6e:6c:00:00:09 dev wan.100 nud permanent
neighbour replace fd00:6e6c:0:1::1 lladdr 02:6e:6c:00:00:09 dev wan.100 nud permanent
neighbour replace 10.0.0.11 lladdr 02:6e:6c:00:00:0b dev eth1 nud permanent
neighbour replace fd00:6e6c:0:1::3 lladdr 02:6e:6c:00:00:0b dev eth1 nud permanent
route add 10.0.0.12/30 protocol static via 10.0.0.3 dev eth0
route add 10.0.0.16/30 protocol static via 10.0.0.3 dev eth0
route add 192.168.0.1/32 protocol static via 10.0.0.1 dev eth0
route add 2001:db8::1/128 protocol static via fd00:6e6c::1 dev eth0
route add fd00:6e6c:0:1::4/126 protocol static via fd00:6e6c::3 dev eth0
route add fd00:6e6c:0:1::8/126 protocol static via fd00:6e6c::3 dev eth0
END

	# router r2
	net "$n4" ethtool -K eth2 gso off tso off gro off tx-udp-segmentation off tx-sctp-segmentation off tx-gso-list off
	net "$n4" ethtool -K eth3 gso off tso off gro off tx-udp-segmentation off tx-sctp-segmentation off tx-gso-list off
	net "$n4" ethtool -K eth6 gso off tso off gro off tx-udp-segmentation off tx-sctp-segmentation off tx-gso-list off
	net "$n4" ip -batch - <<'END'
address add 10.0.0.3/29 dev eth0 broadcast +
address add fd00:6e6c::3/64 dev eth0 nodad
address add 172.16.0.2/30 dev eth1 broadcast +
address add fd00:6e6c:0:1::1/127 dev eth1 nodad
address add 10.0.0.11/31 dev eth2
address add fd00:6e6c:0:1::3/127 dev eth2 nodad
address add 10.0.0.12/31 dev eth3
address add fd00:6e6c:0:1::4/127 dev eth3 nodad
address add 10.0.0.14/31 dev eth4
address add fd00:6e6c:0:1::6/127 dev eth4 nodad
address add 10.0.0.16/31 dev eth5
address add fd00:6e6c:0:1::8/127 dev eth5 nodad
address add 10.0.0.18/31 dev eth6
address add fd00:6e6c:0:1::a/127 dev eth6 nodad
link set dev lo up
link set dev eth0 up
link set dev eth1 up
link set dev eth2 up
link set dev eth3 up
link set dev eth4 up
link set dev eth5 up
link set dev eth6 up
neighbour replace 10.0.0.1 lladdr 02:6e:6c:00:00:00 dev eth0 nud permanent
neighbour replace fd00:6e6c::1 lladdr 02:6e:6c:00:00:00 dev eth0 nud permanent
neighbour replace 10.0.0.2 lladdr 02:6e:6c:00:00:05 dev eth0 nud permanent
neighbour replace fd00:6e6c::2 lladdr 02:6e:6c:00:00:05 dev eth0 nud permanent
neighbour replace 172.16.0.1 lladdr 02:00:00:00:00:01 dev eth1 nud permanent
neighbour replace fd00:6e6c:0:1:: lladdr 02:00:00:00:00:01 dev eth1 nud permanent
neighbour replace 10.0.0.10 lladdr 02:6e:6c:00:00:0a dev eth2 nud permanent
neighbour replace fd00:6e6c:0:1::2 lladdr 02:6e:6c:00:00:0a dev eth2 nud permanent
neighbour replace 10.0.0.13 lladdr 02:6e:6c:00:00:0d dev eth3 nud permanent
neighbour replace fd00:6e6c:0:1::5 lladdr 02:6e:6c:00:00:0d dev eth3 nud permanent
neighbour replace 10.0.0.15 lladdr 02:6e:6c:00:00:0f dev eth4 nud permanent
neighbour replace fd00:6e6c:0:1::7 lladdr 02:6e:6c:00:00:0f dev eth4 nud permanent
neighbour replace 10.0.0.17 lladdr 02:6e:6c:00:00:11 dev eth5 nud permanent
neighbour replace fd00:6e6c:0:1::9 lladdr 02:6e:6c:00:00:11 dev eth5 nud permanent
neighbour replace 10.0.0.19 lladdr 02:6e:6c:00:00:13 dev eth6 nud permanent
neighbour replace fd00:6e6c:0:1::b lladdr 02:6e:6c:00:00:13 dev eth6 nud permanent
route add 192.168.0.1/32 protocol static via 10.0.0.1 dev eth0
route add 2001:db8::1/128 protocol static via fd00:6e6c::1 dev eth0
END

	# host h2
	net "$n5" ethtool -K eth0 gso off tso off gro off tx-udp-segmentation off tx-sctp-segmentation off tx-gso-list off
	net "$n5" ethtool -K eth3 gso off tso off gro off tx-udp-segmentation off tx-sctp-segmentation off tx-gso-list off
	net "$n5" ip -batch - <<'END'
address add 10.0.0.13/31 dev eth0
address add fd00:6e6c:0:1::5/127 dev eth0 nodad
address add 10.0.0.15/31 dev eth1
address add fd00:6e6c:0:1::7/127 dev eth1 nodad
address add 10.0.0.17/31 dev eth2
address add fd00:6e6c:0:1::9/127 dev eth2 nodad
address add 10.0.0.19/31 dev eth3
address add fd00:6e6c:0:1::b/127 dev eth3 nodad
link set dev lo up
link set dev eth0 up
link set dev eth1 up
link set dev eth2 up
link set dev eth3 up
neighbour replace 10.0.0.12 lladdr 02:6e:6c:00:00:0c dev eth0 nud permanent
neighbour replace fd00:6e6c:0:1::4 lladdr 02:6e:6c:00:00:0c dev eth0 nud permanent
neighbour replace 10.0.0.14 lladdr 02:6e:6c:00:00:0e dev eth1 nud permanent
neighbour replace fd00:6e6c:0:1::6 lladdr 02:6e:6c:00:00:0e dev eth1 nud permanent
neighbour replace 10.0.0.16 lladdr 02:6e:6c:00:00:10 dev eth2 nud permanent
neighbour replace fd00:6e6c:0:1::8 lladdr 02:6e:6c:00:00:10 dev eth2 nud permanent
neighbour replace 10.0.0.18 lladdr 02:6e:6c:00:00:12 dev eth3 nud permanent
neighbour replace fd00:6e6c:0:1::a lladdr 02:6e:6c:00:00:12 dev eth3 nud permanent
route add 10.0.0.0/29 protocol static via 10.0.0.12 dev eth0
route add 10.0.0.10/31 protocol static via 10.0.0.12 dev eth0
route add 172.16.0.0/30 protocol static via 10.0.0.12 dev eth0
route add 192.168.0.1/32 protocol static via 10.0.0.12 dev eth0
route add 2001:db8::1/128 protocol static via fd00:6e6c:0:1::4 dev eth0
route add fd00:6e6c::/64 protocol static via fd00:6e6c:0:1::4 dev eth0
route add fd00:6e6c:0:1::/126 protocol static via fd00:6e6c:0:1::4 dev eth0
END

	# what the links do to packets
	seed= # netem's, which tc knows from 6.6 on
	if tc qdisc add dev lo root netem help 2>&1 | grep -q seed; then seed=yes; fi
	net "$fabric" tc -batch - <<END
qdisc replace dev L5.b root netem limit 19917 delay 10000us 2000us loss state 1% 20% 2% 50% 0.5% duplicate 1% corrupt 0.1% reorder 5% gap 5${seed:+ seed 5}
qdisc replace dev L5.a root netem limit 19917 delay 10000us 2000us loss state 1% 20% 2% 50% 0.5% duplicate 1% corrupt 0.1% reorder 5% gap 5${seed:+ seed 8366756348133991}
qdisc replace dev L6.b root netem limit 22 loss random 1% ecn rate 1000000bit 20 48 5 slot 1000us 2000us packets 10${seed:+ seed 3346404658873478}
qdisc replace dev L6.a root netem limit 22 delay 1500us 100us rate 1000000bit 20 48 5${seed:+ seed 5880325699660999}
qdisc replace dev L8.b root netem limit 6707 delay 1us 1000us distribution pareto rate 1000000000000bit${seed:+ seed 5416658828683999}
qdisc replace dev L8.a root netem limit 6707 delay 1us 1000us distribution pareto rate 1000000000000bit${seed:+ seed 527058686647647}
qdisc replace dev L9.b root netem limit 1000${seed:+ seed 3471510751234583}
qdisc replace dev L9.a root netem limit 1000${seed:+ seed 5331512882225982}
END
	settle "$n1"

	# services, their output kept in the state directory
	inside "$n0" setpriv --no-new-privs --bounding-set=-all,+chown,+dac_override,+fowner,+fsetid,+kill,+setgid,+setuid,+setpcap,+net_bind_service,+net_broadcast,+net_admin,+net_raw,+sys_chroot,+audit_write env --chdir=/tmp 'GREETING=it'\''s here' sh -c 'echo "$GREETING"; exec sleep 1000' </dev/null >"$state/h1.one.log" 2>&1 3>&- &
	inside "$n5" setpriv --no-new-privs --bounding-set=-all,+chown,+dac_override,+fowner,+fsetid,+kill,+setgid,+setuid,+setpcap,+net_bind_service,+net_broadcast,+net_admin,+net_raw,+sys_chroot,+audit_write runuser -u nobody -- env --chdir=/ sleep 1000 </dev/null >"$state/h2.idle.log" 2>&1 3>&- &
	# only 'netlab up' starts this one again when it has ended
	inside "$n0" setpriv --no-new-privs --bounding-set=-all,+chown,+dac_override,+fowner,+fsetid,+kill,+setgid,+setuid,+setpcap,+net_bind_service,+net_broadcast,+net_admin,+net_raw,+sys_chroot,+audit_write env --chdir=/tmp 'GREETING=it'\''s here' sh -c 'echo "it'\''s up"; exec sleep 1000' </dev/null >"$state/h1.three.log" 2>&1 3>&- &
	ready h1/three 30 grep -Eq -e 'it'\''s (up|on)$' "$state/h1.three.log"
	inside "$n0" setpriv --no-new-privs --bounding-set=-all,+chown,+dac_override,+fowner,+fsetid,+kill,+setgid,+setuid,+setpcap,+net_bind_service,+net_broadcast,+net_admin,+net_raw,+sys_chroot,+audit_write runuser -u nobody -- env --chdir=/tmp 'GREETING=it'\''s here' EMPTY= 'X=a b' sleep 1000 </dev/null >"$state/h1.two.log" 2>&1 3>&- &
	ready h1/two 5 inside "$n0" setpriv --no-new-privs --bounding-set=-all,+chown,+dac_override,+fowner,+fsetid,+kill,+setgid,+setuid,+setpcap,+net_bind_service,+net_broadcast,+net_admin,+net_raw,+sys_chroot,+audit_write runuser -u nobody -- env --chdir=/tmp 'GREETING=it'\''s here' EMPTY= 'X=a b' test -d /tmp
	# only 'netlab up' starts this one again when it has ended
	inside "$n0" setpriv --no-new-privs --bounding-set=-all,+chown,+dac_override,+fowner,+fsetid,+kill,+setgid,+setuid,+setpcap,+net_bind_service,+net_broadcast,+net_admin,+net_raw,+sys_chroot,+audit_write env --chdir=/tmp 'GREETING=it'\''s here' sh -c 'sleep 0.1; touch /tmp; exec sleep 1000' </dev/null >"$state/h1.four.log" 2>&1 3>&- &
	ready h1/four 30 inside "$n0" test -e /tmp
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
