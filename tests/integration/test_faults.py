# SPDX-License-Identifier: MIT
"""Faults by rule, on real packets: which ones they meet and what becomes of them, in the file and at run time.
netlab-test: timeout=900"""
import os
import re
import signal
import subprocess
import time

from support import (Lab, Stream, check, equal, in_vm_too, main, matches, need_netem, netlab, netlab_json,
                     topology, wait_for)

SYN_ACK = "tcp[tcpflags] & (tcp-syn|tcp-ack) == (tcp-syn|tcp-ack)"


def pair(faults=(), link=(), **more):
    return Lab(topology(["a", "b"], [{"endpoints": ["a", "b"], "name": "wan", **dict(link)}],
                        faults=list(faults), **more))


def rule(match, do, **more):
    return {"link": "wan", "match": match, "do": do, **more}


def counts(lab, number=1, way="->"):
    for fault in netlab_json("fault", "ls", lab.name):
        if fault["id"] == number:
            return fault[way]["matched"], fault[way]["acted"]
    return None


def fault(lab, verb, *words, **options):
    return netlab("fault", verb, *words, **options)


def add(lab, *words, **options):
    return netlab("fault", "add", f"{lab.name}:wan", *words, **options).stdout.strip()


def connect(lab, seconds=30):
    """A TCP connection from a to b, answered with a line. Returns how long it took to open."""
    server = lab.popen("b", "python3", "-uc", """
import socket
s = socket.create_server(("", 7000))
print("listening", flush=True)
c, _ = s.accept()
c.sendall(b"hello\\n")
c.close()""", stdout=subprocess.PIPE, text=True)
    equal(server.stdout.readline(), "listening\n")
    out = lab.out("a", "python3", "-c", f"""
import socket, time
t = time.monotonic()
c = socket.create_connection(("{lab.address('b')}", 7000), timeout={seconds})
t = time.monotonic() - t
print(t, c.makefile().readline())""")
    server.communicate(timeout=30)
    matches(out, "hello")
    return float(out.split()[0])


def test_first_syn_ack():
    """TCP sees its SYN-ACK come at the second try; tcpdump on the one side sees two, on the other one."""
    lab = pair([rule(SYN_ACK, "drop", nth=1)])
    dumps = {}
    for node in ("a", "b"):
        dumps[node] = lab.popen(node, "tcpdump", "-lnU", "-i", "eth0", SYN_ACK,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        wait_for(lambda p=dumps[node]: "listening" in p.stderr.readline(), "tcpdump")
    check(connect(lab) > 0.9, "the connection waited for the retransmission")
    time.sleep(0.5)  # tcpdump's buffer
    seen = {}
    for node, dump in dumps.items():
        dump.terminate()
        seen[node] = len(re.findall(r"Flags \[S\.\]", dump.communicate(timeout=30)[0]))
    # b's kernel answers the repeated SYN, or repeats by itself, or both
    check(seen["b"] >= 2, "b sent it again", seen)
    equal(seen["b"] - seen["a"], 1, "one was lost on the way")
    equal(counts(lab, way="<-"), (seen["b"], 1), "matched, acted")
    equal(counts(lab, way="->"), (0, 0))
    stats = netlab_json("stats", lab.name)["links"]["wan"]
    equal(stats["<-"]["dropped_fault"], 1)
    equal(stats["->"]["dropped_fault"], 0)
    shown = lab.show()
    equal(shown["links"]["wan"]["join"], "wire")
    matches(shown["links"]["wan"]["reason"], "fault rules")
    equal(shown["links"]["wan"]["offload"], False)
    equal(len(shown["faults"]), 1)


def arrived(lab, count, *options):
    """The numbers of a's datagrams to b as they come, from 1."""
    receiver = lab.popen("b", "python3", "-uc", """
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("", 4433))
print("bound", flush=True)
s.settimeout(20)
while True:
    word = s.recv(100).split()[0].decode()
    print(word, flush=True)
    if word == "end": break""", stdout=subprocess.PIPE, text=True)
    equal(receiver.stdout.readline(), "bound\n")
    lab.exec("a", "python3", "-c", f"""
import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for i in range({count}):
    s.sendto(b"%d " % (i + 1) + b"x" * 50, ("{lab.address('b')}", 4433))
    time.sleep(0.01)
time.sleep(0.5)
for i in range(10):
    s.sendto(b"end", ("{lab.address('b')}", 4433))""")
    words = receiver.communicate(timeout=60)[0].split()
    equal(words[-1], "end")
    return [int(word) for word in words[:-1]]


DATA = "udp dst port 4433 and greater 80"


def test_udp_drop_duplicate_hold_delay():
    lab = pair([rule(DATA, "drop", nth=[2, "4-5"]),
                rule(DATA, "duplicate", nth=7),
                rule(DATA, {"hold_until": 2}, nth=9),
                rule(DATA, {"delay": "200ms"}, nth=13)])
    equal(arrived(lab, 20), [1, 3, 6, 7, 7, 8, 10, 11, 9, 12, 14, 15, 16, 17, 18, 19, 20, 13])
    for number, acted in ((1, 3), (2, 1), (3, 1), (4, 1)):
        equal(counts(lab, number), (20, acted), f"rule {number}")
    stats = netlab_json("stats", lab.name)["links"]["wan"]["->"]
    equal((stats["dropped_fault"], stats["duplicated"], stats["queued"]), (3, 1, 0))


def test_every_and_first():
    lab = pair([rule(DATA, "drop", every=3), rule(DATA, "drop", first=2)])
    equal(arrived(lab, 9), [4, 5, 7, 8])


def test_one_direction():
    lab = pair([{"link": "wan", "from": "b", "match": "icmp", "do": "drop"}])
    out = lab.exec("a", "ping", "-4", "-c1", "-W1", "b", status=1).stdout
    matches(out, "0 received")
    equal(counts(lab, way="<-"), (1, 1))
    check("->" not in netlab_json("fault", "ls", lab.name)[0], "no counts of the other way")


def test_corrupt():
    """A byte of the payload, counted from the frame's first: the receiver's checksum finds it; of an
    address of the IP header that no checksum of IPv6 covers, the receiver's stack."""
    lab = pair([rule(DATA, {"corrupt": {"byte": 50}}, nth=2), rule(DATA, {"corrupt": {"bit": 403}}, nth=3),
                rule(DATA, "corrupt", nth=4), rule(DATA, {"corrupt": {"byte": 5000}}, nth=5)])
    before = lab.out("b", "cat", "/proc/net/snmp")
    equal([n for n in arrived(lab, 6) if n not in (4,)], [1, 5, 6])
    errors = re.findall(r"^Udp: (?:\S+ ){6}(\d+)", lab.out("b", "cat", "/proc/net/snmp"), re.M)
    was = re.findall(r"^Udp: (?:\S+ ){6}(\d+)", before, re.M)
    check(int(errors[0]) - int(was[0]) >= 2, "checksum errors", was, errors)
    equal(counts(lab, 4), (6, 0), "a frame is not that long")
    equal(netlab_json("stats", lab.name)["links"]["wan"]["->"]["corrupted"], 3)


def test_window():
    lab = pair([rule("icmp", "drop", after="0s", **{"for": "1h"}),
                rule("icmp", "drop", after="1h")])
    lab.exec("a", "ping", "-4", "-c1", "-W1", "b", status=1)
    equal((counts(lab, 1), counts(lab, 2)), ((1, 1), (0, 0)))
    fault(lab, "rm", f"{lab.name}:1")
    lab.exec("a", "ping", "-4", "-c1", "-W5", "b")
    # of a rule that is added, from then on
    add(lab, "--match", "icmp", "--for", "1s", "--do", "drop")
    lab.exec("a", "ping", "-4", "-c1", "-W1", "b", status=1)
    wait_for(lambda: "1 received" in lab.exec("a", "ping", "-4", "-c1", "-W1", "b", status=None).stdout,
             "the end of the time")


def vlan_send(lab, node, tag):
    """Sends a frame with a VLAN tag (or none), and one with IPv6 extension headers and UDP behind."""
    return lab.exec(node, "python3", "-c", f"""
import socket, struct
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(("eth0", 0))
ip = bytes.fromhex("4500001c0000000040110000 0a000001 0a000002") + struct.pack("!HHHH", 1, 53, 8, 0)
v6 = bytes.fromhex("60000000 0010 00 40") + bytes(32) + bytes.fromhex("1100000000000000") + struct.pack("!HHHH", 1, 53, 8, 0)
head = bytes(12)
s.send(head + struct.pack("!HH", 0x8100, {tag}) + b"\\x08\\x00" + ip)
s.send(head + b"\\x86\\xdd" + v6)""")


def test_vlan_and_extension_headers():
    """A tag that the kernel took out is back where an expression looks for it."""
    lab = pair([rule("vlan 5 and udp port 53", "drop"), rule("udp port 53", "drop"),
                rule("ip6 protochain 17", "drop")])
    vlan_send(lab, "a", 5)
    wait_for(lambda: counts(lab, 3) == (1, 1), "both frames")
    equal(counts(lab, 1), (1, 1), "the tagged one")
    equal(counts(lab, 2), (0, 0), "neither")


def test_fragments():
    lab = pair([rule("icmp", "drop", nth=[4, 5]), rule("ip[6:2] & 0x1fff != 0", "duplicate")],
               link={"mtu": 1500})
    lab.exec("a", "ping", "-4", "-c1", "-s", "4000", "-W5", "b")
    equal(counts(lab, 1), (3, 0), "fragments of one packet")
    equal(counts(lab, 2), (2, 2), "but the first")
    out = lab.exec("a", "ping", "-4", "-c1", "-s", "4000", "-W1", "b", status=1).stdout
    matches(out, "0 received")


def test_run_time_on_a_patch():
    """While packets flow, the link goes to the wire and back: only those of the rule are lost."""
    lab = pair()
    equal(lab.link_show("wan")["join"], "patch")
    stream = Stream(lab, "a", "b", "--gap-us", 500)
    equal(add(lab, "--from", "a", "--match", "udp", "--nth", "100-119", "--do", "drop"), "1")
    equal(lab.link_show("wan")["join"], "wire")
    wait_for(lambda: (counts(lab) or (0,))[0] > 200, "packets")
    fault(lab, "rm", f"{lab.name}:1")
    equal(counts(lab), None)
    told = stream.stop()
    equal(told["sent"] - told["arrived"], 20, "lost", told)
    equal(told["copies"], told["arrived"], "none came twice")
    stats = netlab_json("stats", lab.name)["links"]["wan"]["->"]
    equal(stats["dropped_fault"], 20)
    equal(stats["dropped_host"], 0)


def test_numbers_and_all():
    lab = pair([rule("icmp", "drop")])
    equal(add(lab, "--do", "duplicate", "--match", "udp"), "2")
    equal(add(lab, "--do", "drop", "--match", "udp"), "3")
    fault(lab, "rm", f"{lab.name}:2")
    equal(add(lab, "--do", "drop", "--match", "udp"), "4", "no number is used twice")
    equal([f["id"] for f in netlab_json("fault", "ls", lab.name)], [1, 3, 4])
    equal([f["source"] for f in netlab_json("fault", "ls", lab.name)], ["file", "added", "added"])
    fault(lab, "rm", "--all", lab.name)
    equal(netlab_json("fault", "ls", lab.name), [])
    fault(lab, "add", f"{lab.name}:wan", "--nth", "3", "--after", "1s", "--for", "2s", "--do", "drop")
    matches(fault(lab, "ls", lab.name).stdout, "every packet  3 after 1s for 2s  drop")
    lab.exec("a", "ping", "-4", "-c1", "-W5", "b")


def test_held_packet_is_let_go():
    lab = pair()
    add(lab, "--match", "icmp[icmptype] = icmp-echo", "--do", "hold=1000")
    ping = lab.popen("a", "ping", "-4", "-c1", "-W30", lab.address("b"), stdout=subprocess.PIPE, text=True)
    wait_for(lambda: counts(lab) == (1, 1), "the echo request")
    equal(netlab_json("stats", lab.name)["links"]["wan"]["->"]["queued"], 1)
    fault(lab, "rm", f"{lab.name}:1")
    matches(ping.communicate(timeout=60)[0], "1 received")


def test_counts_outlive_the_wire():
    lab = pair([rule("icmp", "drop", nth=[1, 3], **{"from": "a"}), rule("icmp", "duplicate", every=100)])
    lab.exec("a", "ping", "-4", "-c1", "-W1", "b", status=1)
    add(lab, "--match", "icmp", "--do", "duplicate")
    lab.exec("a", "ping", "-4", "-c1", "-W5", "b")
    before = netlab_json("fault", "ls", lab.name)
    equal(counts(lab), (2, 1))
    pid = lab.show()["wire"]["pid"]
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: lab.show()["wire"]["restarts"] == 1 and lab.show()["wire"]["state"] == "running",
             "the next wire")
    equal(netlab_json("fault", "ls", lab.name), before, "counts")
    lab.exec("a", "ping", "-4", "-c1", "-W1", "b", status=1)
    equal(counts(lab), (3, 2), "the third is the third")
    lab.exec("a", "ping", "-4", "-c1", "-W5", "b")


def test_beside_dice():
    """What the dice lose is the same with rules and without."""
    lost = {"seed": 42424242, "loss": "10%"}
    quiet = {"addressing": {"ipv6": False}}  # what IPv6 says by itself would draw, too
    lab = pair(link={**lost, "join": "wire"}, **quiet)
    plain = arrived(lab, 60)
    lab = pair([rule(DATA, "drop", nth=[7, 8]), rule(DATA, "duplicate", nth=20),
                rule(DATA, {"delay": "100ms"}, nth=30)], link=lost, **quiet)
    faulty = arrived(lab, 60)
    check(len(plain) < 60, "some are lost")
    expected = sorted(set(plain) - {7, 8} | {20})
    equal(sorted(set(faulty)), expected)


def test_idle_rule_is_named():
    path = topology(["a", "b"], [["a", "b", {"name": "wan"}]], faults=[
        rule("tcp port 1", "drop"), rule("icmp", "drop", nth=99)])
    told = netlab("run", path, "--in", "a", "--", "ping", "-4", "-c1", "-W5", "b").stderr
    matches(told, r"fault 1 \(link 'wan', tcp port 1\) has matched no packet")
    check("fault 2" not in told, told)


def test_bad_rules():
    path = topology(["a", "b"], [["a", "b", {"name": "wan"}]], faults=[rule("tcp prt 80", "drop")])
    told = netlab("check", path, status=3).stdout
    matches(told, r": /faults/0/match: error: faults: rule 1: 'tcp prt 80' .*syntax error.*at 'prt', character 5")
    matches(netlab("up", path, status=3).stderr, "tcp prt 80")
    equal(netlab_json("ls"), [])
    path = topology(["a", "b"], [["a", "b", {"name": "wan", "join": "patch"}]], faults=[rule("icmp", "drop")])
    matches(netlab("up", path, status=3).stderr, "plain patch, and has fault rules")
    path = topology(["a", "b"], [["a", "b", {"name": "wan"}]], faults=[rule("icmp", "drop")], engine="netem")
    matches(netlab("up", path, status=4).stderr, "netem cannot do fault rules")
    lab = pair()
    matches(add_fails(lab, "--match", "tcp prt 80", "--do", "drop"), "at 'prt', character 5")
    matches(add_fails(lab, "--match", "not inbound", "--do", "drop"), "which way it goes .*rules and events have 'from'")
    matches(add_fails(lab, "--from", "c", "--do", "drop", status=1), "has no node 'c'.*its nodes: a, b")
    matches(fault(lab, "add", f"{lab.name}:wam", "--do", "drop", status=1).stderr, "has no link 'wam'.*did you mean 'wan'")
    matches(add_fails(lab, "--nth", "0", "--do", "drop"), "\"0\" is no number of a packet")
    matches(fault(lab, "rm", f"{lab.name}:7", status=1).stderr, "fault 7: no such rule")
    equal(lab.link_show("wan")["join"], "patch", "nothing was changed")
    lab.exec("a", "ping", "-4", "-c1", "-W5", "b")


def add_fails(lab, *words, status=2):
    return netlab("fault", "add", f"{lab.name}:wan", *words, status=status).stderr


def test_text_that_is_none():
    """Bytes that no JSON can carry: without them the rule would be for more packets than was said."""
    lab = pair()
    for words in (["--from", "\udcff"], ["--match", "\udcff"], ["--nth", "1,\udcff"]):
        matches(add_fails(lab, "--do", "drop", *words), "a text is not valid UTF-8")
    equal(netlab_json("fault", "ls", lab.name), [])
    lab.exec("a", "ping", "-4", "-c1", "-W5", "b")


@in_vm_too
def test_netem_is_refused():
    need_netem()
    lab = pair(link={"join": "netem", "delay": "1ms"})
    told = netlab("fault", "add", f"{lab.name}:wan", "--do", "drop", status=4).stderr
    matches(told, "netem cannot do fault rules|netem, which carries it, cannot do fault rules")
    lab.exec("a", "ping", "-4", "-c1", "-W5", "b")


def test_offload_is_kept_where_asked():
    lab = pair([rule("tcp", "drop", nth=1)], link={"offload": True})
    equal(lab.show()["links"]["wan"]["offload"], True)
    check(connect(lab) > 0.9, "the first SYN was lost")


if __name__ == "__main__":
    main(globals())
