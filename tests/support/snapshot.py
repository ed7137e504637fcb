#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""snapshot.py DIR SUFFIX < NAMES: reads lines `NAME PID` and writes into DIR/NAME.SUFFIX what the kernel says of that
process's network namespace, one fact a line, without what depends on time or chance, so that two namespaces compare with
diff."""
import ctypes
import functools
import itertools
import json
import os
import re
import subprocess
import sys

# Counters, timers, and numbers that the kernel hands out as it goes.
VOLATILE = {
    "link_netnsid", "stats", "stats64", "expires", "used", "bytes", "packets", "drops", "overlimits", "requeues",
    "qlen", "backlog", "installed", "last_used", "first_used", "seed", "ref", "bind", "refcnt",
    "handle", "valid_life_time", "preferred_life_time", "gc_timer", "hello_timer", "tcn_timer", "topology_change_timer",
    "topology_change", "topology_change_detected", "message_age_timer", "forward_delay_timer", "hold_timer", "config_pending", "topology_change_ack",
}
# What every namespace has from the start. The others (netfilter, vrf, sctp, ...) come, for all namespaces at once, with
# the modules that somebody's command loads between two snapshots, and so do the names of congestion controls.
SYSCTL_TREES = ("core", "ipv4", "ipv6")
VOLATILE_SYSCTL = re.compile(
    r"(stable_secret|fastopen_key|_count|tcp_mem|udp_mem|netdev_rss_key|dev_weight|somaxconn_"
    r"|(available|allowed)_congestion_control|/ipv4/vs/)"
)
FEATURES = ("tcp-segmentation-offload", "generic-segmentation-offload", "generic-receive-offload")


def run(*words, stdin=""):
    done = subprocess.run(words, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(words)}: {done.stderr}")
    return done.stdout


def facts(where, value):
    """Flattens JSON into `path = value` lines."""
    if isinstance(value, dict):
        for key in sorted(value):
            if key not in VOLATILE:
                yield from facts(f"{where}.{key}", value[key])
    elif isinstance(value, list):
        for item in value:
            yield from facts(where, item)
    else:
        yield f"{where} = {value}"


def listing(title, items, name):
    for item in sorted(items, key=lambda i: json.dumps(i, sort_keys=True)):
        yield from facts(f"{title} {name(item)}", item)


def filters(devices):
    """One tc for all devices; it answers each line with a JSON array, or with nothing."""
    text = run("tc", "-j", "-batch", "-", stdin="".join(f"filter show dev {d} ingress\n" for d in devices))
    decoder, at, found = json.JSONDecoder(), 0, []
    while text[at:].strip():
        at += len(text[at:]) - len(text[at:].lstrip())
        answer, at = decoder.raw_decode(text, at)
        found.append(answer)
    if len(found) != len(devices):
        sys.exit(f"tc answered {len(found)} of {len(devices)} questions")
    for device, answer in zip(devices, found):
        yield from listing(f"filter {device}", answer, lambda i: i.get("kind", ""))


def nameless(path):
    """The same for all interfaces."""
    return re.sub(r"/(conf|neigh)/[^/]+/", r"/\1/*/", path)


@functools.cache
def everywhere():
    """Settings that a namespace has whoever owns it: netlab's nodes belong to a user namespace of their own (docs/adr 19)."""
    trees = [f"/proc/sys/net/{tree}" for tree in SYSCTL_TREES]
    found = run("unshare", "--user", "--map-root-user", "--net", "find", *trees, "-type", "f")
    return {nameless(path) for path in found.splitlines()}


def sysctls():
    trees = [os.walk(f"/proc/sys/net/{tree}") for tree in SYSCTL_TREES]
    for folder, _, names in itertools.chain(*trees):
        for name in names:
            path = os.path.join(folder, name)
            if VOLATILE_SYSCTL.search(path) or nameless(path) not in everywhere():
                continue
            try:
                with open(path, encoding="ascii") as file:
                    yield f"{path} = {file.read().strip()}"
            except OSError:
                pass  # write-only


def snapshot():
    links = json.loads(run("ip", "-j", "-d", "link"))
    for link in links:
        bridge = link.get("linkinfo", {}).get("info_data", {})
        if bridge.get("stp_state"):
            bridge.pop("ageing_time", None)  # shorter while the tree has just changed
    yield from listing("link", links, lambda i: i["ifname"])
    yield from listing("address", json.loads(run("ip", "-j", "address")), lambda i: i["ifname"])
    for family in ("-4", "-6"):
        routes = json.loads(run("ip", family, "-j", "route", "show", "table", "all") or "[]")
        yield from listing(f"route {family}", routes, lambda i: i.get("dst", "?"))
    yield from listing("neighbour", json.loads(run("ip", "-j", "neigh", "show", "nud", "permanent")), lambda i: i["dst"])
    qdiscs = json.loads(run("tc", "-j", "qdisc"))
    yield from listing("qdisc", qdiscs, lambda i: i["dev"])
    patched = [q["dev"] for q in qdiscs if q["kind"] == "clsact"]
    yield from filters(patched)
    for link in links:
        name = link["ifname"]
        if name == "lo" or name in patched:
            continue  # the fabric's: nothing is sent from there
        for line in run("ethtool", "-k", name).splitlines():
            if line.startswith(FEATURES):
                yield f"offload {name} {line}"
    yield from sorted(sysctls())


def enter(pid):
    """Moves this process, and so the programs that it runs, into the other's network namespace."""
    clone_newnet = 0x40000000  # linux/sched.h
    with open(f"/proc/{pid}/ns/net", encoding="ascii") as file:
        if ctypes.CDLL(None, use_errno=True).setns(file.fileno(), clone_newnet):
            sys.exit(f"cannot enter the namespace of {pid}: {os.strerror(ctypes.get_errno())}")


def main():
    folder, suffix = sys.argv[1:]
    for line in sys.stdin:
        name, pid = line.split()
        enter(pid)
        with open(os.path.join(folder, f"{name}.{suffix}"), "w", encoding="utf-8") as file:
            file.writelines(f"{fact}\n" for fact in snapshot())


main()
