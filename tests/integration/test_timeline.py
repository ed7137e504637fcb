# SPDX-License-Identifier: MIT
"""The timeline: times, ramps, commands, triggers; and the files and expressions that a topology names.
netlab-test: timeout=700 timed"""
import os
import re
import time

from support import (IN_VM, SCRATCH, Lab, Stream, between, check, equal, have_netem, in_vm_too, main, matches,
                     netlab, netlab_json, run, topology, wait_for)

LATE_MS = 40 if IN_VM else 6  # what a busy machine adds to a round trip


def engines():
    return ["wire"] + (["netem"] if have_netem() else [])


def pair(events, link=None, nodes=None, **more):
    return topology(nodes or {"a": {}, "b": {}}, [["a", "b", {"name": "ab", **(link or {})}]],
                    timeline=events, addressing={"ipv6": False}, **more)


def timeline(lab):
    return lab.show()["timeline"]


def wait_event(lab, number, state="done"):
    """Waits until an event (from 1) has that state; returns it."""
    def look():
        event = timeline(lab)[number - 1]
        return event if event["state"] == state else None
    return wait_for(look, f"event {number} to be {state}: {timeline(lab)[number - 1]}", seconds=20)


def round_trip(lab, count=3):
    out = lab.out("a", "ping", "-n", "-c", count, "-i", "0.02", "-W", "5", lab.address("b"))
    return float(re.search(r"= [\d.]+/([\d.]+)/", out).group(1))


def answers(lab):
    return lab.exec("a", "ping", "-n", "-c", "1", "-W", "1", lab.address("b"), status=None).returncode == 0


# --- times ---

def test_down_and_up():
    # the order in the file is free
    lab = Lab(pair([{"at": "2s", "link": "ab", "up": True}, {"at": "1s", "link": "ab", "from": "a", "down": True}]))
    stream = Stream(lab, "a", "b", "--gap-us", "1000")
    back = Stream(lab, "b", "a", "--gap-us", "1000")
    wait_event(lab, 1)
    time.sleep(0.2)
    sent, returned = stream.stop(), back.stop()
    told = timeline(lab)
    between(told[1]["began_ms"], 1000, 1100, "the cut")
    between(told[0]["began_ms"], 2000, 2100, "its end")
    # a second of packets, one a millisecond, is missing, in one piece, and only in that direction
    lost = sent["lost"]
    between(len(lost), 700, 1150, "lost while down")
    equal(lost, list(range(lost[0], lost[0] + len(lost))), "lost in a row")
    equal(returned["lost"], [], "lost the other way")
    log = netlab("logs", status=None)
    equal(log.returncode, 0)


def test_carrier_and_clear():
    lab = Lab(pair([{"at": "300ms", "link": "ab", "carrier": False}, {"at": "900ms", "link": "ab", "clear": True}]))
    wait_event(lab, 1)
    matches(lab.out("a", "cat", "/sys/class/net/eth0/carrier"), "^0$", "carrier")
    wait_event(lab, 2)
    matches(lab.out("a", "cat", "/sys/class/net/eth0/carrier"), "^1$", "carrier after clear")
    check(answers(lab), "mended")


@in_vm_too
def test_delay_at_a_time():
    for engine in engines():
        lab = Lab(pair([{"at": "1s", "link": "ab", "delay": "30ms"},
                        {"at": "2s", "link": "ab", "from": "b", "delay": "60ms"},
                        {"at": "3s", "link": "ab", "clear": True}],
                       {"delay": "5ms"}, engine=engine))
        equal(lab.link_show("ab")["join"], engine, "who carries it")
        between(round_trip(lab), 10, 10 + LATE_MS, "before")
        wait_event(lab, 1)
        between(round_trip(lab), 60, 60 + LATE_MS, "after 1 s")
        wait_event(lab, 2)
        between(round_trip(lab), 90, 90 + LATE_MS, "after 2 s")
        wait_event(lab, 3)
        between(round_trip(lab), 10, 10 + LATE_MS, "cleared")
        lab.down()


@in_vm_too
def test_ramp():
    for engine in engines():
        lab = Lab(pair([{"at": "500ms", "link": "ab", "delay": "105ms", "loss": "50%", "distribution": "normal",
                         "jitter": "1ms", "ramp": "2s"}],
                       {"delay": "5ms"}, engine=engine))
        seen = []
        while True:
            event = timeline(lab)[0]
            seen.append((event["state"], lab.link_show("ab")["->"]["delay_ns"] / 1e6))
            if event["state"] == "done":
                break
            check(event["state"] != "failed", event)
            time.sleep(0.05)
        delays = [delay for _, delay in seen]
        equal(delays, sorted(delays), "it only rises")
        equal(delays[-1], 105.0, "and ends where it should")
        between(len(set(delays)), 3 if IN_VM else 10, 43, "different delays on the way")
        last = lab.link_show("ab")
        for arrow in ("->", "<-"):
            equal(last[arrow]["loss"], {"random": 0.5}, "loss")
            equal(last[arrow]["distribution"], "normal")
            equal(last[arrow]["jitter_ns"], 1000000)
        equal(timeline(lab)[0]["ramp_ms"], 2000)
        lab.down()


@in_vm_too
def test_ramp_is_ended_by_a_later_event():
    lab = Lab(pair([{"at": "200ms", "link": "ab", "delay": "10s", "loss": "80%", "ramp": "10m"},
                    {"at": "600ms", "link": "ab", "delay": "1ms"}], {"delay": "2ms"}, engine="wire"))
    wait_event(lab, 2)
    first = lab.link_show("ab")["->"]
    equal(first["delay_ns"], 1000000, "the later event's")
    rising = wait_for(lambda: lab.link_show("ab")["->"]["loss"]["random"] > first["loss"]["random"],
                      "the rest of the ramp to go on")
    check(rising)
    equal(lab.link_show("ab")["->"]["delay_ns"], 1000000, "still the later event's")
    equal(timeline(lab)[0]["state"], "running")
    # a clear ends all of it
    lab.down()  # and going down does not wait ten minutes


@in_vm_too
def test_ramp_of_a_rate():
    lab = Lab(pair([{"at": "300ms", "link": "ab", "rate": "2mbit", "ramp": "400ms"}], {"rate": "10mbit"}, engine="wire"))
    wait_event(lab, 1)
    equal(lab.link_show("ab")["<-"]["rate_bps"], 2000000, "rate")


# --- commands ---

def test_exec():
    nodes = {"a": {"env": {"WHO": "me"}, "cwd": "/usr"}, "b": {}}
    lab = Lab(pair([{"at": "200ms", "exec": {"node": "a", "run": ["sh", "-c", "echo $WHO in $PWD; ip -br link show eth0"]}},
                    {"at": "300ms", "exec": {"node": "b", "run": ["sh", "-c", "echo oh no >&2; exit 7"]}},
                    {"at": "300ms", "exec": {"node": "b", "run": ["/no/such/program"]}},
                    {"at": "300ms", "exec": {"node": "b", "run": ["sh", "-c", "kill -9 $$"]}},
                    {"at": "400ms", "exec": {"node": "a", "run": ["sleep", "1000"]}}], nodes=nodes))
    equal(wait_event(lab, 1)["exit_code"], 0)
    out = netlab("logs", f"{lab.name}:a/timeline--1").stdout
    matches(out, r"^me in /usr\neth0@")
    event = wait_event(lab, 2, "failed")
    equal((event["exit_code"], event["done"]), (7, False))
    matches(event["error"], "exit code 7")
    matches(netlab("logs", f"{lab.name}:b/timeline--2").stdout, "^oh no\n$")
    matches(wait_event(lab, 3, "failed")["error"], "/no/such/program.*No such file")
    matches(wait_event(lab, 4, "failed")["error"], "signal 9")
    wait_event(lab, 5, "running")
    matches(netlab("logs").stdout, r"(?m)^b/timeline--2 \| oh no$")
    matches(netlab("show", lab.name).stdout, r"(?m)^ +2 +0\.300s +exec in b: sh .* failed .*exit code 7$")
    began = time.monotonic()
    lab.down()  # the sleep is ended as a service is
    check(time.monotonic() - began < 5, "down took long")


def test_dead_node():
    lab = Lab(pair([{"at": "1500ms", "exec": {"node": "b", "run": ["true"]}},
                    {"at": "1500ms", "link": "ab", "down": True}]))
    run("kill", "-9", lab.pid("b"))
    matches(wait_event(lab, 1, "failed")["error"], "died")
    wait_for(lambda: timeline(lab)[1]["state"] in ("done", "failed"), "the other event")


def test_run_says_what_failed():
    path = pair([{"at": "100ms", "exec": {"node": "a", "run": ["false"]}},
                 {"at": "150ms", "exec": {"node": "a", "run": ["true"]}}, {"at": "1h", "link": "ab", "down": True}])
    done = netlab("run", path, "--", "sleep", "0.6", status=0)
    matches(done.stderr, r"timeline: event 1 \(exec in 'a'\) failed: the command failed with exit code 1")
    check("event 2" not in done.stderr and "event 3" not in done.stderr, done.stderr)


# --- triggers ---

def test_log_trigger():
    service = {"name": "web", "run": ["sh", "-c", "echo up; echo half; sleep 0.7; echo go 42; sleep 9"]}
    lab = Lab(pair([{"when": {"log": ["a/web", "^go [0-9]+$"]}, "link": "ab", "down": True},
                    {"when": {"log": ["a/web", "^up$"]}, "exec": {"node": "b", "run": ["true"]}},
                    {"when": {"log": ["a/web", "^never"]}, "link": "ab", "delay": "1s"}],
                   nodes={"a": {"services": [service]}, "b": {}}))
    # said before the lab was ready, or just after
    between(wait_event(lab, 2)["began_ms"], 0, 600, "the first line")
    event = wait_event(lab, 1)
    between(event["began_ms"], 500, 3000, "the later line")
    equal(event["when"], {"log": ["a/web", "^go [0-9]+$"]})
    check(not answers(lab), "the link is down")
    equal(timeline(lab)[2]["state"], "waiting")


def test_packet_trigger():
    lab = Lab(pair([{"when": {"packet": ["ab", "udp dst port 7777", 5]}, "link": "ab", "from": "a", "down": True},
                    {"when": {"packet": ["ab", "icmp[icmptype] == icmp-echo", 3]}, "exec": {"node": "b", "run": ["true"]}},
                    {"when": {"packet": ["ab", "tcp dst port 9", 1]}, "link": "ab", "down": True}]))
    out = lab.exec("a", "ping", "-n", "-c", "2", "-i", "0.05", lab.address("b")).stdout
    matches(out, "2 received")
    equal(timeline(lab)[1]["state"], "waiting", "after two")
    check(answers(lab), "the third passes")
    wait_event(lab, 2)
    for number in range(4):
        lab.out("b", "python3", "-c", "import socket\n"
                f"socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('{lab.address('a')}', 7777))")
    equal(timeline(lab)[0]["state"], "waiting", "after four")
    # either end counts
    lab.out("a", "python3", "-c", "import socket\n"
            f"socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('{lab.address('b')}', 7777))")
    wait_event(lab, 1)
    check(not answers(lab), "cut")
    equal(timeline(lab)[2]["state"], "waiting")


def test_packet_trigger_counts_a_flood():
    lab = Lab(pair([{"when": {"packet": ["ab", "udp", 20000]}, "exec": {"node": "b", "run": ["true"]}},
                    {"when": {"packet": ["ab", "udp", 20001]}, "exec": {"node": "b", "run": ["true"]}}]))
    lab.udp("a", "b", 20000, "--gap-us", 10)
    wait_event(lab, 1)
    time.sleep(0.2)
    equal(timeline(lab)[1]["state"], "waiting", "one less than asked")


def test_packet_trigger_on_the_wire():
    lab = Lab(pair([{"when": {"packet": ["ab", None, 4]}, "link": "ab", "delay": "20ms"}], {"delay": "1ms"}, engine="wire"))
    round_trip(lab)
    wait_event(lab, 1)
    between(round_trip(lab), 40, 40 + LATE_MS, "round trip")


# --- traces ---

@in_vm_too
def test_trace_at_a_time():
    """Read when the lab comes up: the file may be gone by then."""
    path = os.path.join(SCRATCH, "later.trace")
    with open(path, "w", encoding="utf-8") as file:
        file.write("".join(f"{ms}\n" for ms in range(4, 1001, 4)))  # 3 Mbit/s
    lab = Lab(pair([{"at": "700ms", "link": "ab", "from": "a", "rate": {"trace": "later.trace"}}], {"delay": "1ms"}))
    os.unlink(path)
    wait_event(lab, 1)
    told = lab.link_show("ab")
    equal(told["->"]["rate_trace"], {"trace": path, "loop": True})
    equal(told["join"], "wire")
    # 100 packets of 1504 bytes, an opportunity each, 4 ms apart
    stats = lab.udp("a", "b", 100, "--gap-us", 100, "--size", 1400)
    equal(stats["lost"], [])
    # the last one waits 400 ms less what it was sent after the first: 10 ms, more on a busy machine
    between(stats["delay_ns"]["max"] / 1e6, 250, 405 + LATE_MS, "the last one's wait")


def test_link_set_counts_from_here():
    lab = Lab(topology(["a", "b"], [["a", "b", {"name": "ab", "delay": "1ms"}]], engine="wire"))
    with open(os.path.join(SCRATCH, "here.trace"), "w", encoding="utf-8") as file:
        file.write("1\n2\n")
    netlab("link", "set", f"{lab.name}:ab", "--from", "b", "rate=trace:here.trace,once", cwd=SCRATCH)
    told = lab.link_show("ab")
    equal(told["<-"]["rate_trace"], {"trace": os.path.join(SCRATCH, "here.trace"), "loop": False})
    check("rate_trace" not in told["->"], told)
    done = netlab("link", "set", f"{lab.name}:ab", "rate=trace:no-such.trace", cwd=SCRATCH, status=None)
    check(done.returncode not in (0, 1), done.returncode)
    matches(done.stderr, r"no-such\.trace.*No such file")
    equal(lab.link_show("ab")["<-"]["rate_trace"], told["<-"]["rate_trace"], "kept")


# --- what cannot be ---

def refused(path, pattern, where=None):
    """check and up say the same, with exit code 3."""
    done = netlab("check", path, status=3)
    matches(done.stdout, pattern, "check")
    up = netlab("up", path, "--name", "bad", status=3)
    matches(up.stderr, pattern, "up")
    if where:
        equal(netlab_json("check", path, status=3)["errors"][0]["where"], where, "where")
    equal(netlab_json("ls"), [], "labs")


def test_bad_expression():
    refused(pair([{"when": {"packet": ["ab", "tpc port 80"]}, "link": "ab", "down": True}]),
            "event 1: 'tpc port 80' is no pcap expression")


def test_bad_traces():
    def traced(text, name="t.trace"):
        path = os.path.join(SCRATCH, name)
        if text is not None:
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        return topology(["a", "b"], [["a", "b", {"->": {"rate": {"trace": name}}}]], engine="wire"), path

    for text, pattern, line in (("1\n2\nfast\n4\n", "a line without a number", ":3"), ("", "no opportunity", None),
                                ("5\n4\n", "out of order", ":2"), ("1 2\n", "with text", ":1")):
        topo, path = traced(text)
        refused(topo, pattern, line and path + line)
    topo, path = traced(None, "missing.trace")
    refused(topo, "No such file", path)
    topo, path = traced("1\n", "big.trace")
    os.truncate(path, 2 << 30)
    refused(topo, "larger than 256 MiB", path)
    topo, _ = traced(None, ".")
    refused(topo, "directory")


def test_event_that_cannot_be_done():
    # only known when it comes: a trigger's
    lab = Lab(pair([{"when": {"packet": ["ab", "icmp"]}, "link": "ab", "overhead": 4}, {"at": "0s", "link": "ab", "loss": "1%"}],
                   engine="wire"))
    lab.exec("a", "ping", "-n", "-c", "1", lab.address("b"), status=None)
    matches(wait_event(lab, 1, "failed")["error"], "'overhead' needs 'rate'")
    equal(timeline(lab)[1]["state"], "done", "the others")


if __name__ == "__main__":
    main(globals())
