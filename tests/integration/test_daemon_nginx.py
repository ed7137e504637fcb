# SPDX-License-Identifier: MIT
"""nginx: two servers on one host that never meet, over a line of 20 ms.
netlab-test: timeout=300 host"""
from support import check, daemon_lab, equal, main, matches, netlab


def test_web():
    lab = daemon_lab("nginx")
    for number in (1, 2):
        equal(lab.out("client", "curl", "-s", f"http://web{number}/"), f"this is web{number}\n", "page")
        # by address and family, too: both are listened on
        equal(lab.out("client", "curl", "-s", f"http://[{lab.address(f'web{number}', 6)}]/"),
              f"this is web{number}\n", "page by IPv6")
    took = float(lab.out("client", "curl", "-so", "/dev/null", "-w", "%{time_total}", "http://web1/"))
    check(took >= 0.08, f"{took} s is less than two round trips")
    log = netlab("logs", f"{lab.name}:web1/nginx").stdout
    matches(log, r'"GET / HTTP/1\.1" 200')
    equal(log.count('"GET / '), 3, "requests that web1 saw")
    matches(netlab("show", lab.name, "web2").stdout, r"web2/nginx +ready")
    lab.down()


main(globals())
