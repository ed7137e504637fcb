# SPDX-License-Identifier: MIT
"""Every example of topologies/ comes up, keeps what its comment promises, and goes down.
netlab-test: timeout=900 long"""
import glob
import json
import os
import re
import subprocess

from support import (IN_VM, PROBE, TOP, Lab, check, equal, in_vm_too, load, main, matches, netlab, run, topology,
                     wait_for)

EXAMPLES = os.path.join(TOP, "topologies")
SHAPING = ("dumbbell", "lossy-bottleneck")


def example(name, *options):
    return Lab(os.path.join(EXAMPLES, name + ".json"), *options)


def pings(lab, source, dest, *options, count=1):
    out = lab.out(source, "ping", "-n", "-c", count, "-i", "0.1", "-W", "5", *options, dest)
    matches(out, rf"{count} received", f"ping from {source} to {dest}")
    return out


def test_each_is_tested():
    files = {os.path.basename(f)[:-5] for f in glob.glob(os.path.join(EXAMPLES, "*.json"))}
    tested = {name[5:].replace("_", "-") for name in globals() if name.startswith("test_")}
    equal(files - tested, set(), "examples without a test")


def test_check_and_plan_take_each():
    for path in sorted(glob.glob(os.path.join(EXAMPLES, "*.json"))):
        netlab("check", path)
        netlab("plan", path)


def test_services():
    lab = example("services")
    hosts = lab.out("client", "cat", "/etc/hosts")
    equal(lab.out("client", "curl", "-s", "http://web/hosts"), hosts)
    lab.exec("web", "kill", "-9", str(lab.show()["nodes"]["web"]["services"][0]["pid_in_node"]))
    wait_for(lambda: (lambda s: s["restarts"] == 1 and s["state"] == "ready")(lab.show()["nodes"]["web"]["services"][0]),
             "its restart")
    matches(netlab("logs", "--times", f"{lab.name}:log").stdout, "Z listening\n")
    netlab("kill", f"{lab.name}:web")
    netlab("restart", f"{lab.name}:web")
    equal(lab.out("client", "curl", "-s", "http://web/hosts"), hosts, "it is back")


def test_two_hosts():
    lab = example("two-hosts")
    pings(lab, "a", "b", count=3)
    matches(lab.out("a", "ip", "neighbour"), r"10\.0\.0\.1 dev eth0 lladdr \S+ PERMANENT")
    lab.down()
    equal(netlab("ls", "--json").stdout.strip(), "[]", "labs after down")


def test_lan():
    lab = example("lan")
    matches(lab.out("alice", "curl", "-s", "--retry", "60", "--retry-delay", "1",
                    "--retry-connrefused", "http://web/"), "man/", "the web server's directory")
    matches(lab.out("bob", "arping", "-c", "1", "-I", "eth0", lab.address("web")), "(?i)from")
    addresses = {lab.address(node) for node in ("alice", "bob", "carol", "web")}
    equal(len(addresses), 4, "addresses in one prefix")


@in_vm_too
def test_dumbbell():
    lab = example("dumbbell")
    out = pings(lab, "s1", "r1", count=3)
    fastest = float(re.search(r"= ([\d.]+)/", out).group(1))
    check(fastest >= 44, f"s1 to r1 took {fastest} ms, less than the delays")
    # its server takes one client at a time, and comes to that when it comes
    measure = ["iperf3", "-c", "r1", "-t", "3", "-f", "k"]
    out = wait_for(lambda: (lambda d: d.returncode == 0 and d.stdout)(lab.exec("s1", *measure, status=None)),
                   "iperf3 through the bottleneck")
    rate = float(re.search(r"([\d.]+) Kbits/sec\s+receiver", out).group(1))
    check(5000 < rate < 10000, f"{rate} kbit/s over a bottleneck of 10 Mbit/s")
    limits = []
    for packets in (20, 500):
        lab.link("set", "bottleneck", f"queue={packets}packets")
        limits.append(lab.link_show("bottleneck")["in_force"]["->"]["limit_packets"])
    check(limits[0] < limits[1], "a longer queue", limits)
    pings(lab, "s2", "r2")


def test_faults():
    lab = example("faults")
    server = lab.popen("a", "python3", "-c", """
import socket
s = socket.create_server(("", 80))
s.accept()""")
    out = wait_for(lambda: lab.exec("b", "python3", "-c", f"""
import socket, time
t = time.monotonic()
socket.create_connection(("{lab.address('a')}", 80), timeout=30)
print(time.monotonic() - t)""", status=None).stdout, "the server")
    check(float(out) > 0.9, f"connected in {out} s")
    server.wait(timeout=30)
    dump = lab.popen("a", "tcpdump", "-lnU", "-c", "5", "udp dst port 4433", stdout=subprocess.PIPE,
                     stderr=subprocess.PIPE, text=True)
    wait_for(lambda: "listening" in dump.stderr.readline(), "tcpdump")
    lab.exec("b", "python3", "-c", f"""
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for size in range(1, 5):
    s.sendto(bytes(size), ("{lab.address('a')}", 4433))""")
    equal(re.findall(r"length (\d+)", dump.communicate(timeout=60)[0]), ["1", "2", "2", "4", "3"])


def test_star():
    lab = example("star")
    for host in ("h2", "h3", "h4", "h5", "h6"):
        pings(lab, "h1", host)
    equal(len(re.findall(r"^10\.0\.0\.\d+/31 ", lab.out("hub", "ip", "route"), re.M)), 6,
          "links of the hub")
    matches(lab.exec("h4", "ping", "-M", "do", "-s", "1400", "-c", "1", "h5", status=1).stderr +
            lab.exec("h4", "ping", "-M", "do", "-s", "1400", "-c", "1", "h5", status=1).stdout,
            "(?i)too long|too large", "a packet above the MTU")
    pings(lab, "h5", "h5", "-s", "8000")
    lab.link("down", "h3--hub")
    lab.exec("h1", "ping", "-c", "2", "-i", "0.1", "-W", "1", "h3", status=1)
    lab.link("up", "h3--hub")
    pings(lab, "h1", "h3")


def test_ring():
    lab = example("ring")
    hops = lab.out("r1", "traceroute", "-n", "-q", "1", "r4")
    # 3 hops either way, but the other way is dear
    matches(hops, r"(?s)\n 3  \S", "traceroute")
    check("\n 4  " not in hops, hops)
    lab.link("down", "r2--r3")
    lab.exec("r1", "ping", "-c", "2", "-i", "0.1", "-W", "1", "r3", status=1)
    lab.link("up", "r2--r3")
    pings(lab, "r1", "r3")


def test_two_routers_ipv6():
    lab = example("two-routers-ipv6")
    pings(lab, "a", "b")
    matches(lab.out("a", "traceroute", "-6", "-n", "-q", "1", "b"),
            r"(?s) 1  2001:db8:a::1 .* 2  2001:db8:1::2 .* 3  2001:db8:b::2 ")
    matches(lab.out("r1", "ip", "-6", "route"), r"unreachable 2001:db8:dead::/48")
    pings(lab, "a", "2001:db8::2")
    out = lab.exec("a", "ping", "-c", "1", "-W", "2", "2001:db8:dead::1", status=1).stdout
    matches(out, "(?i)unreachable|no route")
    equal(lab.out("a", "ip", "-4", "address", "show", "dev", "eth0"), "", "IPv4 addresses")


def test_leaf_spine():
    lab = example("leaf-spine")
    for server in ("s2", "s5", "s8"):
        pings(lab, "s1", server)
    pings(lab, "s1", "s8", "-M", "do", "-s", "8900")
    routes = lab.json("leaf1", "ip", "-j", "route")
    far = lab.address("s8")
    chosen = {lab.json("leaf1", "ip", "-j", "route", "get", far, "ipproto", "udp", "sport",
                       str(port), "dport", "7")[0]["gateway"] for port in range(4000, 4032)}
    check(any(len(route.get("nexthops", [])) == 2 for route in routes), "routes with two next hops")
    hops = lab.out("s1", "traceroute", "-n", "-q", "1", "s8")
    matches(hops, r"(?s)\n 4  \S", "traceroute")
    matches(lab.out("leaf1", "sysctl", "-n", "net.ipv4.fib_multipath_hash_policy"), "^1$",
            "flows, not hosts, choose")
    equal(len(chosen), 2, "spines taken by 32 flows")


@in_vm_too
def test_lossy_bottleneck():
    lab = example("lossy-bottleneck")
    stats = lab.udp("client", "server", 500, "--gap-us", 3000)
    check(0 < len(stats["lost"]) < 50, f"{len(stats['lost'])} of 500 lost, 1 % asked")
    equal(stats["reordered"], 0, "reordered")
    lab.link("set", "wan", "--from", "client", "loss=0%")
    told = lab.link_show("wan")
    equal(told["->"]["delay_ns"], 30000000, "delay")
    equal(told["<-"]["loss"], {"random": 0.005}, "loss the other way")
    lab.link("clear", "wan")
    again = lab.link_show("wan")
    check(again["->"]["loss"] != told["->"].get("loss"), "clear restores the loss")
    lab.down()
    # on a link just made, the same are lost for the same seed, and others for another
    lost = []
    for seed in ((), (), ("--seed", 8)):
        lab = Lab(topology_of("lossy-bottleneck", {"ipv6": False}), *seed)
        lost.append(lab.udp("client", "server", 500, "--gap-us", 3000)["lost"])
        lab.down()
    equal(lost[1], lost[0], "lost, the same seed")
    check(lost[2] != lost[0], "another seed loses the same packets:", lost[0])


def topology_of(name, addressing):
    model = load(os.path.join(EXAMPLES, name + ".json"))
    return topology(model.pop("nodes"), model.pop("links"), addressing=addressing,
                    **{key: model[key] for key in model if not key.startswith("//")})


def test_parallel_links():
    lab = example("parallel-links")
    pings(lab, "a", "b", count=3)
    matches(lab.out("r1", "ip", "route", "get", lab.address("b")), " dev sat ")
    check("r1--r2.2" in lab.show()["links"], "the second link has a number")
    both = load(os.path.join(EXAMPLES, "parallel-links.json"))
    lab.down()
    for link in both["links"]:
        link.pop("cost", None)
    lab = Lab(topology(both["nodes"], both["links"]))
    matches(lab.out("r1", "ip", "route", "get", lab.address("b")), " dev fibre ", "equal costs")
    lab.down()
    lab = Lab(topology(both["nodes"], both["links"], ecmp=True))
    hops = [len(route.get("nexthops", [])) for route in lab.json("r1", "ip", "-j", "route")]
    equal(max(hops), 2, "next hops with ecmp")
    pings(lab, "a", "b")


def iperf3(lab, node, *options):
    """Bits per second that arrived, as the receiver counts."""
    wait_for(lambda: lab.exec(node, "iperf3", "-c", "web", "-n", "1K", status=None).returncode == 0,
             "iperf3's server")
    told = json.loads(lab.out(node, "iperf3", "-J", "-c", "web", *options))
    return told["end"]["sum_received"]["bits_per_second"]


def test_cellular():
    lab = example("cellular")
    told = lab.link_show("radio")
    equal(told["join"], "wire", "what follows a trace")
    for arrow, name in (("->", "wave-up.trace"), ("<-", "wave-down.trace")):
        equal(told[arrow]["rate_trace"], {"trace": os.path.join(EXAMPLES, "traces", name), "loop": True})
    # a round of the trace; TCP's headers and its slow start are in it
    down = iperf3(lab, "phone", "-R", "-t", "5")
    check(3.5e6 < down < 5.86e6, f"{down} bit/s down a trace of 5.86 Mbit/s")
    up = iperf3(lab, "phone", "-t", "5")
    check(0.9e6 < up < 1.9e6, f"{up} bit/s up a trace of 1.5 Mbit/s")
    lab.link("set", "radio", "aqm=codel")
    equal(lab.link_show("radio")["<-"]["aqm"], "codel")
    pings(lab, "phone", "web")


@in_vm_too
def test_asymmetric():
    lab = example("asymmetric")
    told = lab.link_show("dsl")
    equal((told["->"]["rate_bps"], told["<-"]["rate_bps"]), (384000, 2000000), "up, down")
    fastest = float(re.search(r"= ([\d.]+)/", pings(lab, "home", "web", count=10)).group(1))
    check(50 <= fastest < (80 if IN_VM else 60), f"a round trip of {fastest} ms, 50 asked")
    down = iperf3(lab, "home", "-R", "-t", "3")
    check(1.4e6 < down < 2e6, f"{down} bit/s down 2 Mbit/s")
    lab.link("set", "dsl", "preset=geo")
    told = lab.link_show("dsl")
    equal((told["->"]["rate_bps"], told["<-"]["rate_bps"]), (3380000, 18130000), "another preset")


@in_vm_too
def test_bursty_loss():
    lab = example("bursty-loss")
    runs = {}
    for name, last in (("even", 1), ("burst", 3)):
        lost = json.loads(run(PROBE, "udp", "--from", lab.pid("a"), "--to", lab.pid("b"), "--dest",
                              f"10.0.0.{last}", "--count", 2000, "--gap-us", 500).stdout)["lost"]
        check(5 <= len(lost) <= 120, f"{len(lost)} of 2000 lost on '{name}', 2 % asked")
        runs[name] = len(lost) / sum(n - 1 not in lost for n in lost)
    check(runs["even"] < 1.5, "mean run of single losses", runs)
    check(runs["burst"] > 3, "mean run of bursts", runs)


def test_train():
    lab = example("train")
    event = lambda number: lab.show()["timeline"][number - 1]
    wait_for(lambda: event(2)["state"] == "done", "the tunnel")
    equal(lab.link_show("radio")["->"]["delay_ns"], 60000000, "at the end of the ramp")
    lab.exec("laptop", "ping", "-c", "1", "-W", "0.3", "server", status=1)
    wait_for(lambda: event(4)["state"] == "done", "the end of it")
    equal(lab.link_show("radio")["->"]["delay_ns"], 10000000, "as the file says")
    wait_for(lambda: event(5)["state"] == "done", "its command")
    matches(netlab("logs", f"{lab.name}:laptop/timeline--5").stdout, "2 received")
    lab.out("laptop", "curl", "-s", "--retry", "9", "--retry-connrefused", "http://server/")
    wait_for(lambda: event(6)["state"] == "done", "what waits for the log")
    equal(lab.link_show("radio")["<-"]["loss"], {"random": 0.05}, "loss after the request")
    for _ in range(3):
        lab.exec("laptop", "curl", "-s", "-m", "3", "http://server/", status=None)
    wait_for(lambda: event(7)["state"] == "done", "what waits for the packet")


def frames(lab, node):
    told = lab.json(node, "ip", "-j", "-s", "link")
    return sum(link["stats64"]["rx"]["packets"] for link in told if link["ifname"] != "lo")


def blocking(lab):
    return [(node, port["ifname"]) for node in ("s1", "s2", "s3")
            for port in lab.json(node, "bridge", "-j", "link") if port["state"] == "blocking"]


def test_loop_stp():
    lab = example("loop-stp")
    equal(len(blocking(lab)), 1, "blocking ports")
    before = sum(frames(lab, node) for node in ("s1", "s2", "s3"))
    # broadcasts, which a loop would multiply for ever
    lab.out("a", "arping", "-c", "3", "-w", "4", "-b", "-I", "eth0", lab.address("c"))
    pings(lab, "a", "c", count=3)
    pings(lab, "b", "c")
    after = sum(frames(lab, node) for node in ("s1", "s2", "s3"))
    check(after - before < 150, f"{after - before} frames in the switches: a storm")
    lab.link("set", "s1--s2", "carrier=false")
    wait_for(lambda: lab.exec("a", "ping", "-c", "1", "-W", "1", "b", status=None).returncode == 0,
             "the tree without s1--s2")


def test_engine_wire():
    """The same links, whatever the kernel has."""
    for name in SHAPING:
        lab = example(name, "--engine", "wire")
        joins = {link["join"] for link in lab.show()["links"].values()}
        check("wire" in joins and "netem" not in joins, name, joins)
        nodes = list(lab.show()["nodes"])
        pings(lab, nodes[0], nodes[-1], count=3)
        lab.down()


if __name__ == "__main__":
    main(globals())
