# SPDX-License-Identifier: MIT
"""The same numbered packets through a netem link and a wire link of the same seed, in one lab: the same are lost, the same
are doubled, and they arrive in the same order. Frame by frame, with damage and times: test_oracle.c.
netlab-test: timeout=900 timed"""
from support import Lab, check, equal, main, need_netem, topology

COUNT = 2000
GAP_US = 250
# of packets of 1400 bytes with 6 % damaged, those that are hit in a header, and do not arrive for that: 3.6 are
# expected of each engine, not the same ones, for netem's bits are not seeded
HEADER_HITS = 20

LOSSES = {
    "random": "10%",
    "gemodel": {"gemodel": {"p": "5%", "r": "30%", "1-h": "70%", "1-k": "1%"}},
    "state": {"state": {"p13": "5%", "p31": "30%", "p32": "20%", "p23": "50%", "p14": "1%"}},
    "burst": {"burst": {"rate": "5%", "length": 4}},
}
MIXES = {
    "alone": {},
    "duplicate": {"duplicate": "7%"},
    "corrupt": {"corrupt": "6%"},
    "jitter": {"delay": "50ms", "jitter": "15ms"},
    "normal": {"delay": "50ms", "jitter": "10ms", "distribution": "normal", "duplicate": "5%"},
    # longer than sending takes: what overtakes is before all others
    "gap": {"delay": "2500ms", "reorder": "30%", "gap": 4, "duplicate": "5%"},
    "rate": {"delay": "20ms", "rate": "40mbit", "queue": "5000packets"},
    "all": {"delay": "2500ms", "reorder": "30%", "gap": 4, "duplicate": "5%", "corrupt": "6%",
            "rate": "40mbit", "queue": "5000packets"},
}


# Sixteen sets, each mix twice: test_oracle.c has the others.
SETS = {
    "random": ("alone", "duplicate", "jitter", "rate"),
    "gemodel": ("corrupt", "normal", "gap", "rate"),
    "state": ("alone", "corrupt", "jitter", "all"),
    "burst": ("duplicate", "normal", "gap", "all"),
}


def lab_of(loss, mixes):
    """Node a with a link of each engine for each mix."""
    links = []
    for number, mix in enumerate(mixes):
        keys = MIXES[mix]
        for join in ("netem", "wire"):
            links.append({"endpoints": ["a", f"{mix}-{join}"], "join": join,
                          "->": {"loss": loss, "seed": 2**40 + number, **keys}})
    return Lab(topology(["a"] + [link["endpoints"][1] for link in links], links,
                        addressing={"ipv6": False}))


def outcome(lab, mix, join):
    node = f"{mix}-{join}"
    link = lab.link_show(f"a--{node}")
    equal(link["join"], join, f"join of '{node}'")
    overtaken = "reorder" in MIXES[mix]
    got = lab.udp("a", node, COUNT, "--gap-us", GAP_US, "--size", 1400, "--raw",
                  "--drain-ms", 3500 if overtaken else 800)
    if overtaken:
        check(got["sending_ns"] < 2_400_000_000, "sending took", got["sending_ns"], "ns: this host is too slow")
    return got


def is_same(lab, loss, mix):
    netem, wire = outcome(lab, mix, "netem"), outcome(lab, mix, "wire")
    what = f"of {loss}, {mix}"
    if "corrupt" in MIXES[mix]:
        differs = set(netem["lost"]) ^ set(wire["lost"]) | set(netem["duplicated"]) ^ set(wire["duplicated"])
        check(len(differs) <= HEADER_HITS, f"{len(differs)} packets {what} had another fate: {sorted(differs)}")
    else:
        equal(wire["lost"], netem["lost"], "lost", what)
        equal(wire["duplicated"], netem["duplicated"], "duplicated", what)
        orders = [[index for index, _, _ in got["arrivals"]] for got in (wire, netem)]
        equal(orders[0], orders[1], "order", what)
    check(len(netem["lost"]) > COUNT / 50, "too few are lost to compare", what)


def same_by(loss):
    need_netem()
    lab = lab_of(LOSSES[loss], SETS[loss])
    for mix in SETS[loss]:
        is_same(lab, loss, mix)
    lab.down()


def test_random():
    same_by("random")


def test_gemodel():
    same_by("gemodel")


def test_state():
    same_by("state")


def test_burst():
    same_by("burst")


def test_another_seed_differs():
    need_netem()
    lab = Lab(topology(["a", "b", "c"], [["a", "b", {"join": "netem", "->": {"loss": "10%", "seed": 1}}],
                                         ["a", "c", {"join": "wire", "->": {"loss": "10%", "seed": 2}}]],
                       addressing={"ipv6": False}))
    netem, wire = (lab.udp("a", node, 500)["lost"] for node in ("b", "c"))
    check(netem != wire, "two seeds lose the same")


if __name__ == "__main__":
    main(globals())
