# SPDX-License-Identifier: MIT
"""A ring of hosts made by Mininet 2.3 through its Python API, as lean as it can be: no switch, no controller, hosts linked
directly, one veth pair a link, an IPv4 address on each end, no tests of connectivity. Prints what it took in milliseconds.

usage: mininet_ring.py NODES     (2: one link)
"""

import json
import sys
import time

from mininet.link import Link
from mininet.log import setLogLevel
from mininet.net import Mininet


def main():
    nodes = int(sys.argv[1])
    links = 1 if nodes == 2 else nodes
    setLogLevel("error")
    before = time.monotonic()
    net = Mininet(controller=None, build=False, link=Link)
    hosts = [net.addHost(f"n{i}", ip=None) for i in range(nodes)]
    for i in range(links):
        high, low = divmod(2 * i, 256)
        net.addLink(
            hosts[i],
            hosts[(i + 1) % nodes],
            params1={"ip": f"10.0.{high}.{low}/31"},
            params2={"ip": f"10.0.{high}.{low + 1}/31"},
        )
    net.build()
    net.start()
    up = time.monotonic()
    net.stop()
    down = time.monotonic()
    print(json.dumps({"up_ms": (up - before) * 1e3, "down_ms": (down - up) * 1e3}))


main()
