# SPDX-License-Identifier: MIT
"""FRR, eBGP: four autonomous systems reach each other, and go round a link that is cut and a router without its daemon.
netlab-test: timeout=300 host"""
import json

from support import check, daemon_lab, equal, main, wait_for, wait_for_route

NUMBERS = range(1, 5)


def address(number, family):
    return f"10.{number}.0.2" if family == 4 else f"2001:db8:{number}::2"


def reaches(lab, source, dest, family):
    return lab.exec(f"h{source}", "ping", "-nqc1", "-W2", address(dest, family), status=None).returncode == 0


def path(lab, number, prefix):
    """The best path of an AS to a prefix, as the numbers of the ASes on it."""
    kind = "ipv6" if ":" in prefix else "ipv4"
    told = json.loads(lab.out(f"as{number}", "vtysh", "-c", f"show bgp {kind} unicast {prefix} json"))
    return [p["aspath"]["string"] for p in told.get("paths", []) if p.get("bestpath", {}).get("overall")]


def test_reachability():
    lab = daemon_lab("frr-bgp")
    pairs = [(a, b, family) for a in NUMBERS for b in NUMBERS if a != b for family in (4, 6)]
    for pair in pairs:
        wait_for(lambda p=pair: reaches(lab, *p), f"h{pair[0]} to reach h{pair[1]} by IPv{pair[2]}")
    equal(path(lab, 1, "10.2.0.0/24"), ["65002"], "AS path of a neighbour")
    for family, prefix in ((4, "10.2.0.0/24"), (6, "2001:db8:2::/64")):
        wait_for(lambda p=prefix: path(lab, 1, p) == ["65002"], "the short path")
    lab.link("down", "as1--as2")
    for family, prefix in ((4, "10.2.0.0/24"), (6, "2001:db8:2::/64")):
        wait_for(lambda p=prefix: path(lab, 1, p) == ["65004 65003 65002"], "the path round the cut")
        wait_for_route(lab, "as1", address(2, family), "eth1")
    for pair in pairs:
        check(wait_for(lambda p=pair: reaches(lab, *p), pair), pair)
    # a router whose daemon was stopped in good order: its prefixes are withdrawn, and nobody else is hurt
    lab.exec("as3", "pkill", "-x", "bgpd")
    wait_for(lambda: path(lab, 1, "10.3.0.0/24") == [], "the prefix to be withdrawn")
    lab.down()


main(globals())
