# SPDX-License-Identifier: MIT
"""Links are changed while packets flow: only the keys that are named change, and no packet is lost by the
change itself.
netlab-test: timeout=900 timed"""
import re
import subprocess

from support import (Lab, Stream, check, equal, have_netem, main, matches, need_netem, netlab, topology)


def pair(**keys):
    return topology(["a", "b"], [["a", "b", keys]], addressing={"ipv6": False})


def flags(lab, node):
    return lab.json(node, "ip", "-j", "link", "show", "dev", "eth0")[0]["flags"]


def offloads(lab, node):
    told = lab.out(node, "ethtool", "-k", "eth0")
    return {name: re.search(rf"(?m)^\s*{name}: (\w+)", told).group(1) == "on" for name in OFFLOADS}


OFFLOADS = ("tx-tcp-segmentation", "tx-tcp6-segmentation", "generic-segmentation-offload")


CHANGES = (["set", "delay=5ms"], ["set", "delay=15ms"], ["set", "rate=100mbit"], ["set", "jitter=2ms"],
           ["set", "loss=0%"], ["set", "loss=gemodel:0%,100%,0%,0%"], ["set", "queue=500packets"],
           ["set", "delay=1ms", "jitter=0ms"], ["clear"], ["set", "delay=10ms"], ["clear", "--none"],
           ["set", "rate=50mbit"], ["clear"])


def test_changes_lose_nothing():
    """Of a link that does nothing yet, but is told to expect it."""
    lab = Lab(pair(join="netem" if have_netem() else "wire"))
    stream = Stream(lab, "a", "b", "--gap-us", 2000 if have_netem() else 500)
    for verb, *words in CHANGES * 3:
        lab.link(verb, "a--b", *words)
    got = stream.stop()
    check(got["sent"] > 100, "sent", got["sent"])
    equal((got["lost"], got["duplicated"]), ([], []), f"of {got['sent']}: lost, duplicated")


def test_first_change_of_a_patch():
    """The wire takes a patch over, also where there is netem, and gives it back."""
    lab = Lab(pair())
    stream = Stream(lab, "a", "b", "--gap-us", 2000)
    for verb, *words in CHANGES:
        lab.link(verb, "a--b", *words)
        equal(lab.link_show("a--b")["join"], "patch" if verb == "clear" else "wire", words)
    got = stream.stop()
    equal((got["lost"], got["duplicated"]), ([], []), f"of {got['sent']}: lost, duplicated")


def test_first_netem_of_a_patch():
    """Where netem has to do it, the kernel drops what comes while the first queue of a device is put in
    (dev_deactivate() in qdisc_graft(), net/sched/sch_api.c): a few milliseconds at most on an emulated
    processor. No later change loses anything."""
    need_netem()
    lab = Lab(pair(), "--engine", "netem")
    stream = Stream(lab, "a", "b", "--gap-us", 2000)
    for verb, *words in CHANGES:
        lab.link(verb, "a--b", *words)
    equal(lab.link_show("a--b")["join"], "netem", "join")
    lost = stream.stop()["lost"]
    check(not lost or lost[-1] - lost[0] < 25, "lost at more than one moment:", lost)


def test_changes_of_a_shaped_link_lose_nothing():
    lab = Lab(pair(delay="20ms", rate="100mbit"))
    stream = Stream(lab, "a", "b", "--gap-us", 2000)
    for change in (["set", "delay=40ms"], ["clear"], ["clear", "--none"], ["clear"],
                   ["set", "seed=5"], ["set", "duplicate=0%"]):
        lab.link(change[0], "a--b", *change[1:])
    equal(stream.stop()["lost"], [], "lost")


def test_rate_changes_lose_nothing():
    lab = Lab(pair(**({"join": "netem"} if have_netem() else {})))
    stream = Stream(lab, "a", "b", "--gap-us", 2000)
    for change in (["set", "rate=50mbit"], ["set", "rate=80mbit"], ["clear"], ["set", "rate=20mbit"],
                   ["clear", "--none"]):
        lab.link(change[0], "a--b", *change[1:])
    equal(stream.stop()["lost"], [], "lost")


def test_only_what_is_named_changes():
    keys = {"delay": "20ms", "jitter": "2ms", "distribution": "normal", "loss": {"burst": {
        "rate": "1%", "length": 3}}, "duplicate": "1%", "corrupt": "1%", "rate": "10mbit",
        "queue": "70packets", "overhead": 4}
    lab = Lab(pair(**keys))
    before = lab.link_show("a--b")
    lab.link("set", "a--b", "--from", "a", "delay=30ms")
    after = lab.link_show("a--b")
    equal(after["<-"], before["<-"], "asked of the other way")
    equal(after["in_force"]["<-"], before["in_force"]["<-"], "in force the other way")
    changed = {key for key in before["->"] if before["->"][key] != after["->"][key]}
    equal(changed, {"delay_ns"}, "asked")
    held, was = after["in_force"]["->"], before["in_force"]["->"]
    changed = {key for key in was if was[key] != held.get(key)}
    # netem's limit holds what is in flight too
    equal(changed, {"delay_ns", "limit_packets"} if have_netem() else {"delay_ns"}, "in force")
    lab.link("set", "a--b", "corrupt=0%", "duplicate=0%", "loss=0%")
    held = lab.link_show("a--b")["in_force"]["->"]
    for key in ("corrupt", "duplicate", "loss"):
        check(key not in held, key, "is still in force:", held)
    lab.link("clear", "a--b")
    equal(lab.link_show("a--b")["in_force"]["->"], was, "in force after clear")
    lab.link("clear", "a--b", "--none")
    held = lab.link_show("a--b")["in_force"]["->"]
    equal([key for key in ("delay_ns", "jitter_ns", "loss", "rate_bps", "corrupt", "overhead_bytes")
           if key in held], [], "in force after clear --none")


def test_bad_changes_change_nothing():
    lab = Lab(pair())
    before = lab.link_show("a--b")
    for words in (["delay=20"], ["lose=1%"], ["delay=-1ms"], ["loss=150%"], ["jitter=5"],
                  ["rate=10mbps"], ["delay"]):
        done = netlab("link", "set", f"{lab.name}:a--b", *words, status=2)
        matches(done.stderr, words[0].split("=")[0], words)
    netlab("link", "set", f"{lab.name}:no-such-link", "delay=1ms", status=1)
    netlab("link", "set", f"{lab.name}:a--b", "--from", "nobody", "rate=1mbit", status=1)
    equal(lab.link_show("a--b"), before, "the link")


def test_down_and_up():
    lab = Lab(pair())
    stream = Stream(lab, "a", "b", "--gap-us", 1000)
    lab.link("down", "a--b")
    check("LOWER_UP" in flags(lab, "a"), "a cut keeps the carrier", flags(lab, "a"))
    lab.exec("a", "ping", "-n", "-c", "2", "-i", "0.1", "-W", "1", "b", status=1)
    lab.link("up", "a--b")
    lab.exec("a", "ping", "-n", "-c", "1", "-W", "5", "b")
    got = stream.stop()
    lost = got["lost"]
    check(lost, "nothing was lost while the link was down")
    equal(lost, list(range(lost[0], lost[-1] + 1)), "lost: all while it was down, no other")


def test_down_one_way():
    lab = Lab(pair())
    lab.link("down", "a--b", "--from", "a")
    there, back = lab.udp("a", "b", 50), lab.udp("b", "a", 50)
    equal((len(there["lost"]), back["lost"]), (50, []), "lost there, back")
    lab.link("up", "a--b", "--from", "a")
    equal(lab.udp("a", "b", 50)["lost"], [], "lost")


def test_carrier():
    lab = Lab(pair())
    lab.link("set", "a--b", "carrier=false")
    for node in "ab":
        check("NO-CARRIER" in flags(lab, node), node, flags(lab, node))
    equal(lab.link_show("a--b")["carrier"], False, "carrier")
    lab.link("set", "a--b", "carrier=true")
    for node in "ab":
        check("LOWER_UP" in flags(lab, node), node, flags(lab, node))
    lab.exec("a", "ping", "-n", "-c", "1", "-W", "1", "b")
    lab.down()
    lab = Lab(pair(carrier=False))
    for node in "ab":
        check("NO-CARRIER" in flags(lab, node), node, flags(lab, node))
    lab.link("set", "a--b", "carrier=true")
    lab.exec("a", "ping", "-n", "-c", "1", "-W", "1", "b")


def test_offloads_follow():
    rate = {"rate": "100mbit"}  # what a kernel without netem can do as well
    off, on = dict.fromkeys(OFFLOADS, False), dict.fromkeys(OFFLOADS, True)
    lab = Lab(pair())
    for words, want in ((None, on), (["set", "a--b", "rate=100mbit"], off), (["clear", "a--b"], on)):
        if words:
            lab.link(*words)
        for node in "ab":
            equal(offloads(lab, node), want, f"{node} after {words}")
    lab.down()
    lab = Lab(pair(**rate))
    equal(offloads(lab, "a"), off, "a shaped link")
    lab.link("clear", "a--b", "--none")
    equal(offloads(lab, "a"), on, "a shaped link with none")
    lab.link("clear", "a--b")
    equal(offloads(lab, "b"), off, "a shaped link again")
    lab.down()
    equal(offloads(Lab(pair(offload=True, **rate)), "a"), on, "\"offload\": true")


def large_frames(lab):
    """Whether frames beyond the MTU reach b while a sends by TCP, and by UDP in segments."""
    segmented = ("import socket\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
                 "s.setsockopt(socket.SOL_UDP if hasattr(socket, 'SOL_UDP') else 17, 103, 1000)\n"  # UDP_SEGMENT
                 "[s.sendto(b'x' * 8000, (socket.gethostbyname('b'), 9)) for _ in range(3)]")
    found = {}
    for name, command in (("tcp", ("iperf3", "-c", "b", "-n", "4M")), ("udp", ("python3", "-c", segmented))):
        with lab.popen("b", "tcpdump", "-n", "-i", "eth0", "-w", "-", "-U", "--immediate-mode", name, "and", "greater", "1600",
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE) as dump:
            while b"listening" not in dump.stderr.readline():
                pass
            with lab.popen("b", "iperf3", "-s", "-1", "--forceflush", stdout=subprocess.PIPE) as server:
                while b"listening" not in server.stdout.readline():
                    pass
                lab.exec("a", *command)
                server.terminate()
            lab.exec("a", "ping", "-n", "-c", "1", "-W", "5", "b")  # what came before it has been seen
            dump.terminate()
            found[name] = len(dump.stdout.read()) > 24  # a file's header alone
    return found


def test_one_frame_a_packet():
    """On a shaped link super-packets are cut up before the link, whoever made them; TCP still makes them."""
    lab = Lab(pair(rate="500mbit"))
    equal(large_frames(lab), {"tcp": False, "udp": False}, "a shaped link")
    lab.link("clear", "a--b", "--none")
    equal(large_frames(lab), {"tcp": True, "udp": True}, "a link that does nothing")


if __name__ == "__main__":
    main(globals())
