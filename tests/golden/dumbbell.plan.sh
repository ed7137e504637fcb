#!/bin/sh
# Lab 'dumbbell', as 'netlab plan --format sh' prints it: what 'netlab up' makes, in words of iproute2 and
# util-linux. Needs root.
#
#   sh dumbbell.sh up               make the lab
#   sh dumbbell.sh exec NODE CMD... run a command in a node
#   sh dumbbell.sh down             remove it
#
# A lab is processes. Each node is one, asleep, which holds the node's namespaces; the "fabric" is one more,
# whose network namespace has the middle of every link. When the processes are gone, so is the lab: nothing of
# it is ever in the host's network namespace.
# shellcheck disable=SC2016,SC2086 # what is in single quotes is for another shell; $settings are words
set -eu
lab='dumbbell'
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
10.0.0.0 s1
fd00:6e6c:: s1
10.0.0.2 s2
fd00:6e6c::2 s2
10.0.0.1 left
fd00:6e6c::1 left
10.0.0.5 right
fd00:6e6c::5 right
10.0.0.7 r1
fd00:6e6c::7 r1
10.0.0.9 r2
fd00:6e6c::9 r2
END
	cat >"$state/resolv.conf" <<'END'
# No server. Names of the lab are in /etc/hosts; "dns" in the topology gives servers.
options timeout:1 attempts:1
END
	command -v ethtool >/dev/null || die "links that shape need 'ethtool'"

	# the fabric and the nodes
	fabric
	settings=$of_host
	node s1 s1
	n0=$!
	settings=$of_host
	node s2 s2
	n1=$!
	settings=$of_router
	node left left
	n2=$!
	settings=$of_router
	node right right
	n3=$!
	settings=$of_host
	node r1 r1
	n4=$!
	settings=$of_host
	node r2 r2
	n5=$!
	await 7

	# links: each end is a pair of interfaces, one in the node and one in the fabric
	net "$fabric" ip -batch - <<END
link add L0.a index 1048576 address 06:6e:6c:00:00:00 mtu 1500 numtxqueues 1 numrxqueues 1 type veth peer name eth0 index 101 address 02:6e:6c:00:00:00 mtu 1500 numtxqueues 1 numrxqueues 1 netns $n0
link add L0.b index 1048577 address 06:6e:6c:00:00:01 mtu 1500 numtxqueues 1 numrxqueues 1 type veth peer name eth0 index 101 address 02:6e:6c:00:00:01 mtu 1500 numtxqueues 1 numrxqueues 1 netns $n2
link add L1.a index 1048578 address 06:6e:6c:00:00:02 mtu 1500 numtxqueues 1 numrxqueues 1 type veth peer name eth0 index 101 address 02:6e:6c:00:00:02 mtu 1500 numtxqueues 1 numrxqueues 1 netns $n1
link add L1.b index 1048579 address 06:6e:6c:00:00:03 mtu 1500 numtxqueues 1 numrxqueues 1 type veth peer name eth1 index 102 address 02:6e:6c:00:00:03 mtu 1500 numtxqueues 1 numrxqueues 1 netns $n2
link add L2.a index 1048580 address 06:6e:6c:00:00:04 mtu 1500 numtxqueues 1 numrxqueues 1 type veth peer name eth2 index 103 address 02:6e:6c:00:00:04 mtu 1500 numtxqueues 1 numrxqueues 1 netns $n2
link add L2.b index 1048581 address 06:6e:6c:00:00:05 mtu 1500 numtxqueues 1 numrxqueues 1 type veth peer name eth0 index 101 address 02:6e:6c:00:00:05 mtu 1500 numtxqueues 1 numrxqueues 1 netns $n3
link add L3.a index 1048582 address 06:6e:6c:00:00:06 mtu 1500 numtxqueues 1 numrxqueues 1 type veth peer name eth1 index 102 address 02:6e:6c:00:00:06 mtu 1500 numtxqueues 1 numrxqueues 1 netns $n3
link add L3.b index 1048583 address 06:6e:6c:00:00:07 mtu 1500 numtxqueues 1 numrxqueues 1 type veth peer name eth0 index 101 address 02:6e:6c:00:00:07 mtu 1500 numtxqueues 1 numrxqueues 1 netns $n4
link add L4.a index 1048584 address 06:6e:6c:00:00:08 mtu 1500 numtxqueues 1 numrxqueues 1 type veth peer name eth2 index 103 address 02:6e:6c:00:00:08 mtu 1500 numtxqueues 1 numrxqueues 1 netns $n3
link add L4.b index 1048585 address 06:6e:6c:00:00:09 mtu 1500 numtxqueues 1 numrxqueues 1 type veth peer name eth0 index 101 address 02:6e:6c:00:00:09 mtu 1500 numtxqueues 1 numrxqueues 1 netns $n5
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
END

	# host s1
	net "$n0" ethtool -K eth0 gso off tso off gro off tx-udp-segmentation off tx-sctp-segmentation off tx-gso-list off
	net "$n0" ip -batch - <<'END'
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
	net "$n1" ethtool -K eth0 gso off tso off gro off tx-udp-segmentation off tx-sctp-segmentation off tx-gso-list off
	net "$n1" ip -batch - <<'END'
address add 10.0.0.2/31 dev eth0
address add fd00:6e6c::2/127 dev eth0 nodad
link set dev lo up
link set dev eth0 up
neighbour replace 10.0.0.3 lladdr 02:6e:6c:00:00:03 dev eth0 nud permanent
neighbour replace fd00:6e6c::3 lladdr 02:6e:6c:00:00:03 dev eth0 nud permanent
route add 0.0.0.0/0 protocol static via 10.0.0.3 dev eth0
route add ::/0 protocol static via fd00:6e6c::3 dev eth0
END

	# router left
	net "$n2" ethtool -K eth0 gso off tso off gro off tx-udp-segmentation off tx-sctp-segmentation off tx-gso-list off
	net "$n2" ethtool -K eth1 gso off tso off gro off tx-udp-segmentation off tx-sctp-segmentation off tx-gso-list off
	net "$n2" ethtool -K eth2 gso off tso off gro off tx-udp-segmentation off tx-sctp-segmentation off tx-gso-list off
	net "$n2" ip -batch - <<'END'
address add 10.0.0.1/31 dev eth0
address add fd00:6e6c::1/127 dev eth0 nodad
address add 10.0.0.3/31 dev eth1
address add fd00:6e6c::3/127 dev eth1 nodad
address add 10.0.0.4/31 dev eth2
address add fd00:6e6c::4/127 dev eth2 nodad
link set dev lo up
link set dev eth0 up
link set dev eth1 up
link set dev eth2 up
neighbour replace 10.0.0.0 lladdr 02:6e:6c:00:00:00 dev eth0 nud permanent
neighbour replace fd00:6e6c:: lladdr 02:6e:6c:00:00:00 dev eth0 nud permanent
neighbour replace 10.0.0.2 lladdr 02:6e:6c:00:00:02 dev eth1 nud permanent
neighbour replace fd00:6e6c::2 lladdr 02:6e:6c:00:00:02 dev eth1 nud permanent
neighbour replace 10.0.0.5 lladdr 02:6e:6c:00:00:05 dev eth2 nud permanent
neighbour replace fd00:6e6c::5 lladdr 02:6e:6c:00:00:05 dev eth2 nud permanent
route add 10.0.0.6/31 protocol static via 10.0.0.5 dev eth2
route add 10.0.0.8/31 protocol static via 10.0.0.5 dev eth2
route add fd00:6e6c::6/127 protocol static via fd00:6e6c::5 dev eth2
route add fd00:6e6c::8/127 protocol static via fd00:6e6c::5 dev eth2
END

	# router right
	net "$n3" ethtool -K eth0 gso off tso off gro off tx-udp-segmentation off tx-sctp-segmentation off tx-gso-list off
	net "$n3" ethtool -K eth1 gso off tso off gro off tx-udp-segmentation off tx-sctp-segmentation off tx-gso-list off
	net "$n3" ethtool -K eth2 gso off tso off gro off tx-udp-segmentation off tx-sctp-segmentation off tx-gso-list off
	net "$n3" ip -batch - <<'END'
address add 10.0.0.5/31 dev eth0
address add fd00:6e6c::5/127 dev eth0 nodad
address add 10.0.0.6/31 dev eth1
address add fd00:6e6c::6/127 dev eth1 nodad
address add 10.0.0.8/31 dev eth2
address add fd00:6e6c::8/127 dev eth2 nodad
link set dev lo up
link set dev eth0 up
link set dev eth1 up
link set dev eth2 up
neighbour replace 10.0.0.4 lladdr 02:6e:6c:00:00:04 dev eth0 nud permanent
neighbour replace fd00:6e6c::4 lladdr 02:6e:6c:00:00:04 dev eth0 nud permanent
neighbour replace 10.0.0.7 lladdr 02:6e:6c:00:00:07 dev eth1 nud permanent
neighbour replace fd00:6e6c::7 lladdr 02:6e:6c:00:00:07 dev eth1 nud permanent
neighbour replace 10.0.0.9 lladdr 02:6e:6c:00:00:09 dev eth2 nud permanent
neighbour replace fd00:6e6c::9 lladdr 02:6e:6c:00:00:09 dev eth2 nud permanent
route add 10.0.0.0/30 protocol static via 10.0.0.4 dev eth0
route add fd00:6e6c::/126 protocol static via fd00:6e6c::4 dev eth0
END

	# host r1
	net "$n4" ethtool -K eth0 gso off tso off gro off tx-udp-segmentation off tx-sctp-segmentation off tx-gso-list off
	net "$n4" ip -batch - <<'END'
address add 10.0.0.7/31 dev eth0
address add fd00:6e6c::7/127 dev eth0 nodad
link set dev lo up
link set dev eth0 up
neighbour replace 10.0.0.6 lladdr 02:6e:6c:00:00:06 dev eth0 nud permanent
neighbour replace fd00:6e6c::6 lladdr 02:6e:6c:00:00:06 dev eth0 nud permanent
route add 0.0.0.0/0 protocol static via 10.0.0.6 dev eth0
route add ::/0 protocol static via fd00:6e6c::6 dev eth0
END

	# host r2
	net "$n5" ethtool -K eth0 gso off tso off gro off tx-udp-segmentation off tx-sctp-segmentation off tx-gso-list off
	net "$n5" ip -batch - <<'END'
address add 10.0.0.9/31 dev eth0
address add fd00:6e6c::9/127 dev eth0 nodad
link set dev lo up
link set dev eth0 up
neighbour replace 10.0.0.8 lladdr 02:6e:6c:00:00:08 dev eth0 nud permanent
neighbour replace fd00:6e6c::8 lladdr 02:6e:6c:00:00:08 dev eth0 nud permanent
route add 0.0.0.0/0 protocol static via 10.0.0.8 dev eth0
route add ::/0 protocol static via fd00:6e6c::8 dev eth0
END

	# what the links do to packets
	seed= # netem's, which tc knows from 6.6 on
	if tc qdisc add dev lo root netem help 2>&1 | grep -q seed; then seed=yes; fi
	net "$fabric" tc -batch - <<END
qdisc replace dev L0.b root netem limit 1753 delay 1000us${seed:+ seed 2341075702842712}
qdisc replace dev L0.a root netem limit 1753 delay 1000us${seed:+ seed 7114769712429270}
qdisc replace dev L1.b root netem limit 1753 delay 1000us${seed:+ seed 3653906592950936}
qdisc replace dev L1.a root netem limit 1753 delay 1000us${seed:+ seed 6484980879010783}
qdisc replace dev L2.b root netem limit 68 delay 20000us rate 10000000bit${seed:+ seed 3150970891124344}
qdisc replace dev L2.a root netem limit 68 delay 20000us rate 10000000bit${seed:+ seed 6607433903870465}
qdisc replace dev L3.b root netem limit 1753 delay 1000us${seed:+ seed 1657897950754596}
qdisc replace dev L3.a root netem limit 1753 delay 1000us${seed:+ seed 5762053192670327}
qdisc replace dev L4.b root netem limit 1753 delay 1000us${seed:+ seed 1291103271602394}
qdisc replace dev L4.a root netem limit 1753 delay 1000us${seed:+ seed 2822178172198880}
END

	# services, their output kept in the state directory
	inside "$n4" setpriv --no-new-privs --bounding-set=-all,+chown,+dac_override,+fowner,+fsetid,+kill,+setgid,+setuid,+setpcap,+net_bind_service,+net_broadcast,+net_admin,+net_raw,+sys_chroot,+audit_write env --chdir=/ iperf3 -s </dev/null >"$state/r1.iperf.log" 2>&1 3>&- &
	inside "$n5" setpriv --no-new-privs --bounding-set=-all,+chown,+dac_override,+fowner,+fsetid,+kill,+setgid,+setuid,+setpcap,+net_bind_service,+net_broadcast,+net_admin,+net_raw,+sys_chroot,+audit_write env --chdir=/ iperf3 -s </dev/null >"$state/r2.iperf.log" 2>&1 3>&- &
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
