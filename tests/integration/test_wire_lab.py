# SPDX-License-Identifier: MIT
"""Labs whose links the wire carries: given to it and taken back while TCP runs, its process killed, traces
that vanish, and what 'stats' says of it all.
netlab-test: timeout=700 timed host"""
import json
import os
import signal
import subprocess
import time

from support import (IN_VM, SCRATCH, STATE, Lab, Stream, between, check, equal, have_netem, main, matches, netlab,
                     netlab_json, start, topology, wait_for)

MS = 1_000_000
LATE_NS = (15 if IN_VM else 3) * MS  # what other work on this machine, or emulating it, may add
TCP_S = 25 if IN_VM else 4
DROPPED = ("dropped_loss", "dropped_queue", "dropped_fault", "dropped_down", "dropped_host")


def pair(nodes=None, top=None, **keys):
    return topology(nodes or ["a", "b"], [["a", "b", keys]], addressing={"ipv6": False}, **(top or {}))


def stats(lab, link="a--b"):
    """Counters of a link, of which the sum must be right whenever they are read."""
    told = netlab_json("stats", lab.name)
    for name, both in told["links"].items():
        for way in ("->", "<-"):
            c = both[way]
            known = {key: value for key, value in c.items() if key in DROPPED or key == "duplicated"}
            if None not in known.values():
                equal(c["offered"], c["delivered"] - c["duplicated"] + sum(c[d] for d in DROPPED) +
                      c["queued"], f"offered to {name} {way}: {c}")
    return told["links"][link]


def log_of(lab):
    with open(os.path.join(STATE, lab.name, "supervisor.log"), encoding="utf-8") as file:
        return file.read()


def kill_wire(lab, restarts):
    """Kills the process -9 and waits for the next."""
    before = lab.show()["wire"]
    equal(before["restarts"], restarts, "restarts")
    os.kill(before["pid"], signal.SIGKILL)
    wait_for(lambda: lab.show()["wire"]["restarts"] > restarts, "the wire to run again")
    check(lab.show()["wire"]["pid"] != before["pid"], "the same process", before)


def trace(name, text):
    path = os.path.join(SCRATCH, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


# ---- between patch and wire ----

def test_patch_and_wire_under_tcp():
    lab = Lab(pair({"a": {}, "b": {"services": [{"name": "iperf", "run": ["iperf3", "-s"]}]}},
                   {"engine": "wire"}))
    wait_for(lambda: "5201" in lab.out("b", "ss", "-Hltn", "sport = :5201"), "iperf3's server")
    equal(lab.link_show("a--b")["join"], "patch", "join")
    flow = start("exec", f"{lab.name}:a", "--", "iperf3", "-J", "-c", "b", "-b", "100M", "-t", str(TCP_S),
                 stdout=subprocess.PIPE)
    wait_for(lambda: stats(lab)["->"]["bytes_offered"] > 1e6, "TCP")
    joins = []
    while flow.poll() is None:
        for words in (["set", "delay=2ms"], ["set", "delay=1ms", "jitter=100us"], ["clear"]):
            lab.link(words[0], "a--b", *words[1:])
            joins.append(lab.link_show("a--b")["join"])
            stats(lab)
            time.sleep(0.05)
    told = json.loads(flow.communicate()[0])
    equal(flow.returncode, 0, "iperf3")
    check(len(joins) >= 9, "only so many changes:", joins)
    equal(joins, ["wire", "wire", "patch"] * (len(joins) // 3), "joins")
    sent = told["end"]["sum_sent"]
    check(sent["bits_per_second"] > (20e6 if IN_VM else 95e6), "bit/s", sent["bits_per_second"])
    # Frames are held for a moment at each change, and overtaken when it leads to a patch: TCP may send again what was
    # not lost. The slower the processor, the more come by in that moment.
    check(sent["retransmits"] <= (10 if IN_VM else 1) * len(joins), sent["retransmits"], "retransmitted in", len(joins), "changes")
    both = stats(lab)
    equal({way: sum(both[way][d] for d in DROPPED) for way in ("->", "<-")}, {"->": 0, "<-": 0},
          "dropped")
    check(both["->"]["bytes_delivered"] >= sent["bytes"], "bytes", both["->"])


def test_mixed_lab():
    """One lab, every way to join."""
    links = [["a", "b"], ["b", "c", {"delay": "5ms", "join": "wire"}], ["c", "d", {"join": "wire"}]]
    if have_netem():
        links.append(["d", "e", {"delay": "3ms", "join": "netem"}])
    lab = Lab(topology({n: {"kind": "router"} for n in "abcde"[:len(links) + 1]}, links))
    joins = [link["join"] for link in lab.show()["links"].values()]
    equal(joins, ["patch", "wire", "wire", "netem"][:len(links)], "joins")
    least = 2 * (5 * MS + (3 * MS if have_netem() else 0))
    out = lab.out("a", "ping", "-n", "-c", "3", "-i", "0.1", "-W", "5", "abcde"[len(links)])
    fastest = float(out.split("= ")[1].split("/")[0]) * MS
    between(fastest, least, least + 2 * LATE_NS, "there and back")
    # a link that does nothing keeps whole what the sender has not cut up
    offloads = {name: lab.link_show(name)["offload"] for name in ("a--b", "b--c", "c--d")}
    equal(offloads, {"a--b": True, "b--c": False, "c--d": True}, "offloads")


def test_down_on_the_wire():
    lab = Lab(pair(delay="1ms", join="wire"))
    lab.link("down", "a--b", "--from", "a")
    equal(len(lab.udp("a", "b", 40)["lost"]), 40, "lost while it was down")
    equal(lab.udp("b", "a", 40)["lost"], [], "lost the other way")
    lab.link("up", "a--b")
    equal(lab.udp("a", "b", 40)["lost"], [], "lost afterwards")
    equal(stats(lab)["->"]["dropped_down"], 40, "dropped_down")
    lab.down()
    lab = Lab(pair())
    lab.link("down", "a--b", "--from", "a")
    lab.udp("a", "b", 40)
    lab.link("up", "a--b")
    lab.udp("a", "b", 60)
    there = stats(lab)["->"]
    equal((there["offered"], there["delivered"], there["dropped_down"]), (100, 60, 40), "of a patch")


# ---- its process ----

def test_killed():
    lab = Lab(topology("abc", [["a", "b", {"delay": "5ms", "loss": "1%", "join": "wire"}],
                               ["b", "c", {"join": "wire"}]], addressing={"ipv6": False}))
    lab.link("set", "a--b", "delay=8ms", "loss=0%")
    stream = Stream(lab, "a", "b", "--gap-us", 1000)
    wait_for(lambda: stats(lab)["->"]["delivered"] > 100, "packets")
    kill_wire(lab, 0)
    seen = stats(lab)["->"]["delivered"]
    wait_for(lambda: stats(lab)["->"]["delivered"] > seen + 100, "packets through the next process")
    got = stream.stop()
    lost = got["lost"]
    check(lost, "what it held was not lost")
    equal(lost, list(range(lost[0], lost[-1] + 1)), "lost at once")
    check(stats(lab)["->"]["dropped_host"] > 0, "what it held is not counted", stats(lab)["->"])
    # as it was told last, not as the file says
    now = lab.udp("a", "b", 100)
    equal(now["lost"], [], "lost afterwards")
    between(now["delay_ns"]["p50"], 8 * MS, 8 * MS + LATE_NS, "delay")
    lab.exec("b", "ping", "-n", "-c", "1", "-W", "5", "c")
    matches(log_of(lab), r"the wire was killed by signal 9; with it \d+ packets", "log")
    matches(log_of(lab), "the wire runs again", "log")
    equal(netlab_json("stats", lab.name)["wire"]["restarts"], 1, "restarts")
    equal(lab.show()["state"], "running", "state")
    lab.link("clear", "a--b")
    equal(lab.link_show("a--b")["in_force"]["->"]["delay_ns"], 5 * MS, "in force after clear")


def kill_all(lab):
    """Kills each wire that there is, until the lab has had enough."""
    def once():
        told = netlab_json("show", lab)
        if told["state"] == "running" and told["wire"]["pid"]:
            try:
                os.kill(told["wire"]["pid"], signal.SIGKILL)
            except ProcessLookupError:
                pass
        return told if told["state"] == "failed" else None
    return wait_for(once, "the lab to fail")


def test_killed_too_often():
    lab = Lab(pair(delay="5ms", join="wire"))
    told = kill_all(lab.name)
    matches(told["failure"], r"the wire died 6 times within 10 s", "failure")
    matches(netlab("show", lab.name).stdout, "(?m)^failed: the wire died 6 times", "show")
    listed = [l for l in netlab_json("ls") if l["name"] == lab.name]
    equal([l["state"] for l in listed], ["failed"], "ls")
    matches(log_of(lab), "the lab has failed: the wire died 6 times", "log")
    wait_for(lambda: all(n["state"] == "dead" for n in lab.show()["nodes"].values()), "nodes to die")
    equal(lab.exec("a", "true", status=125).stdout, "", "exec")
    lab.down()
    check(not os.path.exists(os.path.join(STATE, lab.name)), "the run directory is there")


def test_killed_too_often_in_a_run():
    """Who waits for a command hears that it ran in no lab."""
    run = start("run", pair(delay="5ms", join="wire"), "--name", "doomed", "--", "sleep", "60",
                stderr=subprocess.PIPE)
    wait_for(lambda: "doomed" in [l["name"] for l in netlab_json("ls")], "the lab")
    for _ in range(200):
        told = netlab("--json", "show", "doomed", status=None)
        if told.returncode:
            break
        wire = json.loads(told.stdout)["wire"]
        try:
            os.kill(wire["pid"], signal.SIGKILL) if wire["pid"] else None
        except ProcessLookupError:
            pass
        time.sleep(0.01)
    run.send_signal(signal.SIGTERM)  # the command's end is its own affair
    said = run.communicate(timeout=60)[1]
    equal(run.returncode, 125, said)
    matches(said, "ended before the command did", "run")


def test_dead_node():
    lab = Lab(pair(delay="5ms", join="wire"))
    os.kill(lab.pid("b"), signal.SIGKILL)
    wait_for(lambda: lab.show()["state"] == "degraded", "the lab to notice")
    done = netlab("link", "set", f"{lab.name}:a--b", "delay=1ms", status=1)
    matches(done.stderr, "link 'a--b': node 'b', one of its ends, is dead", "link set")
    equal(lab.link_show("a--b")["->"]["delay_ns"], 5 * MS, "asked")


# ---- traces ----

def test_trace_that_vanishes():
    """It is read once: what becomes of the file later changes nothing, not even for the next process."""
    path = trace("steady", "".join(f"{ms}\n" for ms in range(1, 101)))  # 1504 bytes a millisecond
    lab = Lab(pair(**{"->": {"rate": {"trace": path}, "queue": "200packets"}}))
    matches(lab.link_show("a--b")["reason"], "trace|sch_netem", "reason")
    os.unlink(path)
    lab.link("set", "a--b", "--from", "a", "delay=5ms")
    kill_wire(lab, 0)
    # 1462 bytes of payload are 1504 on the wire: one each ms
    got = lab.udp("a", "b", 150, "--raw", "--gap-us", 100, "--size", 1462)
    at = [arrived for _, _, arrived in got["arrivals"]]
    between(at[-1] - at[0], (len(at) - 1) * MS - 2 * LATE_NS, (len(at) - 1) * MS + 2 * LATE_NS,
            "ns from the first packet to the last")
    lab.link("clear", "a--b")
    done = netlab("link", "set", f"{lab.name}:a--b", f"rate=trace:{path}", status=None)
    check(done.returncode in (2, 3), "exit code", done.returncode)
    matches(done.stderr, "No such file", "link set")
    lab.down()
    done = netlab("up", pair(rate={"trace": path}), status=3)
    matches(done.stderr, "steady.*|No such file", "up")


def test_bad_traces():
    lab = Lab(pair(delay="1ms", join="wire"))
    before = lab.link_show("a--b")
    fifo = os.path.join(SCRATCH, "fifo")
    os.mkfifo(fifo)
    huge = trace("huge", "1\n")
    os.truncate(huge, 2 << 30)
    for path, what in ((trace("words", "1\n2\nthree\n"), "words:3"), (fifo, "regular file"),
                       (huge, "larger than"), (SCRATCH, "directory")):
        done = netlab("link", "set", f"{lab.name}:a--b", f"rate=trace:{path}", status=None)
        check(done.returncode in (2, 3), path, "exit code", done.returncode)
        matches(done.stderr, what, path)
    equal(lab.link_show("a--b"), before, "the link")
    equal(lab.udp("a", "b", 50)["lost"], [], "lost")


# ---- counting ----

def test_stats():
    lab = Lab(pair(join="wire", **{"->": {"delay": "2ms", "loss": "10%", "seed": 3}}))
    told = stats(lab)
    equal((told["join"], told["->"]["offered"]), ("wire", 0), "before")
    stream = Stream(lab, "a", "b", "--gap-us", 200)
    for _ in range(20):
        stats(lab)
    got = stream.stop()
    wait_for(lambda: stats(lab)["->"]["queued"] == 0, "the link to be empty")
    there, back = stats(lab)["->"], stats(lab)["<-"]
    equal(there["offered"], got["sent"], "offered")
    equal((there["dropped_loss"], there["delivered"]), (len(got["lost"]), got["copies"]), "lost, delivered")
    equal([there[key] for key in DROPPED[1:]], [0] * 4, "dropped otherwise")
    lab.link("set", "a--b", "loss=0%", "duplicate=10%")
    before, got = there, lab.udp("a", "b", 500)
    there = stats(lab)["->"]
    equal((there["delivered"] - before["delivered"], there["duplicated"]),
          (got["copies"], len(got["duplicated"])), "delivered, duplicated")
    check(0 < there["lateness_us"]["p50"] <= there["lateness_us"]["p99"] <= there["lateness_us"]["max"],
          there["lateness_us"])
    equal((back["offered"], back["lateness_us"]), (0, None), "the other way")


def test_stats_of_a_patch():
    lab = Lab(pair())
    lab.udp("a", "b", 100)
    told = netlab_json("stats", lab.name)
    check("wire" not in told, "no link needs the wire", told)
    both = stats(lab)
    equal((both["join"], both["->"]["offered"], both["->"]["delivered"], both["<-"]["offered"]),
          ("patch", 100, 100, 0), "patch")
    equal((both["->"]["lateness_us"], both["->"]["queue_limit_packets"]), (None, None), "of no meaning")


if __name__ == "__main__":
    main(globals())
