# SPDX-License-Identifier: MIT
"""FRR, OSPFv2 and OSPFv3: six routers in a ring find their ways, and another one when a link is cut.
netlab-test: timeout=300 host"""
import re

from support import check, daemon_lab, equal, main, route, wait_for, wait_for_route

NUMBERS = range(1, 7)


def address(number, family):
    return f"192.168.255.{number}" if family == 4 else f"2001:db8::{number}"


def knows(lab, number):
    """The routers that one has routes to, by OSPF, in both families."""
    found = set()
    for family in (4, 6):
        for entry in lab.json(f"r{number}", "ip", "-j", f"-{family}", "route", "show", "proto", "ospf"):
            match = re.fullmatch(r"(?:192\.168\.255\.|2001:db8::)(\d)", entry["dst"])
            if match:
                found.add((int(match.group(1)), family))
    return found


def everything(number):
    return {(other, family) for other in NUMBERS if other != number for family in (4, 6)}


def pings(lab, source, dest):
    for family in (4, 6):
        lab.exec(f"r{source}", "ping", "-nqc2", "-i0.2", "-W5", "-I", address(source, family), address(dest, family))


def test_convergence():
    lab = daemon_lab("frr-ospf")
    for number in NUMBERS:
        wait_for(lambda n=number: knows(lab, n) == everything(n), f"all routes in r{number}")
    pings(lab, 1, 4)
    for family in (4, 6):
        equal(route(lab, "r1", address(2, family))["dev"], "eth0", "the short way")
    lab.link("down", "r1--r2")
    for family in (4, 6):
        wait_for_route(lab, "r1", address(2, family), "eth1")
        wait_for_route(lab, "r2", address(1, family), "eth1")
        wait_for_route(lab, "r1", address(3, family), "eth1")
    pings(lab, 1, 2)
    check("eth0" not in lab.out("r1", "ip", "route", "show", "proto", "ospf"), "routes over the link that is cut")
    lab.link("up", "r1--r2")
    for family in (4, 6):
        wait_for_route(lab, "r1", address(2, family), "eth0")
    pings(lab, 1, 2)
    lab.down()


main(globals())
