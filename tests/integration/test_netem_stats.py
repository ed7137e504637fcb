# SPDX-License-Identifier: MIT
"""What 'stats' says of links that netem carries is what happened, or null where the kernel cannot tell; and a
link that netem carries stays its own.
netlab-test: timeout=700 timed"""
from support import Lab, check, equal, main, matches, need_netem, netlab, netlab_json, topology, wait_for

DROPPED = ("dropped_loss", "dropped_queue", "dropped_fault", "dropped_down", "dropped_host")


def from_a(**keys):
    need_netem()
    return Lab(topology(["a", "b"], [["a", "b", {"->": keys}]], addressing={"ipv6": False}))


def stats(lab):
    both = netlab_json("stats", lab.name)["links"]["a--b"]
    for way in ("->", "<-"):
        c = both[way]
        if None not in [c[key] for key in (*DROPPED, "duplicated")]:
            equal(c["offered"], c["delivered"] - c["duplicated"] + sum(c[d] for d in DROPPED) +
                  c["queued"], f"offered {way}: {c}")
    return both


def settled(lab):
    return wait_for(lambda: (lambda c: c if c["queued"] == 0 else None)(stats(lab)["->"]), "an empty queue")


def test_loss():
    lab = from_a(loss="10%", seed=2)
    got = lab.udp("a", "b", 1000)
    there = settled(lab)
    equal((there["offered"], there["delivered"], there["dropped_loss"], there["dropped_queue"]),
          (1000, 1000 - len(got["lost"]), len(got["lost"]), 0), "counted")
    equal((there["duplicated"], there["marked"], there["lateness_us"]), (0, 0, None), "the rest")
    equal(stats(lab)["<-"]["offered"], 0, "the other way")


def test_queue_and_loss():
    """A full queue is told from a loss."""
    lab = from_a(rate="1mbit", queue="10packets", loss="5%", seed=2)
    got = lab.udp("a", "b", 200, "--gap-us", 0, "--size", 958)
    there = settled(lab)
    equal((there["offered"], there["dropped_loss"] + there["dropped_queue"]), (200, len(got["lost"])), "lost")
    check(2 <= there["dropped_loss"] <= 25, "by the dice", there)
    check(there["dropped_queue"] > 100, "by the queue", there)
    equal(there["queue_limit_packets"], lab.link_show("a--b")["in_force"]["->"]["limit_packets"], "limit")


def test_duplicates():
    lab = from_a(duplicate="10%", delay="1ms", seed=2)
    got = lab.udp("a", "b", 1000)
    there = settled(lab)
    equal((there["offered"], there["delivered"], there["duplicated"]),
          (1000, got["copies"], len(got["duplicated"])), "counted")


def test_marks():
    lab = from_a(loss="20%", ecn=True, seed=2)
    got = lab.udp("a", "b", 500, "--tos", 2)
    there = settled(lab)
    equal((there["marked"], there["dropped_loss"], there["delivered"]), (got["marked"], 0, 500), "marked")
    lab.link("set", "a--b", "duplicate=1%")
    lab.udp("a", "b", 100)
    there = settled(lab)
    # the kernel counts a mark as a drop, and a duplicate not at all
    equal((there["marked"], there["dropped_loss"], there["duplicated"]), (None, None, None), "told apart")


def test_cut():
    """Counters of redirects that are gone are not."""
    lab = from_a(rate="1mbit", queue="10packets")
    first = len(lab.udp("a", "b", 100, "--gap-us", 0, "--size", 958)["lost"])
    settled(lab)
    lab.link("down", "a--b", "--from", "a")
    equal(len(lab.udp("a", "b", 40)["lost"]), 40, "lost while it was down")
    lab.link("up", "a--b")
    there = settled(lab)
    equal((there["offered"], there["dropped_queue"], there["dropped_loss"], there["dropped_down"]),
          (140, first, 0, 40), "counted")


def test_from_a_patch():
    lab = from_a()
    lab.udp("a", "b", 50)
    lab.link("set", "a--b", "delay=1ms")
    lab.udp("a", "b", 50)
    lab.link("clear", "a--b")
    lab.udp("a", "b", 50)
    there = settled(lab)
    equal((there["offered"], there["delivered"]), (150, 150), "counted")


def test_netem_stays():
    """What netem carries is not handed to the wire."""
    lab = from_a(delay="5ms")
    before = lab.link_show("a--b")
    done = netlab("link", "set", f"{lab.name}:a--b", "rate=1mbit", "aqm=codel", status=4)
    matches(done.stderr, r"link 'a--b'.*netem.*cannot do 'aqm'.*\"join\": \"wire\"", "refused")
    equal(lab.link_show("a--b"), before, "the link")


def test_patch_to_wire_by_key():
    """A patch takes what netem cannot do, on the wire."""
    lab = from_a()
    lab.link("set", "a--b", "rate=1mbit", "aqm=codel")
    told = lab.link_show("a--b")
    equal(told["join"], "wire", "join")
    matches(told["reason"], "'aqm'", "reason")
    lab.link("clear", "a--b")
    equal(lab.link_show("a--b")["join"], "patch", "join after clear")


if __name__ == "__main__":
    main(globals())
