# SPDX-License-Identifier: MIT
"""Names in nodes: each other's, by every kind of resolver; servers of their own; nothing of the host's.
netlab-test: timeout=300 host"""
import os
import re
import time

from support import (NETLAB, SCRATCH, TOP, Lab, check, equal, main, matches, netlab, run,
                     topology, wait_for)

PROGRAMS = os.path.join(TOP, "tests", "integration", "programs")


def trio(**top):
    return topology({"a": {}, "b": {"hostname": "beta.example"}, "c": {"kind": "router"}},
                    [["a", "c"], ["c", "b"]], **top)


def go_lookup(lab, node, name):
    """What Go's own resolver does (net/conf.go, net/nss.go, net/hosts.go): it reads nsswitch.conf, and only where it knows
    all of the sources does it go on by itself, in their order; of /etc/hosts it takes all lines of the name."""
    nss = lab.out(node, "sh", "-c", "cat /etc/nsswitch.conf 2>/dev/null; :")
    sources = ["files", "dns"]
    for line in nss.splitlines():
        line = line.split("#")[0].strip()
        if line.startswith("hosts:"):
            sources = line.split()[1:]
    equal(sources, ["files", "dns"], "sources of host names")
    found = []
    for line in lab.out(node, "cat", "/etc/hosts").splitlines():
        words = line.split("#")[0].split()
        if name.lower() in [w.lower().rstrip(".") for w in words[1:]]:
            found.append(words[0])
    return found


def musl_program():
    path = os.path.join(SCRATCH, "lookup")
    run("musl-gcc", "-static", "-O1", "-o", path, os.path.join(PROGRAMS, "lookup.c"))
    return path


def test_every_resolver_finds_nodes():
    lab = Lab(trio())
    program = musl_program()
    for node in "abc":
        netlab("cp", program, f"{lab.name}:{node}:/tmp/netlab-lookup")
    for node in "abc":
        for name in ("a", "b", "c", "beta.example"):
            want = {lab.address(name[0], 4), lab.address(name[0], 6)}
            glibc = {line.split()[0] for line in
                     lab.out(node, "getent", "ahosts", name).splitlines()}
            equal(glibc, want, f"glibc: {name} in {node}")
            if name not in (node, "beta.example"):
                equal(set(lab.out(node, "/tmp/netlab-lookup", name).split()), want,
                      f"musl: {name} in {node}")
            equal(set(go_lookup(lab, node, name)), want, f"Go: {name} in {node}")
    lab.exec("a", "python3", "-c", "import socket; socket.create_connection(('b', 9), 5)", status=1)
    lab.exec("a", "rm", "-f", "/tmp/netlab-lookup")


def test_no_server_by_default():
    lab = Lab(trio())
    program = musl_program()
    netlab("cp", program, f"{lab.name}:a:/tmp/netlab-lookup")
    conf = lab.out("a", "cat", "/etc/resolv.conf")
    check("nameserver" not in conf, conf)
    for argv in (["getent", "ahosts", "www.example.org"], ["/tmp/netlab-lookup", "www.example.org"]):
        began = time.monotonic()
        done = lab.exec("a", *argv, status=None, timeout=60)
        check(done.returncode != 0, argv, "found", done.stdout)
        check(time.monotonic() - began < 10, argv, "took", time.monotonic() - began)
    # who is asked: the node itself, nobody else
    trace = lab.exec("a", "strace", "-f", "-e", "trace=connect,sendto,sendmmsg", "getent", "ahosts",
                     "www.example.org", status=None).stderr
    asked = set(re.findall(r'inet_(?:addr|pton)\((?:AF_INET6, )?"([^"]+)"', trace))
    equal(asked - {"127.0.0.1", "::1"}, set(), "who is asked")
    check(asked, "nobody is asked, not even the node itself: the trace shows nothing?", trace)
    matches(lab.out("a", "cat", "/etc/nsswitch.conf"), r"(?m)^hosts: files dns$")
    lab.exec("a", "rm", "-f", "/tmp/netlab-lookup")


def test_hostname():
    lab = Lab(trio())
    for node, name in (("a", "a"), ("b", "beta.example")):
        equal(lab.out(node, "sh", "-c", "hostname; cat /etc/hostname"), f"{name}\n{name}\n", node)
    with open("/etc/hostname", encoding="utf-8") as file:
        check("beta.example" not in file.read(), "the host's own file was written")


def test_hosts_false():
    lab = Lab(trio(hosts=False))
    check("nameserver" not in lab.out("a", "cat", "/etc/resolv.conf"), "a server")
    lab.exec("a", "getent", "ahosts", "beta.example", status=2)


def test_servers():
    server = ["python3", os.path.join(PROGRAMS, "dns_server.py"), "0.0.0.0", "www.lab.example",
              "192.0.2.80"]
    lab = Lab(topology({
        "ns": {"services": [{"name": "dns", "run": server}]},
        "a": {"dns": {"servers": ["ns"], "search": ["lab.example"], "options": ["ndots:1"]}},
        "b": {"dns": "# my own text\nnameserver 192.0.2.53\noptions timeout:1 attempts:1\n"},
        "c": {}, "sw": {"kind": "switch"}},
        [["ns", "sw"], ["a", "sw"], ["b", "sw"], ["c", "sw"]]))
    wait_for(lambda: "ready" in netlab("logs", f"{lab.name}:ns/dns").stdout, "the server")
    matches(lab.out("a", "cat", "/etc/resolv.conf"),
            rf"(?s)nameserver {lab.address('ns')}\nsearch lab.example\noptions ndots:1\n")
    for name in ("www.lab.example", "www"):
        equal(lab.out("a", "getent", "ahostsv4", name).split()[0], "192.0.2.80", name)
    lab.exec("a", "getent", "ahostsv4", "other.lab.example", status=2)
    program = musl_program()
    netlab("cp", program, f"{lab.name}:a:/tmp/netlab-lookup")
    equal(lab.out("a", "/tmp/netlab-lookup", "www.lab.example"), "192.0.2.80\n", "musl")
    lab.exec("a", "rm", "-f", "/tmp/netlab-lookup")
    # names of nodes come from the file, and are asked of nobody
    before = netlab("logs", f"{lab.name}:ns/dns").stdout.count("asked")
    lab.exec("a", "getent", "ahostsv4", "b")
    equal(netlab("logs", f"{lab.name}:ns/dns").stdout.count("asked"), before, "questions")
    equal(lab.out("b", "cat", "/etc/resolv.conf"),
          "# my own text\nnameserver 192.0.2.53\noptions timeout:1 attempts:1\n", "b's text")
    check("nameserver" not in lab.out("c", "cat", "/etc/resolv.conf"), "c has a server")
    with open("/etc/resolv.conf", encoding="utf-8") as file:
        check("netlab" not in file.read(), "the host's own file was written")
    # as a service sees it, and with `run`
    path = topology({"ns": {}, "a": {"dns": {"servers": ["ns"]}}}, [["ns", "a"]])
    matches(netlab("run", path, "--in", "a", "--", "cat", "/etc/resolv.conf").stdout, "nameserver 10")


def test_hosts_nscd_is_not_asked():
    """The C library asks nscd before any file: a listener on its socket must hear of the host's own look-ups and of no
    node's. In a mount namespace of ours, so that this machine does not notice."""
    script = r"""
import os, socket, subprocess, sys
netlab, state, path = sys.argv[1:]
for place in ("/run", "/var/run"):
    if not os.path.islink(place):
        subprocess.run(["mount", "-t", "tmpfs", "none", place], check=True)
        os.mkdir(place + "/nscd")
s = socket.socket(socket.AF_UNIX)
s.bind("/run/nscd/socket"); s.listen(16); s.settimeout(0)
def asked():
    n = 0
    while True:
        try:
            s.accept()[0].close()
        except BlockingIOError:
            return n
        n += 1
subprocess.run(["getent", "hosts", "nscd.example"], check=False)
print("host", asked())
def in_node(*argv):
    return subprocess.run([netlab, "--state-dir", state, "-q", "run", path, "--in", "a", "--", *argv],
                          capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
found = in_node("getent", "ahosts", "b")
print("found", found.returncode, found.stdout.split()[:1])
in_node("getent", "ahosts", "nscd.example")
in_node("ls", "/var/run/nscd/")
print("node", asked(), in_node("ls", "/run/nscd/").stdout.split())
"""
    path = topology({"a": {}, "b": {}}, [["a", "b"]])
    out = run("unshare", "--mount", "--net", "python3", "-c", script, NETLAB,
              os.path.join(SCRATCH, "nscd-state"), path, env={**os.environ, "RES_OPTIONS": "timeout:1 attempts:1"})
    said = out.stdout
    matches(said, r"(?m)^host [1-9]", "the C library asks nscd: without that this test shows nothing")
    matches(said, r"(?m)^found 0 \['(10\.|fd00)", out.stderr)
    matches(said, r"(?m)^node 0 \[\]$", said)


def test_errors():
    path = topology({"a": {"dns": {"servers": ["nowhere"]}}, "b": {}}, [["a", "b"]])
    matches(netlab("up", path, status=3).stderr, "no node 'nowhere'")


if __name__ == "__main__":
    main(globals())
