# SPDX-License-Identifier: MIT
"""keepalived, VRRP: when the gateway dies, the other takes its address, and traffic goes on.
netlab-test: timeout=300 host"""
from support import daemon_lab, equal, main, netlab, wait_for


def has_it(lab, node):
    return "192.0.2.1/24" in lab.out(node, "ip", "-4", "address", "show", "lan")


def get_through(lab):
    wait_for(lambda: lab.exec("host", "ping", "-nqc1", "-W1", "198.51.100.10", status=None).returncode == 0,
             "a ping through the gateway")


def test_failover():
    lab = daemon_lab("keepalived")
    wait_for(lambda: has_it(lab, "gw1"), "gw1 to take the address")
    equal(has_it(lab, "gw2"), False, "gw2 has it as well")
    get_through(lab)
    # it stands still, and is not gone: its kernel still answers for the address, but it says nothing any more
    netlab("freeze", f"{lab.name}:gw1")
    wait_for(lambda: has_it(lab, "gw2"), "gw2 to take over")
    netlab("thaw", f"{lab.name}:gw1")
    wait_for(lambda: has_it(lab, "gw1") and not has_it(lab, "gw2"), "gw1 to take it back")
    netlab("kill", f"{lab.name}:gw1")
    wait_for(lambda: has_it(lab, "gw2"), "gw2 to take over")
    get_through(lab)
    netlab("restart", f"{lab.name}:gw1")
    wait_for(lambda: has_it(lab, "gw1") and not has_it(lab, "gw2"), "gw1 to come back and take it")
    get_through(lab)
    lab.down()


main(globals())
