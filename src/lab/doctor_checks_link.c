/* SPDX-License-Identifier: MIT */
/* What the doctor looks at: what joins nodes. When a part of netlab lands, its entries move from DOCTOR_PLANNED to where they belong. */
#include "lab/doctor_table.h"

#include "base/cleanup.h"

static const struct doctor_check checks[] = {
	{
		.key = "veth",
		.need = DOCTOR_EVERY_LAB,
		.purpose = "every link: two pairs, each end born in its node or in the fabric",
		.without = "no topology with a link comes up",
		.remedy = MODULE("CONFIG_VETH", "veth"),
		.trial = SCRATCH(probe_veth, NULL),
	},
	{
		.key = "clsact",
		.need = DOCTOR_EVERY_LAB,
		.purpose = "joining the two halves of a link in the fabric",
		.without = "no topology with a link comes up",
		.remedy = MODULE("CONFIG_NET_SCH_INGRESS and CONFIG_NET_CLS_ACT", "sch_ingress"),
		.trial = SCRATCH(probe_qdisc, "clsact"),
	},
	{
		.key = "cls-u32",
		.need = DOCTOR_EVERY_LAB,
		.purpose = "joining the two halves of a link in the fabric",
		.without = "no topology with a link comes up",
		.remedy = MODULE("CONFIG_NET_CLS_U32", "cls_u32"),
		.trial = SCRATCH(probe_filter, "u32"),
	},
	{
		.key = "mirred",
		.need = DOCTOR_EVERY_LAB,
		.purpose = "moving frames from one half of a link to the other",
		.without = "no topology with a link comes up",
		.remedy = MODULE("CONFIG_NET_ACT_MIRRED", "act_mirred"),
		.trial = SCRATCH(probe_filter, "mirred"),
	},
	{
		.key = "carrier",
		.need = DOCTOR_SOME_LABS,
		.purpose = "links that carry the first packet after `up` returns",
		.without =
			"in the first moments after `up` the kernel may still drop packets of busy labs",
		.remedy = KERNEL("links whose state is up to date when ethtool asks for it", "6.8"),
		.trial = SCRATCH(probe_carrier, NULL),
	},
	{
		.key = "offload",
		.need = DOCTOR_SOME_LABS,
		.purpose = "one decision per packet, not per 64 KiB, on links that shape or lose",
		.without =
			"topologies with shaped links fail, unless the link says \"offload\": true",
		.remedy = KERNEL("CONFIG_ETHTOOL_NETLINK or its ioctl for veth", "3.9"),
		.trial = SCRATCH(probe_offload, NULL),
	},
	{
		.key = "bridge",
		.need = DOCTOR_SOME_LABS,
		.purpose = "switches and hubs",
		.without = "topologies with a node of kind 'switch' or 'hub' fail",
		.remedy = MODULE("CONFIG_BRIDGE", "bridge"),
		.trial = SCRATCH(probe_bridge, NULL),
	},
	{
		.key = "bridge-stp",
		.need = DOCTOR_SOME_LABS,
		.purpose = "switches with \"stp\": true",
		.without = "topologies with loops of switches fail",
		.remedy = MODULE("CONFIG_BRIDGE", "bridge"),
		.trial = SCRATCH(probe_bridge, "stp"),
	},
	{
		.key = "ipv6",
		.need = DOCTOR_SOME_LABS,
		.purpose = "the IPv6 addresses and routes that every lab gets by default",
		.without = "labs fail unless the topology says \"addressing\": {\"ipv6\": false}",
		.remedy = "start the kernel without ipv6.disable=1; or a kernel with CONFIG_IPV6",
		.trial = SCRATCH(probe_ipv6, NULL),
	},

	{
		.key = "netem",
		.need = DOCTOR_SOME_LABS,
		.purpose = "links with delay, jitter, loss, duplicates, corruption or reordering",
		.without = "the wire carries these links, in user space; \"engine\": \"netem\" is "
			   "refused",
		.remedy = MODULE("CONFIG_NET_SCH_NETEM", "sch_netem") "; or use tools/vm",
		.trial = SCRATCH(probe_netem, NULL),
	},
	{
		.key = "netem-seed",
		.need = DOCTOR_SOME_LABS,
		.purpose = "the same packets lost in every run",
		.without = "labs come up with a warning: their losses differ from run to run",
		.remedy = KERNEL("seeds in netem", "6.6"),
		.trial = SCRATCH(probe_netem, "seed"),
	},
	{
		.key = "netem-rate",
		.need = DOCTOR_SOME_LABS,
		.purpose = "links with rate and any other impairment, and 'overhead', 'cell'",
		.without = "topologies that ask for these fail",
		.remedy = KERNEL("CONFIG_NET_SCH_NETEM", "3.3"),
		.trial = SCRATCH(probe_netem, "rate"),
	},
	{
		.key = "netem-slot",
		.need = DOCTOR_SOME_LABS,
		.purpose = "links with 'slot'",
		.without = "topologies that ask for it fail",
		.remedy = KERNEL("slots in netem", "4.16"),
		.trial = SCRATCH(probe_netem, "slot"),
	},
	{
		.key = "netem-ecn",
		.need = DOCTOR_SOME_LABS,
		.purpose = "links that mark instead of losing ('ecn')",
		.without = "topologies that ask for it fail",
		.remedy = KERNEL("CONFIG_NET_SCH_NETEM", "3.4"),
		.trial = SCRATCH(probe_netem, "ecn"),
	},
	{
		.key = "tc",
		.kind = DOCTOR_PROGRAM,
		.need = DOCTOR_SOME_LABS,
		.purpose = "writing the qdiscs of shaped links",
		.without = "topologies with shaped links are refused",
		.remedy = APT("iproute2"),
		.trial = HERE(probe_program, "tc -V"),
	},

	{
		.key = "packet-socket",
		.need = DOCTOR_SOME_LABS,
		.purpose = "the wire, which shapes links in user space; capturing in nodes",
		.without =
			"topologies with links of the wire fail, and programs in nodes cannot capture",
		.remedy = MODULE("CONFIG_PACKET", "af_packet"),
		.trial = SCRATCH(probe_socket, "packet"),
	},
	{
		.key = "packet-vnet-hdr",
		.need = DOCTOR_SOME_LABS,
		.purpose = "the wire: frames whose checksum or segmentation is still to be done",
		.without = "topologies with links of the wire fail",
		.remedy = KERNEL("PACKET_VNET_HDR", "2.6.27"),
		.trial = SCRATCH(probe_packet_option, "vnet-hdr"),
	},
	{
		.key = "packet-auxdata",
		.need = DOCTOR_SOME_LABS,
		.purpose = "the wire: frames with VLAN tags",
		.without = "topologies with links of the wire fail",
		.remedy = KERNEL("PACKET_AUXDATA", "2.6.21"),
		.trial = SCRATCH(probe_packet_option, "auxdata"),
	},
	{
		.key = "packet-ignore-outgoing",
		.need = DOCTOR_SOME_LABS,
		.purpose = "the wire: not to hear what it sent itself",
		.without = "topologies with links of the wire fail",
		.remedy = KERNEL("PACKET_IGNORE_OUTGOING", "4.20"),
		.trial = SCRATCH(probe_packet_option, "ignore-outgoing"),
	},
	{
		.key = "packet-qdisc-bypass",
		.need = DOCTOR_SOME_LABS,
		.purpose = "the wire: sending without a queue of the kernel's in between",
		.without = "topologies with links of the wire fail",
		.remedy = KERNEL("PACKET_QDISC_BYPASS", "3.14"),
		.trial = SCRATCH(probe_packet_option, "qdisc-bypass"),
	},
	{
		.key = "packet-timestamps",
		.need = DOCTOR_SOME_LABS,
		.purpose = "the wire, verify: when a packet came, whenever it is read",
		.without = "topologies with links of the wire, and `netlab verify`, fail",
		.remedy = KERNEL("SO_TIMESTAMPNS", "2.6.22"),
		.trial = SCRATCH(probe_packet_option, "timestamps"),
	},
	{
		.key = "xdp-socket",
		.need = DOCTOR_PLANNED,
		.purpose = "a faster wire engine",
		.without = "the wire engine moves fewer packets a second",
		.remedy = KERNEL("CONFIG_XDP_SOCKETS", "4.18"),
		.trial = SCRATCH(probe_socket, "xdp"),
	},
};

const struct doctor_table doctor_link_checks = { checks, ARRAY_SIZE(checks) };
