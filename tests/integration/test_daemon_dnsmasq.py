# SPDX-License-Identifier: MIT
"""dnsmasq: two clients get an address each by DHCP, and know each other's by DNS.
netlab-test: timeout=300 host"""
import re

from support import between, check, daemon_lab, equal, main, matches, run, wait_for


def lease(lab, node):
    found = re.findall(r"inet (192\.0\.2\.\d+)/24", lab.out(node, "ip", "-4", "address", "show", "eth0"))
    equal(len(found), 1, f"addresses of {node}")
    between(int(found[0].rsplit(".", 1)[1]), 100, 150, f"{node}'s address", found[0])
    return found[0]


def test_dhcp_and_dns():
    lab = daemon_lab("dnsmasq")
    addresses = {node: lease(lab, node) for node in ("alice", "bob")}
    check(addresses["alice"] != addresses["bob"], "the same address twice:", addresses)
    for node in addresses:
        matches(lab.out(node, "ip", "route"), r"default via 192\.0\.2\.1 dev eth0", "the way out")
        matches(lab.out("gw", "cat", "/run/dnsmasq.leases"), rf" {addresses[node]} {node} ", "leases")
    # names that nobody wrote down: dnsmasq has them from the clients' requests
    for name in ("bob", "bob.lab.example"):
        equal(lab.out("alice", "getent", "ahostsv4", name).split()[0], addresses["bob"], name)
    equal(lab.out("bob", "getent", "ahostsv4", "www").split()[0], "192.0.2.1", "a record of the file's")
    lab.exec("alice", "getent", "ahostsv4", "nobody.lab.example", status=2)
    lab.exec("alice", "ping", "-nqc2", "-i0.2", "-W5", "bob")
    lab.down()


main(globals())
