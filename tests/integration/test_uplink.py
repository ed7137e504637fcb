# SPDX-License-Identifier: MIT
"""The uplink: NAT to the host's network. The host, and the world behind it, are network namespaces of this test's; nothing
of it touches this machine's own network.
netlab-test: timeout=900"""
import json
import os
import signal
import subprocess
import sys

from support import (NETLAB, SCRATCH, TOP, check, equal, in_vm_too, main, matches, run, topology,
                     wait_for)

HOST, WORLD = "198.51.100.2", "198.51.100.1"


class Namespace:
    """A network namespace that lives as long as its process."""

    def __init__(self):
        self.process = subprocess.Popen(["unshare", "--net", "sh", "-c", "echo up; exec sleep infinity"],
                                        stdout=subprocess.PIPE, text=True)
        equal(self.process.stdout.readline(), "up\n", "namespace")
        self.net = f"/proc/{self.process.pid}/ns/net"

    def run(self, *argv, **more):
        return run("nsenter", f"--net={self.net}", *argv, **more)

    def popen(self, *argv, **more):
        return subprocess.Popen(["nsenter", f"--net={self.net}", *argv], text=True, **more)

    def end(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


class World:
    """A host that forwards, and beyond it a server that knows the way to the host only."""

    def __init__(self, forwards=True):
        self.host, self.world = Namespace(), Namespace()
        self.host.run("ip", "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns",
                      self.world.process.pid)
        self.state = os.path.join(SCRATCH, f"state-{self.host.process.pid}")
        for space, address in ((self.host, HOST), (self.world, WORLD)):
            space.run("ip", "addr", "add", f"{address}/24", "dev", "eth0")
            space.run("ip", "link", "set", "eth0", "up")
            space.run("ip", "link", "set", "lo", "up")
        self.host.run("ip", "route", "add", "default", "via", WORLD)
        self.host.run("sh", "-c", f"echo {int(forwards)} >/proc/sys/net/ipv4/ip_forward")

    def netlab(self, *argv, **more):
        return self.host.run(NETLAB, "--state-dir", self.state, *argv, **more)

    def state_of_host(self):
        links = sorted(link["ifname"] for link in json.loads(self.host.run("ip", "-j", "link").stdout))
        return links, self.tables(), self.host.run("ip", "-4", "route", "show", "table", "all").stdout

    def tables(self):
        """Names of nftables' tables on the host, by netlink: there may be no program nft."""
        script = r"""
import socket, struct
s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12)
s.send(struct.pack("=IHHIIBBH", 20, 10 << 8 | 1, 0x301, 1, 0, 0, 0, 0))
names, done = [], False
while not done:
    data = s.recv(65536)
    while data:
        length, kind = struct.unpack("=IH", data[:6])
        done = done or kind == 3
        attributes = data[20:length] if kind != 3 else b""
        while attributes:
            size, number = struct.unpack("=HH", attributes[:4])
            if number == 1:
                names.append(attributes[4:size].rstrip(b"\0").decode())
            attributes = attributes[(size + 3) & ~3:]
        data = data[(length + 3) & ~3:]
print("\n".join(sorted(names)))
"""
        return self.host.run("python3", "-c", script).stdout.split()

    def end(self):
        self.netlab("-q", "down", "--all", status=None)
        self.host.end()
        self.world.end()


def in_world(function):
    def test():
        world = World()
        try:
            function(world)
        finally:
            world.end()
    test.__name__ = function.__name__
    return test


def lab(name="lab", **more):
    return topology({"a": {}, "b": {}, "r": {"kind": "router"}, "out": {"kind": "uplink"}},
                    [["a", "r"], ["b", "r"], ["r", "out"]], name=name, **more)


SERVER = """
import socket
s = socket.create_server(("0.0.0.0", 8080))
print("ready", flush=True)
while True:
    c, peer = s.accept()
    c.sendall(peer[0].encode()); c.close()
"""
CLIENT = ("import socket; print(socket.create_connection(('%s', 8080), 20).recv(100).decode())" % WORLD)


@in_world
def test_nodes_reach_the_world(w):
    before = w.state_of_host()
    server = w.world.popen("python3", "-c", SERVER, stdout=subprocess.PIPE)
    equal(server.stdout.readline(), "ready\n", "the server")
    try:
        w.netlab("up", lab())
        for node in ("a", "b", "r", "out"):
            w.netlab("exec", node, "ping", "-nqc1", "-W10", WORLD)
            # the world sees the host, which alone it knows the way to
            equal(w.netlab("exec", node, "python3", "-c", CLIENT).stdout.strip(), HOST, node)
        w.netlab("exec", "a", "ping", "-nqc1", "-W10", "b")
        w.netlab("exec", "a", "ping", "-nqc1", "-W10", HOST)
        links, tables, _ = w.state_of_host()
        equal(len(links), len(before[0]) + 1, "one interface of the lab's on the host", links)
        equal(len(tables), 1, "one table", tables)
        matches(tables[0], "^netlab-nl")
        told = json.loads(w.netlab("--json", "show", "lab", "out").stdout)["nodes"]["out"]["interfaces"][-1]
        check(told["name"] == "uplink" and told["host_interface"] in links and told["host_interface"] not in before[0], told)
        matches(w.netlab("exec", "out", "ip", "-br", "address", "show", "uplink").stdout, rf"\b{told['addresses'][0]}\b")
        matches(w.netlab("exec", "out", "cat", "/sys/class/net/uplink/address").stdout, f"^{told['mac']}$")
        matches(w.netlab("show", "lab", "out").stdout, rf"uplink +{told['mac']} .*{told['addresses'][0]}")
        # the world does not get in by itself
        node = json.loads(w.netlab("--json", "show", "lab").stdout)["nodes"]["a"]
        equal(node["kind"], "host", "a")
        address = node["interfaces"][0]["addresses"][0].split("/")[0]
        w.world.run("ip", "route", "add", "10.0.0.0/8", "via", HOST)
        check(w.world.run("ping", "-nqc1", "-W1", address, status=None).returncode != 0, "a way in")
        w.netlab("down", "lab")
        equal(w.state_of_host(), before, "the host after down")
    finally:
        server.kill()
        server.wait()
        server.stdout.close()


@in_vm_too
@in_world
def test_power(w):
    """Whichever node goes and comes back, the way out is there; and nothing of the old one stays on the host."""
    before = w.state_of_host()
    w.netlab("up", lab())
    links, tables, _ = w.state_of_host()
    for node in ("a", "r", "out"):
        w.netlab("restart", node)
        w.netlab("exec", "a", "ping", "-nqc1", "-W10", WORLD)
        w.netlab("exec", "out", "ping", "-nqc1", "-W10", "b")
        equal(w.state_of_host()[:2], (links, tables), f"the host after a restart of {node}")
    w.netlab("kill", "out")
    check(w.netlab("exec", "a", "ping", "-nqc1", "-W1", WORLD, status=None).returncode != 0, "a way out")
    wait_for(lambda: w.state_of_host()[0] == before[0], "the interface to go")
    w.netlab("restart", "out")
    w.netlab("exec", "a", "ping", "-nqc1", "-W10", WORLD)
    for _ in range(10):
        w.netlab("restart", "out")
    w.netlab("exec", "a", "ping", "-nqc1", "-W10", WORLD)
    equal(w.state_of_host()[:2], (links, tables), "the host after many")

    # the host does not let us: the node stays dead, and says why
    taken = links[[i for i, name in enumerate(links) if name.startswith("nl")][0]]
    w.netlab("kill", "out")
    wait_for(lambda: w.state_of_host()[0] == before[0], "the interface to go")
    w.host.run("ip", "link", "add", taken, "type", "veth", "peer", "name", "other")
    done = w.netlab("restart", "out", status=1)
    matches(done.stderr, f"node 'out'.*uplink 'out'.*making its interface '{taken}' on the host.*File exists")
    equal(json.loads(w.netlab("--json", "show", "lab").stdout)["nodes"]["out"]["state"], "dead", "out")
    w.host.run("ip", "link", "del", taken)
    w.netlab("restart", "out")
    w.netlab("exec", "a", "ping", "-nqc1", "-W10", WORLD)
    w.netlab("down", "lab")
    equal(w.state_of_host(), before, "the host after down")


@in_world
def test_killed(w):
    before = w.state_of_host()
    for _ in range(3):
        w.netlab("up", lab())
        check(w.state_of_host() != before, "nothing on the host")
        pid = json.loads(w.netlab("--json", "show", "lab").stdout)["pid"]
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: w.state_of_host() == before, "the kernel's own clean-up, with no netlab at all",
                 before, w.state_of_host(), seconds=10)
    # run, its own process killed
    process = w.host.popen(NETLAB, "--state-dir", w.state, "-q", "run", lab(), "--in", "a", "--", "sh",
                           "-c", "echo ready; sleep 1000", stdout=subprocess.PIPE)
    equal(process.stdout.readline(), "ready\n", "run")
    process.kill()
    process.wait()
    process.stdout.close()
    wait_for(lambda: w.state_of_host() == before, "what run left")


@in_world
def test_many_labs(w):
    """Side by side, brought up in the same moment: each has a place of its own."""
    before = w.state_of_host()
    started = [w.host.popen(NETLAB, "--state-dir", w.state, "-q", "up", lab(f"lab{i}"),
                            stderr=subprocess.PIPE) for i in range(6)]
    for process in started:
        _, said = process.communicate(timeout=120)
        equal(process.returncode, 0, "up", said)
    addresses = set()
    for i in range(6):
        w.netlab("exec", f"lab{i}:a", "ping", "-nqc1", "-W10", WORLD)
        addresses.add(w.netlab("exec", f"lab{i}:out", "ip", "-br", "-4", "addr", "show",
                               "uplink").stdout.split()[2])
    equal(len(addresses), 6, "addresses", addresses)
    # the same name from another state directory, too
    other = w.state + "-other"
    w.host.run(NETLAB, "--state-dir", other, "up", lab("lab0"))
    w.host.run(NETLAB, "--state-dir", other, "exec", "a", "ping", "-nqc1", "-W10", WORLD)
    w.host.run(NETLAB, "--state-dir", other, "down", "lab0")
    w.netlab("down", "--all")
    equal(w.state_of_host(), before, "the host after down")


@in_world
def test_places_that_the_host_uses(w):
    w.host.run("ip", "link", "add", "busy", "type", "veth", "peer", "name", "busy2")
    w.netlab("up", lab())
    first = w.netlab("exec", "out", "ip", "-br", "-4", "addr", "show", "uplink").stdout.split()[2]
    w.netlab("down", "lab")
    w.host.run("ip", "link", "set", "busy", "up")
    w.host.run("ip", "route", "add", "100.64.0.0/11", "dev", "busy")
    w.host.run("ip", "route", "add", first.rsplit(".", 1)[0] + ".0/24", "dev", "busy")
    matches(first, r"^100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.")
    w.host.run("ip", "addr", "add", first, "dev", "busy2")
    done = w.netlab("up", lab(), status=None)
    if done.returncode == 0:
        now = w.netlab("exec", "out", "ip", "-br", "-4", "addr", "show", "uplink").stdout.split()[2]
        check(now != first, "an address that the host uses", now)
    else:
        matches(done.stderr, "100.64.0.0/10")


@in_world
def test_resolvers(w):
    """A node without `dns` asks whom the host asks."""
    script = ("mount --bind {0} /etc/resolv.conf && exec \"$@\"").format(os.path.join(SCRATCH, "resolv"))
    with open(os.path.join(SCRATCH, "resolv"), "w", encoding="utf-8") as file:
        file.write("# the host's\nsearch example.org\nnameserver 127.0.0.53\nnameserver 198.51.100.1\n")

    def conf(path, node):
        return w.host.run("unshare", "--mount", "sh", "-c", script, "sh", NETLAB, "--state-dir",
                          w.state, "-q", "run", path, "--in", node, "--", "cat",
                          "/etc/resolv.conf").stdout
    got = conf(lab(), "a")
    matches(got, r"(?m)^nameserver 198\.51\.100\.1$")
    check("127.0.0.53" not in got, "a server that only the host reaches", got)
    check("nameserver" not in conf(topology({"a": {}, "b": {}}, [["a", "b"]]), "a"),
          "without an uplink")


def test_refused():
    w = World(forwards=False)
    try:
        before = w.state_of_host()
        done = w.netlab("up", lab(), status=4)
        matches(done.stderr, "node 'out'.*does not forward.*sysctl -w net.ipv4.ip_forward=1")
        equal(w.state_of_host(), before, "the host")
        path = lab()
        os.chmod(path, 0o644)
        copy = f"/tmp/netlab-uplink-{os.getpid()}"
        os.mkdir(copy, 0o755)
        try:
            run("cp", NETLAB, path, copy)
            os.mkdir(f"{copy}/state", 0o700)
            os.chown(f"{copy}/state", 65534, 65534)
            done = w.host.run("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                              f"{copy}/netlab", "--state-dir", f"{copy}/state", "up",
                              f"{copy}/{os.path.basename(path)}", status=4)
            matches(done.stderr, "node 'out'.*needs root")
        finally:
            run("rm", "-rf", copy)
        two = topology({"a": {"kind": "uplink"}, "b": {"kind": "uplink"}}, [["a", "b"]])
        matches(w.netlab("check", two, status=3).stdout + w.netlab("check", two, status=3).stderr,
                "one uplink at most")
        taken = topology({"a": {"kind": "uplink"}, "b": {}}, [["a:uplink", "b"]])
        done = w.netlab("check", taken, status=3)
        matches(done.stdout + done.stderr, "'uplink' is taken")
    finally:
        w.end()


def test_root_in_the_uplink():
    """The far end of its interface is the host's, with all that is there; so it is no place for root in the node, but where the
    topology says so."""
    with open(f"{TOP}/tests/support/attempts.py", encoding="utf-8") as file:
        program = file.read()
    w = World()
    try:
        for more, want in (({}, "EACCES"), ({"share": ["user"]}, "done")):
            path = topology({"a": {}, "out": {"kind": "uplink", **more}}, [["a", "out"]])
            done = w.netlab("run", "--in", "out", path, "--", sys.executable, "-c", program, "{}", "list_the_links_of_the_host")
            equal(json.loads(done.stdout), {"list_the_links_of_the_host": want}, more)
    finally:
        w.end()


def test_small_labs():
    """An uplink with one host behind it, and one on a switch."""
    w = World()
    try:
        for path in (topology({"a": {}, "out": {"kind": "uplink"}}, [["a", "out"]]),
                     topology({"a": {}, "b": {}, "sw": {"kind": "switch"}, "out": {"kind": "uplink"}},
                              [["a", "sw"], ["b", "sw"], ["out", "sw"]])):
            w.netlab("-q", "run", path, "--in", "a", "--", "ping", "-nqc1", "-W10", WORLD)
    finally:
        w.end()


if __name__ == "__main__":
    main(globals())
