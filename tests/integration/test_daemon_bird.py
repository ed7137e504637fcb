# SPDX-License-Identifier: MIT
"""BIRD beside FRR: OSPFv2 and OSPFv3 through a router of the other kind; a daemon that stands still is given up.
netlab-test: timeout=300 long host"""
from support import daemon_lab, main, matches, netlab, route, wait_for, wait_for_route

LEFT, RIGHT = ("192.168.255.1", "2001:db8::1"), ("192.168.255.3", "2001:db8::3")


def pings(lab):
    """There and back: it takes all three to know the ways."""
    for source, dest in zip(LEFT, RIGHT):
        wait_for(lambda s=source, d=dest: lab.exec("left", "ping", "-nqc1", "-W1", "-I", s, d, status=None).returncode == 0,
                 f"a ping from {source} to {dest}")


def test_interoperation():
    lab = daemon_lab("bird-frr")
    for dest in RIGHT:
        wait_for_route(lab, "left", dest, "eth0")
    for dest in LEFT:
        wait_for_route(lab, "right", dest, "eth0")
    pings(lab)
    matches(lab.out("bird", "birdc", "-s", "/run/bird.ctl", "show", "ospf", "neighbors"),
            r"192\.168\.255\.1\s+\d+\s+Full/PtP[\s\S]*192\.168\.255\.3\s+\d+\s+Full/PtP")
    # frozen, its kernel goes on forwarding, but nobody says hello
    netlab("freeze", f"{lab.name}:bird")
    for dest in RIGHT:
        wait_for(lambda d=dest: route(lab, "left", d) is None, f"left to give up the route to {dest}")
    netlab("thaw", f"{lab.name}:bird")
    for dest in RIGHT:
        wait_for_route(lab, "left", dest, "eth0")
    wait_for_route(lab, "right", LEFT[0], "eth0")
    wait_for_route(lab, "right", LEFT[1], "eth0")
    pings(lab)
    lab.down()


main(globals())
