# SPDX-License-Identifier: MIT
"""Nodes that are killed and come back, and services that are started and stopped while the lab runs.
netlab-test: timeout=900 long"""
import json
import os
import subprocess
import time

from support import (NETLAB, STATE, Lab, between, check, equal, in_vm_too, main, matches, need_netem, netlab,
                     netlab_json, run, topology, wait_for)

ROUTER = {"kind": "router", "sysctls": {"net.ipv4.conf.eth0.rp_filter": "2", "net.ipv4.tcp_syncookies": "0"},
          "routes": [{"to": "203.0.113.0/24", "blackhole": True}]}
WEB = {"name": "web", "run": ["python3", "-u", "-m", "http.server", "80"], "ready": {"tcp": 80}}


def lab_of(engine=None, **link):
    return Lab(topology({"a": {}, "r": ROUTER, "b": {"services": [WEB]}, "sw": {"kind": "switch"}, "c": {}},
                        [["a", "r", link], ["r", "b"], ["b", "sw"], ["sw", "c"]],
                        **({"engine": engine} if engine else {})))


def pings(lab, source, dest, count=3):
    done = lab.exec(source, "ping", "-n", "-c", count, "-i", "0.1", "-W", "2", dest, status=None)
    return done.returncode == 0


def kernel_state(lab, node):
    """What the kernel holds of a node, without what counts or passes by."""
    def clean(value):
        if isinstance(value, list):
            return [clean(v) for v in value]
        if isinstance(value, dict):
            return {k: clean(v) for k, v in value.items() if k not in
                    ("valid_life_time", "preferred_life_time", "link_index", "link_netnsid", "used", "probes",
                     "stats", "stats64", "linkmode", "txqlen")}
        return value
    told = {what: clean(lab.json(node, "ip", "-d", "-j", *what.split())) for what in
            ("link", "addr", "neigh", "-4 route show table all", "-6 route show table all")}
    told["sysctls"] = lab.out(node, "sh", "-c", "cat /proc/sys/net/ipv4/conf/*/rp_filter /proc/sys/net/ipv4/ip_forward "
                              "/proc/sys/net/ipv4/tcp_syncookies /proc/sys/net/ipv6/conf/*/forwarding "
                              "/proc/sys/net/ipv6/conf/*/accept_dad")
    told["offloads"] = lab.out(node, "sh", "-c", "for i in $(ls /sys/class/net); do ethtool -k $i | grep -E 'seg.*:' || :; done")
    told["hostname"] = lab.out(node, "hostname")
    return told


def come_and_go(lab, node, source, dest):
    before = kernel_state(lab, node)
    others = {n: kernel_state(lab, n) for n in "ac" if n != node}
    in_force = {name: lab.link_show(name) for name in lab.show()["links"]}
    lab.exec(node, "ip", "addr", "add", "198.51.100.1/24", "dev", "eth0", status=None)
    netlab("kill", f"{lab.name}:{node}")
    equal(lab.show()["nodes"][node]["state"], "dead")
    equal(lab.show()["state"], "degraded")
    check(not pings(lab, source, dest, 1), "it is silent")
    for other, state in others.items():
        equal(kernel_state(lab, other), state, f"'{other}' while '{node}' is dead: its carrier and neighbours stay")
    netlab("restart", f"{lab.name}:{node}")
    lab.told = None
    check(pings(lab, source, dest), "it is back")
    equal(kernel_state(lab, node), before, f"'{node}' after its return")
    equal({name: lab.link_show(name) for name in lab.show()["links"]}, in_force, "links")
    equal(lab.show()["state"], "running")


def test_host():
    lab = lab_of()
    come_and_go(lab, "b", "a", "c" if pings(lab, "a", "c", 1) else "b")
    lab.exec("a", "curl", "-sf", "-o", "/dev/null", f"http://{lab.address('b')}/")
    equal(lab.show()["nodes"]["b"]["services"][0]["state"], "ready", "its service")


def test_router():
    come_and_go(lab_of(), "r", "a", "b")


def test_switch():
    lab = lab_of()
    netlab("kill", f"{lab.name}:sw")
    check(not pings(lab, "b", lab.address("c"), 1), "the switch is dead")
    netlab("restart", f"{lab.name}:sw")
    check(pings(lab, "b", lab.address("c")), "the switch is back")


def test_wire():
    lab = lab_of(engine="wire", delay="5ms")
    come_and_go(lab, "r", "a", "b")
    restarts = lab.show()["wire"]["restarts"]
    equal(restarts, 0, "restarts of the wire")
    # what is in force is what was asked meanwhile, not what the file says
    lab.link("set", "a--r", "delay=30ms")
    netlab("kill", f"{lab.name}:r")
    matches(netlab("link", "set", f"{lab.name}:a--r", "delay=1ms", status=1).stderr, "'r', one of its ends, is dead.*restart")
    netlab("restart", f"{lab.name}:r")
    out = lab.out("a", "ping", "-n", "-c", "3", "-i", "0.1", lab.address("r"))
    between(float(out.split("=")[-1].split("/")[0]), 60, 200, "the least round trip")


@in_vm_too
def test_netem():
    need_netem()
    lab = lab_of(engine="netem", delay="5ms")
    come_and_go(lab, "r", "a", "b")
    lab.link("set", "a--r", "delay=30ms")
    netlab("kill", f"{lab.name}:r")
    matches(netlab("link", "set", f"{lab.name}:a--r", "delay=1ms", status=1).stderr, "'r', one of its ends, is dead.*restart")
    netlab("restart", f"{lab.name}:r")
    out = lab.out("a", "ping", "-n", "-c", "3", "-i", "0.1", lab.address("r"))
    between(float(out.split("=")[-1].split("/")[0]), 60, 400, "the least round trip")


def test_no_goodbye():
    """The peer of a connection hears nothing when its node is killed, as with a power cut; a process's end it hears."""
    lab = lab_of()
    address = lab.address("b")
    hold = ("import socket,sys;s=socket.create_connection((sys.argv[1],80));print('on',flush=True);"
            "s.settimeout(float(sys.argv[2]));\ntry: print('end' if s.recv(1)==b'' else 'data')\n"
            "except TimeoutError: print('silence')\nexcept ConnectionResetError: print('reset')")
    for how, heard in (("kill", ("silence",)), ("stop", ("end", "reset"))):
        with lab.popen("a", "python3", "-c", hold, address, "3" if how == "kill" else "60", stdout=subprocess.PIPE,
                       text=True) as peer:
            equal(peer.stdout.readline(), "on\n")
            if how == "kill":
                netlab("kill", f"{lab.name}:b")
            else:
                netlab("service", "stop", f"{lab.name}:b/web")
            check(peer.communicate(timeout=90)[0].strip() in heard, how)
        netlab("restart", f"{lab.name}:b")


def test_dies_by_itself():
    lab = lab_of()
    run("kill", "-9", lab.pid("r"))
    wait_for(lambda: lab.show()["nodes"]["r"]["state"] == "dead", "its death to be seen")
    check(not pings(lab, "a", "b", 1))
    matches(netlab("exec", f"{lab.name}:r", "--", "true", status=125).stderr, "netlab restart r")
    matches(netlab("kill", f"{lab.name}:r", status=1).stderr, "dead already")
    netlab("restart", f"{lab.name}:r")
    check(pings(lab, "a", "b"))


def test_all_at_once_and_often():
    lab = lab_of(delay="1ms")
    for _ in range(3):
        for node in ("a", "r", "b", "sw", "c"):
            netlab("kill", f"{lab.name}:{node}")
        for node in ("c", "sw", "b", "r", "a"):
            netlab("restart", f"{lab.name}:{node}")
        check(pings(lab, "a", "b") and pings(lab, "b", lab.address("c")))
    for _ in range(5):
        netlab("restart", f"{lab.name}:r")
        check(pings(lab, "a", "b", 1))
    began = time.monotonic()
    lab.down()
    check(time.monotonic() - began < 10)
    equal(os.listdir(STATE), [])


def test_carrier_is_kept():
    lab = lab_of()
    lab.link("set", "a--r", "carrier=false")
    netlab("restart", f"{lab.name}:r")
    equal(lab.out("r", "cat", "/sys/class/net/eth0/carrier"), "0\n", "a cut cable stays cut")
    lab.link("set", "a--r", "carrier=true")
    check(pings(lab, "a", "b"))


def test_unknown():
    lab = lab_of()
    for verb in ("kill", "restart"):
        matches(netlab(verb, f"{lab.name}:rr", status=1).stderr, "no node 'rr'.*'r'")
    matches(netlab("service", "stop", f"{lab.name}:b/wed", status=1).stderr, r"no service 'wed' \(did you mean 'b/web'")
    matches(netlab("service", "stop", f"{lab.name}:bb/web", status=1).stderr, "no node 'bb'")
    matches(netlab("service", "wait", f"{lab.name}:b/web", status=2).stderr, "'wait' is none of")


def test_lost_interface():
    lab = lab_of()
    lab.exec("r", "ip", "link", "del", "eth0")
    matches(netlab("restart", f"{lab.name}:r", status=1).stderr, "end of link 'a--r'.*removed the interface")
    equal(lab.show()["nodes"]["r"]["state"], "dead")


# --- services ---

def test_service_verbs():
    lab = Lab(topology({"a": {"services": [
        {**WEB, "stop_signal": "SIGINT"}, {"name": "nap", "run": ["sleep", "1000"], "after": ["web"]},
        {"name": "deaf", "run": ["sh", "-c", "trap '' TERM; echo up; while :; do sleep 0.1; done"], "ready": {"log": "up"}}]},
        "b": {}}, [["a", "b"]]))
    name = f"{lab.name}:a"

    def states():
        told = netlab_json("service", "status", name)
        return [s["state"] for s in told["services"]]
    equal(states(), ["ready"] * 3)
    pid = netlab_json("service", "status", f"{name}/web")["services"][0]["pid_in_node"]
    netlab("service", "start", f"{name}/web")  # runs already
    equal(netlab_json("service", "status", f"{name}/web")["services"][0]["pid_in_node"], pid)
    netlab("service", "stop", f"{name}/web")
    equal(states(), ["stopped", "ready", "ready"], "only the one that is meant")
    lab.exec("b", "curl", "-s", f"http://{lab.address('a')}/", status=7)
    told = netlab("service", "start", f"{name}/web").stdout
    matches(told, r"a/web +ready +\d+ +0 ")
    lab.exec("b", "curl", "-sf", "-o", "/dev/null", f"http://{lab.address('a')}/")
    began = time.monotonic()
    netlab("service", "restart", f"{name}/deaf")
    between(time.monotonic() - began, 1.9, 20, "seconds: it was killed in the end")
    equal(netlab_json("service", "status", f"{name}/deaf")["services"][0]["signal"], 9)
    netlab("service", "stop", name)
    equal(states(), ["stopped"] * 3, "all of a node")
    netlab("service", "start", name)
    equal(states(), ["ready"] * 3)
    equal([s["restarts"] for s in lab.show()["nodes"]["a"]["services"]], [0] * 3, "none of its own accord")
    netlab("kill", name)
    equal(states(), ["stopped"] * 3)
    matches(netlab("service", "start", name, status=1).stderr, "is dead .*netlab restart")


def test_after_a_dead_node():
    lab = Lab(topology({"a": {"services": [{"name": "one", "run": ["sleep", "1000"]}]},
                        "b": {"services": [{"name": "two", "run": ["sleep", "1000"], "after": ["a/one"]}]}}, [["a", "b"]]))
    netlab("kill", f"{lab.name}:a")
    matches(netlab("restart", f"{lab.name}:b", status=1).stderr,
            "'b/two' cannot start: 'a/one', which it comes after, is stopped .*netlab restart a. brings")
    matches(netlab("capture", f"{lab.name}:a:eth0", status=1).stderr, "'a' is dead .*netlab restart a")
    netlab("restart", f"{lab.name}:a")
    wait_for(lambda: lab.show()["nodes"]["b"]["services"][0]["state"] == "ready", "b/two, now that a/one is there")


def test_service_that_fails():
    flag = os.path.join(os.path.dirname(STATE), "flag")
    with open(flag, "w", encoding="utf-8"):
        pass
    lab = Lab(topology({"a": {"services": [
        {"name": "x", "run": ["sh", "-c", f"test -e {flag} || {{ echo no flag; exit 4; }}; echo up; exec sleep 1000"],
         "ready": {"log": "up"}}, {"name": "mute", "run": ["sleep", "1000"]}]}, "b": {}}, [["a", "b"]]))
    os.unlink(flag)
    matches(netlab("service", "restart", f"{lab.name}:a/x", status=1).stderr,
            r"'a/x' ended before it was ready: exit code 4 \(it wrote last: .*\"no flag\"\)")
    state = lab.show()["nodes"]["a"]["services"][0]
    equal((state["state"], state["cause"], state["exit_code"]), ("failed", "ended-early", 4))
    matches(netlab("restart", f"{lab.name}:a", status=1).stderr, "'a/x' ended before it was ready")
    equal(lab.show()["nodes"]["a"]["state"], "running", "the node itself is back")
    # two who ask at once both get their answers
    waiting = [subprocess.Popen([NETLAB, "--state-dir", STATE, "--json", "service", "restart", f"{lab.name}:a/mute"],
                                stdout=subprocess.PIPE, text=True) for _ in range(8)]
    for process in waiting:
        out, _ = process.communicate(timeout=60)
        equal((process.returncode, json.loads(out)["services"][0]["state"]), (0, "ready"))


if __name__ == "__main__":
    main(globals())
