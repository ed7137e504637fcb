# SPDX-License-Identifier: MIT
"""What a topology says explicitly is what the kernel then reports.
netlab-test: timeout=700"""
import json
import time

from support import Lab, check, equal, main, matches, netlab, topology


def built():
    return Lab(topology({
        "a": {"interfaces": {"lo": {"addresses": ["192.0.2.1/32", "2001:db8:ff::1/128"]},
                             "lan.7": {"addresses": ["10.9.0.1/24", "10.9.1.1/24", "2001:db8:9::1/64"],
                                       "mac": "02:12:34:56:78:9a", "mtu": 1400}},
              "routes": [{"to": "198.51.100.0/24", "via": "10.9.0.2"},
                         {"to": "203.0.113.0/24", "blackhole": True},
                         {"to": "203.0.113.128/25", "unreachable": True, "metric": 9},
                         {"to": "2001:db8:dead::/48", "blackhole": True},
                         {"to": "172.16.0.0/12", "via": "10.9.0.2", "metric": 77}],
              "sysctls": {"net.ipv4.tcp_congestion_control": "reno", "net.ipv4.ip_default_ttl": "33",
                          "net.ipv4.conf.lan.7.log_martians": "1",
                          "net.ipv4.ip_local_port_range": "20000 30000"}},
        "b": {"interfaces": {"lan": {"addresses": ["10.9.0.2/24"]}}},
        "r": {"kind": "router"}, "c": {}},
        [["a:lan.7", "b:lan"], ["b", "r"], ["r", "c", {"mtu": 9000,
                                                       "addresses": ["10.8.0.1/30", "10.8.0.2/30"]}]]))


def link(lab, node, name):
    return lab.json(node, "ip", "-j", "link", "show", "dev", name)[0]


def addresses(lab, node, name):
    told = lab.json(node, "ip", "-j", "address", "show", "dev", name)[0]["addr_info"]
    return {f"{a['local']}/{a['prefixlen']}" for a in told if a["scope"] == "global"}


def test_explicit():
    lab = built()
    told = link(lab, "a", "lan.7")
    equal((told["address"], told["mtu"]), ("02:12:34:56:78:9a", 1400), "mac, mtu")
    equal(link(lab, "c", "eth0")["mtu"], 9000, "mtu of a link")
    equal(addresses(lab, "a", "lan.7"), {"10.9.0.1/24", "10.9.1.1/24", "2001:db8:9::1/64"}, "lan.7")
    equal(addresses(lab, "a", "lo"), {"192.0.2.1/32", "2001:db8:ff::1/128"}, "lo")
    equal({a for a in addresses(lab, "c", "eth0") if "." in a}, {"10.8.0.2/30"}, "c")
    routes = {(r.get("type", "unicast"), r["dst"], r.get("gateway"), r.get("metric"))
              for r in lab.json("a", "ip", "-j", "-d", "-4", "route")}
    for wanted in (("unicast", "198.51.100.0/24", "10.9.0.2", None),
                   ("blackhole", "203.0.113.0/24", None, None),
                   ("unreachable", "203.0.113.128/25", None, 9),
                   ("unicast", "172.16.0.0/12", "10.9.0.2", 77)):
        check(wanted in routes, f"no {wanted} in {sorted(routes, key=str)}")
    matches(lab.out("a", "ip", "-6", "route"), "blackhole 2001:db8:dead::/48")
    for key, value in (("net.ipv4.tcp_congestion_control", "reno"), ("net.ipv4.ip_default_ttl", "33"),
                       ("net.ipv4.ip_local_port_range", "20000\t30000")):
        equal(lab.out("a", "sysctl", "-n", key), value + "\n", key)
    equal(lab.out("a", "cat", "/proc/sys/net/ipv4/conf/lan.7/log_martians"), "1\n", "log_martians")
    equal(lab.out("b", "sysctl", "-n", "net.ipv4.ip_default_ttl"), "64\n", "b keeps the default")
    equal([lab.out(node, "sysctl", "-n", "net.ipv4.ip_forward").strip() for node in "abr"],
          ["0", "0", "1"], "forwarding")
    matches(lab.exec("a", "ping", "-n", "-c", "1", "-W", "1", "203.0.113.5", status=2).stderr,
            "Invalid argument", "a blackhole")
    out = lab.out("a", "ping", "-n", "-c", "1", "-W", "1", "10.9.0.2")
    matches(out, "1 received")
    matches(lab.out("b", "ping", "-4", "-n", "-c", "1", "-W", "1", "a"), "ttl=33", "a's TTL")


def test_settings_of_other_kernels():
    """A setting that this kernel has not is the host's matter; a value that no kernel takes is not."""
    def fails(key, value, status):
        path = topology({"a": {"sysctls": {key: value}}, "b": {}}, [["a", "b"]])
        return netlab("up", path, status=status).stderr

    for _ in range(5): # whoever comes first, what the node says or the news of its death: the words are the same
        matches(fails("net.ipv4.no_such_setting", 1, 4),
                r"^netlab: lab 'lab': node 'a': sysctl 'net.ipv4.no_such_setting' = '1': .*no such setting")
    matches(fails("net.ipv4.tcp_congestion_control", "nosuch", 4), "nothing of that name.*module")
    matches(fails("net.ipv4.conf.all.rp_filter", "many", 1), "Invalid argument .it takes other values")


def test_nothing_is_random():
    """Two times the same lab: the same addresses, names, indexes, MACs."""
    told = []
    for _ in range(2):
        lab = built()
        told.append([[(i["ifindex"], i["ifname"], i["address"], i["mtu"],
                       sorted(f"{a['local']}/{a['prefixlen']}" for a in i["addr_info"]))
                      for i in lab.json(node, "ip", "-j", "address")] for node in "abrc"] +
                    [[(i["ifindex"], i["ifname"], i["address"])
                      for i in json.loads(lab.fabric("ip", "-j", "link"))]])
        lab.down()
    equal(told[0], told[1], "what the kernel reports")


def test_usable_state():
    lab = built()
    for node in "abrc":
        for entry in lab.json(node, "ip", "-j", "neigh"):
            equal(entry["state"], ["PERMANENT"], f"neighbours of {node}")
        for interface in lab.json(node, "ip", "-j", "address"):
            if interface["ifname"] != "lo":
                equal(interface["operstate"], "UP", f"{node} {interface['ifname']}")
            for address in interface["addr_info"]:
                check(not address.get("tentative"), node, address)


def test_nothing_is_sent_unasked():
    """Multicast reports are not repeated: with the kernel's own interval two an end come in the first second."""
    def is_silent():
        lab = Lab(topology(["a", "b"], [["a", "b", {"delay": "1ms"}]]))
        counts = []
        for wait in (0.3, 1.2):
            time.sleep(wait)
            told = json.loads(netlab("--json", "stats", lab.name).stdout)["links"]["a--b"]
            counts.append(told["->"]["offered"] + told["<-"]["offered"])
        lab.down()
        return counts[0] == counts[1]

    check(any(is_silent() for _ in range(3)), "packets that nobody asked for")


def test_families_can_be_left_out():
    for family, other in (("ipv4", "6"), ("ipv6", "4")):
        lab = Lab(topology(["a", "b"], [["a", "b"]], addressing={family: False}))
        equal(lab.out("a", "ip", f"-{family[3]}", "-o", "address", "show", "dev", "eth0", "scope",
                      "global"), "", f"{family} addresses")
        lab.exec("a", "ping", f"-{other}", "-n", "-c", "1", "-W", "1", "b")
        lab.down()


if __name__ == "__main__":
    main(globals())
