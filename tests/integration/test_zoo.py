# SPDX-License-Identifier: MIT
"""Real networks (../shared/data/zoo): 200 pairs of each answer ping, and take the time that the delays on
the routed path add up to, there and back: never less, and at most 5 % and 0.15 ms a hop more through the
wire, 0.5 ms through netem, 1.5 ms on the VM's emulated processor.
netlab-test: timeout=900 timed long"""
import glob
import json
import os
import random
import sys

from support import (IN_VM, PROBE, TOP, Failed, Lab, between, check, equal, have_netem, in_vm_too, load, main,
                     netlab, run, topology)

ZOO = os.path.join(TOP, "..", "shared", "data", "zoo")
PAIRS = 200
SLACK_SHARE = 0.05
SLACK_NS_PER_HOP = 1_500_000 if IN_VM else 500_000 if have_netem() else 150_000


def nanoseconds(text):
    for unit, factor in (("ms", 1_000_000), ("us", 1000), ("ns", 1), ("s", 1_000_000_000)):
        if text.endswith(unit):
            return round(float(text[:-len(unit)]) * factor)
    raise Failed(f"delay {text!r}")


def network(name):
    model = load(os.path.join(ZOO, name + ".json"))
    delays = [nanoseconds(link["delay"]) for link in model["links"]]
    return topology(model["nodes"], model["links"], defaults=model["defaults"]), delays


def chosen_pairs(nodes):
    dice = random.Random("zoo " + " ".join(nodes[:3]))
    return [dice.sample(nodes, 2) for _ in range(PAIRS)]


def question(told, pairs, delays, family):
    """What the probe reads: nodes, where their interfaces lead, who shall reach whom."""
    lines = [f"node {name} {node['pid']}" for name, node in told["nodes"].items()]
    interfaces = {name: {i["link"]: i["name"] for i in node["interfaces"]}
                  for name, node in told["nodes"].items()}
    addresses = {name: next(a.split("/")[0] for i in node["interfaces"] for a in i["addresses"]
                            if (":" in a) == (family == 6))
                 for name, node in told["nodes"].items()}
    for (name, link), delay in zip(told["links"].items(), delays):
        ends = [end.split(":")[0] for end in link["endpoints"]]
        for here, there in (ends, ends[::-1]):
            lines.append(f"if {here} {interfaces[here][name]} {there} {delay}")
    lines += [f"pair {a} {b} {addresses[b]}" for a, b in pairs]
    return "\n".join(lines) + "\n"


def too_slow(pair):
    hops = pair["hops_there"] + pair["hops_back"]
    most = pair["delay_ns"] * (1 + SLACK_SHARE) + SLACK_NS_PER_HOP * hops
    return pair["rtt_ns"] > most


def ask(told, pairs, delays, rounds=5):
    """The fastest of a few pings of each pair; of more where they are slow, for that may be this machine."""
    answers = []
    for attempt in range(rounds):
        slow = [i for i, p in enumerate(answers) if not p["received"] or too_slow(p)]
        wanted = [pairs[i] for i in slow] if attempt else pairs
        if not wanted:
            break
        # the slow ones one at a time: else an emulated processor would be what is measured
        got = json.loads(run(PROBE, "pairs", "--count", 3, "--window", 1 if attempt else 4,
                             stdin=question(told, wanted, delays, 4)).stdout)
        if not attempt:
            answers = got
            continue
        for i, answer in zip(slow, got):
            if answer["received"] and (not answers[i]["received"] or
                                       answer["rtt_ns"] < answers[i]["rtt_ns"]):
                answers[i] = answer
    return answers


def judge(name, answers):
    lost = [pair for pair in answers if not pair["received"]]
    check(not lost, f"{name}: {len(lost)} of {len(answers)} pairs do not answer: {lost[:3]}")
    early = [pair for pair in answers if pair["rtt_ns"] < pair["delay_ns"]]
    check(not early, f"{name}: {len(early)} pairs are faster than their delays: {early[:3]}")
    late = [pair for pair in answers if too_slow(pair)]
    check(not late, f"{name}: {len(late)} pairs are too slow: {late[:3]}")
    worst = max(answers, key=lambda p: (p["rtt_ns"] - p["delay_ns"]) /
                (p["hops_there"] + p["hops_back"]))
    hops = worst["hops_there"] + worst["hops_back"]
    print(f"{name}: {len(answers)} pairs, up to {max(p['hops_there'] for p in answers)} hops, "
          f"{max(p['delay_ns'] for p in answers) / 1e6:.1f} ms there and back; most above the delays: "
          f"{(worst['rtt_ns'] - worst['delay_ns']) / hops / 1000:.0f} us a hop", flush=True)


def measure(name):
    path, delays = network(name)
    lab = Lab(path, timeout="590s")
    told = lab.show()
    for link in told["links"].values():
        equal(link["in_force"]["->"]["delay_ns"], link["->"]["delay_ns"], "delay in force")
    equal({link["join"] for link in told["links"].values()},
          {"netem" if have_netem() else "wire"}, "joins")
    pairs = chosen_pairs(list(told["nodes"]))
    answers = ask(told, pairs, delays)
    equal(len(answers), PAIRS, "pairs")
    judge(name, answers)
    # the other family goes the same ways
    six = json.loads(run(PROBE, "pairs", "--count", 1, "--window", 4,
                         stdin=question(told, pairs[:20], delays, 6)).stdout)
    equal([p["received"] for p in six], [1] * 20, "IPv6")
    equal([p["hops_there"] for p in six], [p["hops_there"] for p in answers[:20]], "hops of IPv6")
    lab.down()
    return path, answers


def planned_hops(path, answers):
    """The same paths from the plan's tables: longest prefix first, as the kernel looks them up."""
    import ipaddress
    plan = json.loads(netlab("plan", "--format", "json", path).stdout)
    routes, own, links = {}, {}, {}
    for op in plan["ops"]:
        if op["op"] == "address" and ":" not in op["address"]:
            address = ipaddress.ip_interface(op["address"])
            own.setdefault(address.ip, op["node"])
            routes.setdefault(op["node"], []).append((address.network, op["interface"]))
        elif op["op"] == "route" and ":" not in op["to"]:
            hop = op["hops"][0] if "hops" in op else op
            routes.setdefault(op["node"], []).append((ipaddress.ip_network(op["to"]),
                                                      hop["interface"]))
        elif op["op"] == "veth":
            links.setdefault(op["link"], []).append((op["node"], op["interface"]))
    peers = {}
    for a, b in links.values():
        peers[a], peers[b] = b[0], a[0]
    first = {}
    for address, node in own.items():
        first.setdefault(node, address)
    for answer in answers:
        at, to, hops = answer["from"], first[answer["to"]], 0
        while own[to] != at:
            matching = [r for r in routes[at] if to in r[0]]
            check(matching, f"the plan has no route from '{at}' to {to}")
            at = peers[(at, max(matching, key=lambda r: r[0].prefixlen)[1])]
            hops += 1
            between(hops, 1, 255, "hops of the plan")
        equal(answer["hops_there"], hops, f"hops from {answer['from']} to {answer['to']}")


def test_each_is_tested():
    files = {os.path.basename(f)[:-5] for f in glob.glob(os.path.join(ZOO, "*.json"))}
    equal(files, {"attmpls", "bellsouth", "geant2012", "kdl", "uscarrier"}, "networks")


@in_vm_too
def test_attmpls():
    measure("attmpls")


@in_vm_too
def test_geant2012():
    path, answers = measure("geant2012")
    planned_hops(path, answers[:20])


@in_vm_too
def test_bellsouth():
    path, answers = measure("bellsouth")
    planned_hops(path, answers[:20])


def test_uscarrier():
    measure("uscarrier")


def test_kdl():
    measure("kdl")


@in_vm_too
def test_a_wrong_delay_is_seen():
    """The judge can judge: a link that delays more, or less, than it is said to."""
    line = topology({n: {"kind": "router"} for n in "abc"},
                    [["a", "b", {"delay": "10ms"}], ["b", "c", {"delay": "10ms"}]])
    lab = Lab(line)
    for said, verdict in ((10_000_000, ""), (12_000_000, "faster"), (7_000_000, "slow")):
        answers = ask(lab.show(), [("a", "c")], [said, said])
        try:
            judge("line", answers)
            equal("", verdict, "what the judge says")
        except Failed as failure:
            check(verdict and verdict in str(failure), f"delays of {said} ns: {failure}")


if __name__ == "__main__":
    if not os.path.isdir(ZOO):
        print(f"skipped: the networks are not here: '{os.path.normpath(ZOO)}'")
        sys.exit(77)
    main(globals())
