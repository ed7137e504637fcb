# SPDX-License-Identifier: MIT
"""Unmodified programs over links, switches, hubs and routers.
netlab-test: timeout=900 host"""
import json
import os
import re
import signal
import subprocess

from support import (IN_VM, NETLAB, SCRATCH, STATE, Failed, Lab, check, equal, main, matches,
                     netlab, topology, wait_for)


def in_background(lab, node, *argv, **options):
    return subprocess.Popen([NETLAB, "--state-dir", STATE, "exec", f"{lab.name}:{node}", "--",
                             *argv], text=True, **options)


def iperf_pair():
    return Lab(topology({"a": {}, "r": {"kind": "router"},
                         "b": {"services": [{"name": "iperf", "run": ["iperf3", "-s"]}]}},
                        [["a", "r"], ["r", "b"]]))


def iperf(lab, *options):
    wait_for(lambda: "5201" in lab.out("b", "ss", "-Hltn", "sport = :5201"), "iperf3's server")
    return json.loads(lab.out("a", "iperf3", "-J", "-c", "b", "-t", "2", *options))["end"]


def test_iperf3_tcp():
    lab = iperf_pair()
    for options in (("-4",), ("-6",), ("-R",)):
        end = iperf(lab, *options)
        rate = end["sum_received"]["bits_per_second"]
        check(rate > (20e6 if IN_VM else 500e6), f"TCP {options}: {rate / 1e6} Mbit/s")


def test_iperf3_udp():
    end = iperf(iperf_pair(), "-u", "-b", "2M", "-l", "1000")["sum"]
    check(end["lost_packets"] <= end["packets"] * 0.01, "lost", end["lost_packets"])
    check(end["bits_per_second"] > 1.8e6, "rate", end["bits_per_second"])


def test_nginx_and_curl():
    config = os.path.join(SCRATCH, "nginx.conf")
    with open(config, "w", encoding="utf-8") as file:
        file.write("daemon off; pid %s/nginx.pid; error_log stderr;\n"
                   "events {} http { access_log /dev/stdout;\n"
                   "  client_body_temp_path %s; proxy_temp_path %s; fastcgi_temp_path %s;\n"
                   "  uwsgi_temp_path %s; scgi_temp_path %s;\n"
                   "  server { listen 80; listen [::]:80;\n"
                   "    location / { return 200 'hello from $hostname to $remote_addr\\n'; } } }\n"
                   % ((SCRATCH,) * 6))
    lab = Lab(topology({"web": {"services": [{"name": "http", "run": ["nginx", "-c", config]}],
                                "mounts": [{"bind": SCRATCH, "rw": True}]},
                        "sw": {"kind": "switch"}, "c1": {}, "c2": {}},
                       [["web", "sw"], ["c1", "sw"], ["c2", "sw"]]))
    for client in ("c1", "c2"):
        for family in (4, 6):
            answer = lab.out(client, "curl", "-sS", f"-{family}", "--retry", "60",
                             "--retry-connrefused", "http://web/")
            equal(answer, f"hello from web to {lab.address(client, family)}\n", "nginx says")
    wait_for(lambda: netlab("logs", f"{lab.name}:web/http").stdout.count("GET / HTTP") == 4,
             "the access log")


def capture(lab, node, expression, action, last):
    """What tcpdump in a node sees of what an action does; the last line, which it must see, matches
    a pattern."""
    dump = in_background(lab, node, "tcpdump", "-nn", "-l", "--immediate-mode", "-i", "eth0",
                         expression, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    line = dump.stderr.readline()
    while "listening on" not in line:
        if not line:
            raise Failed("tcpdump ended")
        line = dump.stderr.readline()
    action()
    lines = []
    while not lines or not re.search(last, lines[-1]):
        lines.append(dump.stdout.readline())
        check(lines[-1], "tcpdump ended before", last)
    dump.send_signal(signal.SIGINT)
    _, err = dump.communicate(timeout=60)
    equal(int(re.search(r"(\d+) packets? dropped by kernel", err).group(1)), 0, "tcpdump's drops")
    return lines


def bridged(kind):
    return Lab(topology({"m": {"kind": kind}, "a": {}, "b": {}, "c": {}},
                        [["a", "m"], ["b", "m"], ["c", "m"]]))


def overheard(kind):
    lab = bridged(kind)

    def ping():
        lab.exec("a", "ping", "-4", "-n", "-c", "5", "-i", "0.05", "b")
        # c's own, so that an empty capture is known to be one that worked
        lab.exec("c", "ping", "-4", "-n", "-c", "1", "a")
    ping()  # a switch learns
    return capture(lab, "c", "icmp[icmptype] == icmp-echo or icmp[icmptype] == icmp-echoreply", ping,
                   f"> {lab.address('c')}: ICMP echo reply")


def test_switch_learns():
    equal(len(overheard("switch")), 2, "frames that c sees: its own")


def test_hub_floods():
    equal(len(overheard("hub")), 12, "frames that c sees: all")


def test_routers_count_down():
    nodes = {"a": {}, "b": {}}
    nodes |= {f"r{i}": {"kind": "router"} for i in range(1, 6)}
    path = ["a", "r1", "r2", "r3", "r4", "r5", "b"]
    lab = Lab(topology(nodes, [list(pair) for pair in zip(path, path[1:])]))
    for family in (4, 6):
        out = lab.out("a", "ping", f"-{family}", "-n", "-c", "1", "b")
        equal(re.search(r"ttl=(\d+)", out).group(1), "59", f"TTL after five routers, IPv{family}")
        out = lab.exec("a", "ping", f"-{family}", "-n", "-c", "1", "-t", "3", "-W", "2", "b",
                       status=1).stdout
        matches(out, r"From .* (Time to live exceeded|Time exceeded)", f"TTL 3, IPv{family}")
        hops = re.findall(r"^ *\d+  (\S+)", lab.out("a", "traceroute", f"-{family}", "-n", "-q", "1",
                                                     "b"), re.M)
        equal(len(hops), 6, f"hops {hops}")
        equal(hops[-1], lab.address("b", family), "the last hop")


def test_equal_cost_paths():
    nodes = {name: {"kind": "router"} for name in ("in", "x", "y", "z", "out")} | {"a": {}, "b": {}}
    links = [["a", "in"], ["in", "x"], ["in", "y"], ["in", "z"], ["x", "out"], ["y", "out"],
             ["z", "out"], ["out", "b"]]
    for ecmp in (True, False):
        lab = Lab(topology(nodes, links, ecmp=ecmp))
        for family in ("-4", "-6"):
            ways = {lab.json("in", "ip", "-j", family, "route", "get",
                             lab.address("b", int(family[1])), "ipproto", "udp", "sport", str(port),
                             "dport", "9")[0]["dev"] for port in range(2000, 2064)}
            equal(len(ways), 3 if ecmp else 1, f"ways taken by 64 flows, ecmp {ecmp}, {family}")
        lab.exec("a", "ping", "-n", "-c", "1", "-W", "5", "b")
        lab.down()


def test_large_frames_and_path_mtu():
    lab = Lab(topology({"a": {}, "r": {"kind": "router"}, "b": {}},
                       [["a", "r", {"mtu": 9000}], ["r", "b", {"mtu": 1400}]]))
    lab.exec("a", "ping", "-4", "-n", "-c", "1", "-M", "dont", "-s", "8000", "b")  # fragments
    out = lab.exec("a", "ping", "-4", "-n", "-c", "1", "-M", "do", "-s", "8000", "-W", "2", "b",
                   status=1)
    matches(out.stdout + out.stderr, r"mtu ?= ?1400", "path MTU")


if __name__ == "__main__":
    main(globals())
