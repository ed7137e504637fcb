# SPDX-License-Identifier: MIT
"""WireGuard in userspace: two sites reach each other, and the network between sees nothing of what they say.
netlab-test: timeout=300 host"""
import os
import subprocess

from support import SCRATCH, check, daemon_lab, equal, main, netlab, start, wait_for

SECRET = b"do not tell".hex()  # all over the pings


def ping(lab, *more):
    return lab.exec("host1", "ping", "-nq", "-c1", "-W2", "-p", SECRET, *more, "10.2.0.10", status=None).returncode == 0


def captured(lab, where):
    """What passes an interface while host1 pings host2."""
    path = os.path.join(SCRATCH, where.replace(":", "-"))
    capture = start("capture", f"{lab.name}:{where}", "-c", "2", "-w", path, stderr=subprocess.DEVNULL)
    # it counts from when it listens, and two packets are a ping there and back at the least
    wait_for(lambda: ping(lab) and capture.poll() is not None, f"packets at {where}")
    equal(capture.wait(), 0, "capture")
    with open(path, "rb") as file:
        return file.read()


def test_tunnel():
    lab = daemon_lab("wireguard")
    wait_for(lambda: ping(lab), "a ping through the tunnel")
    check(bytes.fromhex(SECRET) in captured(lab, "gw1:lan"), "the site's own network sees pings")
    check(bytes.fromhex(SECRET) not in captured(lab, "isp:eth0"), "the network between sees them, too")
    equal(lab.out("isp", "ip", "route", "get", "10.2.0.10", status=2), "", "a route of the network between")
    received, sent = map(int, lab.out("gw1", "wg", "show", "wg0", "transfer").split()[1:])
    check(received > 0 and sent > 0, "bytes through the tunnel", received, sent)

    netlab("link", "down", f"{lab.name}:isp--gw2")
    check(not ping(lab), "a ping through a cut line")
    netlab("link", "up", f"{lab.name}:isp--gw2")
    wait_for(lambda: ping(lab), "a ping after the line was mended")

    # nobody comes in whose key is not known: no handshake, no packet
    key = lab.out("gw2", "wg", "show", "wg0", "peers").strip()
    lab.exec("gw2", "wg", "set", "wg0", "peer", key, "remove")
    check(not ping(lab), "a ping from a peer that is not known")
    lab.down()


main(globals())
