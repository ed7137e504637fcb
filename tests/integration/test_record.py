# SPDX-License-Identifier: MIT
"""Recordings: what tshark reads in them is what happened, and nothing that befalls a recording befalls the lab.
netlab-test: timeout=300 host"""
import collections
import contextlib
import os
import signal
import subprocess

from support import (NETLAB, SCRATCH, Lab, Stream, check, equal, load, main, matches, netlab, netlab_json, run,
                     topology, wait_for)

DROPS = {"loss": "drop loss", "queue": "drop queue", "down": "drop down"}
count = 0


def new_dir():
    global count
    count += 1
    return os.path.join(SCRATCH, f"record-{count}")


def pair(engine="wire", **keys):
    return topology(["a", "b"], [["a", "b", keys]], addressing={"ipv6": False}, seed=7, engine=engine)


def read(directory):
    """The packets as tshark reads them: [(interface, comment, seconds)]."""
    out = run("tshark", "-r", f"{directory}/packets.pcapng", "-T", "fields", "-E", "separator=|",
              "-e", "frame.interface_name", "-e", "frame.comment", "-e", "frame.time_epoch").stdout
    return [tuple(line.split("|")) for line in out.splitlines()]


def decisions(directory):
    with open(f"{directory}/decisions", encoding="ascii") as file:
        lines = file.read().splitlines()
    equal(lines[0], "netlab-decisions 1")
    equal(lines[-1], f"end {len(lines) - 2}")
    return [line.split(" ") for line in lines[1:-1]]


def agree(directory, stats):
    """Packets, comments and decisions of a recording against a lab's counters."""
    packets = read(directory)
    lines = decisions(directory)
    names = {"->": "a--b: a > b", "<-": "a--b: b > a"}
    for arrow, link in stats["links"]["a--b"].items():
        if arrow not in names:
            continue
        mine = [p for p in packets if p[0] == names[arrow]]
        comments = collections.Counter()
        for _, comment, _ in mine:
            check(comment == "" or comment.startswith("netlab: "), comment)
            for cause, words in DROPS.items():
                comments[cause] += comment.count(words)
            comments["duplicated"] += "dup" in comment
            comments["corrupted"] += comment.count("corrupt=")
        equal(len(mine), link["offered"], arrow, "packets")
        for cause in DROPS:
            equal(comments[cause], link[f"dropped_{cause}"], arrow, cause)
        equal(comments["duplicated"], link["duplicated"], arrow, "duplicated")
        equal(comments["corrupted"], link["corrupted"], arrow, "corrupted")
        drops = [d for d in lines if d[1] == arrow and d[4].startswith("drop")]
        equal(len(drops), sum(p[1].startswith("netlab: drop ") for p in mine), arrow, "decisions to drop")
        times = [float(p[2]) for p in mine]
        equal(times, sorted(times), arrow, "in order")
    return packets, lines


def test_counts_and_comments():
    """All that dice and a short queue do, in both directions."""
    directory = new_dir()
    stats = f"{directory}.stats"
    path = pair(delay="2ms", loss="5%", duplicate="10%", corrupt="3%", rate="2mbit", queue="3packets")
    done = netlab("run", path, "--record", directory, "--stats", stats, "--in", "a", "--",
                  "ping", "-q", "-i", "0.003", "-c", "400", "10.0.0.1", status=None)
    check(done.returncode in (0, 1), done.stderr)
    packets, lines = agree(directory, load(stats))
    check(len(packets) > 600, len(packets))
    there = load(stats)["links"]["a--b"]["->"]
    check(there["dropped_loss"] > 0 and there["dropped_queue"] + there["duplicated"] > 0, there)
    matches(done.stderr, rf"recorded {len(packets)} packets and {len(lines)} decisions to {directory}")
    about, summary = load(f"{directory}/record.json"), load(f"{directory}/summary.json")
    equal(about["seed"], "7")
    equal(about["command"][0], "ping")
    check(summary["complete"] and summary["lost_records"] == 0, summary)
    equal(summary["packets"], len(packets))
    with open(path, encoding="utf-8") as given:
        with open(f"{directory}/topology.json", encoding="utf-8") as kept:
            equal(kept.read(), given.read())
    equal(load(f"{directory}/statistics.json")["links"], load(stats)["links"])


BURST = ("import socket\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
         "for n in range(2000): s.sendto(b'%d' % n * 100, ('10.0.0.1', 4433))")


def test_summary_and_statistics():
    """Copies and damage of what a full queue drops: all three tell the same."""
    directory = new_dir()
    stats = f"{directory}.stats"
    path = pair(delay="1ms", loss="5%", duplicate="30%", corrupt="30%", rate="20mbit", queue="10packets")
    netlab("run", path, "--record", directory, "--stats", stats, "--in", "a", "--", "python3", "-c", BURST)
    agree(directory, load(stats))
    there = load(stats)["links"]["a--b"]["->"]
    check(there["dropped_queue"] > 100 and there["duplicated"] > 100, there)
    for arrow, counted in load(f"{directory}/summary.json")["links"]["a--b"].items():
        link = load(stats)["links"]["a--b"][arrow]
        equal(counted.pop("packets"), link["offered"], arrow)
        equal(counted.pop("bytes"), link["bytes_offered"], arrow)
        for key, value in counted.items():
            equal(value, link[key], arrow, key)


def test_same_seed_same_decisions():
    """What was lost and duplicated is a function of seed and packets."""
    seen = []
    for _ in range(2):
        directory = new_dir()
        netlab("run", pair(loss="20%", duplicate="10%"), "--record", directory, "--in", "a", "--",
               "ping", "-q", "-i", "0.002", "-c", "200", "10.0.0.1", status=None)
        seen.append([d for d in decisions(directory) if d[1] == "->"])
    check(len(seen[0]) > 30, len(seen[0]))
    # the digest of a ping's payload, a time stamp, is what differs
    strip = [[(d[2], d[3].split(",data=")[0], d[4]) for d in s] for s in seen]
    equal(strip[0], strip[1])


def test_output_is_kept():
    directory = new_dir()
    path = topology({"a": {"services": [{"name": "talk", "run": ["sh", "-c", "echo said; exec sleep 60"]}]},
                     "b": {}}, [["a", "b"]])
    netlab("run", path, "--record", directory, "--", "sh", "-c",
           'until grep -q said "$NETLAB_STATE_DIR/$NETLAB_LAB/logs/a/talk.log"; do sleep 0.05; done')
    with open(f"{directory}/output/a/talk.log", encoding="ascii") as file:
        matches(file.read(), "said\n$")


def test_start_and_stop():
    """Links go to the wire and back under traffic; no packet is lost, none doubled."""
    lab = Lab(topology(["a", "b"], [["a", "b"]], addressing={"ipv6": False}))
    directory = new_dir()
    equal(lab.link_show("a--b")["join"], "patch")
    stream = Stream(lab, "a", "b", "--gap-us", 500)
    wait_for(lambda: netlab_json("stats", lab.name)["links"]["a--b"]["->"]["offered"] > 200, "traffic")
    netlab("record", "start", directory, lab.name)
    equal(lab.link_show("a--b")["join"], "wire")
    told = lab.show()["recording"]
    equal(told["state"], "recording")
    # in the wire's session it would be starved by the wire where the kernel divides processors among sessions
    wait_for(lambda: os.getsid(told["pid"]) == told["pid"], "a session of the recorder's own")
    done = netlab("record", "start", new_dir(), lab.name, status=1)
    matches(done.stderr, "being recorded already")
    check(not os.path.exists(os.path.join(SCRATCH, f"record-{count}")), "left behind")
    wait_for(lambda: lab.show()["recording"]["packets"] > 500, "packets")
    told = netlab_json("record", "stop", lab.name)
    equal(lab.link_show("a--b")["join"], "patch")
    got = stream.stop()
    equal(got["lost"], [], "lost")
    equal(got["duplicated"], [], "duplicated")
    equal(told["state"], "ended")
    equal(len(read(directory)), told["packets"])
    # again, into another directory
    netlab("record", "start", new_dir(), lab.name)
    lab.exec("a", "ping", "-c", "3", "-i", "0.01", "10.0.0.1")
    told = netlab_json("record", "stop", lab.name)
    equal(told["packets"], 6)
    lab.down()


def test_down_ends_a_recording_in_order():
    lab = Lab(pair())
    directory = new_dir()
    netlab("record", "start", directory, lab.name)
    lab.exec("a", "ping", "-c", "3", "-i", "0.01", "10.0.0.1")
    lab.down()
    check(load(f"{directory}/summary.json")["complete"])
    equal(len(read(directory)), 6)


def test_cut_link_is_recorded():
    directory = new_dir()
    lab = Lab(pair())
    netlab("record", "start", directory, lab.name)
    lab.link("down", "a--b", "--from", "a")
    lab.exec("a", "ping", "-c", "3", "-i", "0.2", "-W", "0.2", "10.0.0.1", status=1)
    netlab("record", "stop", lab.name)
    equal([d[4:] for d in decisions(directory)], [["drop", "down"]] * 3)
    lab.down()


def pids(lab):
    shown = lab.show()
    return shown["recording"]["pid"], shown["wire"]["pid"]


def test_killed_recorder_and_wire():
    """The lab goes on; the recording says that it is not whole."""
    for victim, why in ((0, "recorder was killed by signal 9"), (1, "the wire was killed")):
        lab = Lab(pair(delay="1ms"))
        directory = new_dir()
        netlab("record", "start", directory, lab.name)
        lab.exec("a", "ping", "-c", "3", "-i", "0.01", "10.0.0.1")
        os.kill(pids(lab)[victim], signal.SIGKILL)
        wait_for(lambda: lab.show()["recording"]["state"] == "failed", "the end of the recording")
        wait_for(lambda: lab.exec("a", "ping", "-c", "1", "-W", "1", "10.0.0.1", status=None).returncode == 0,
                 "the lab to go on")
        done = netlab("record", "stop", lab.name, status=1)
        matches(done.stderr, f"incomplete: .*{why}")
        check(not os.path.exists(f"{directory}/summary.json") or
              not load(f"{directory}/summary.json")["complete"], "complete")
        # the next one is none the worse
        netlab("record", "start", new_dir(), lab.name)
        lab.exec("a", "ping", "-c", "1", "10.0.0.1")
        netlab("record", "stop", lab.name)
        lab.down()


@contextlib.contextmanager
def tmpfs(options):
    where = new_dir()
    os.mkdir(where)
    run("mount", "-t", "tmpfs", "-o", options, "tmpfs", where)
    try:
        yield where
    finally:
        run("umount", where)


def test_full_disk():
    with tmpfs("size=256k") as where:
        done = netlab("run", pair(), "--record", f"{where}/rec", "--in", "a", "--",
                      "ping", "-q", "-i", "0.002", "-s", "1400", "-c", "400", "10.0.0.1", status=125)
        matches(done.stdout, "400 received")
        matches(done.stderr, r"recording to '.*/rec': the recording is incomplete: .*No space left on device")
    with tmpfs("size=64k,ro") as where:
        done = netlab("run", pair(), "--record", f"{where}/rec", "--", "true", status=125)
        matches(done.stderr, r"recording to '.*/rec': Read-only file system")
        lab = Lab(pair())
        matches(netlab("record", "start", where, lab.name, status=1).stderr,
                f"recording to '{where}': writing 'topology.json': Read-only file system")
        lab.down()


def test_refusals():
    directory = new_dir()
    os.mkdir(directory)
    with open(f"{directory}/mine", "w", encoding="ascii") as file:
        file.write("mine")
    done = netlab("run", pair(), "--record", directory, "--", "true", status=125)
    matches(done.stderr, "not empty")
    equal(os.listdir(directory), ["mine"])
    # an empty one that was there stays when there is nothing to record
    os.unlink(f"{directory}/mine")
    netlab("run", pair(), "--record", directory, "--timeout", "1ms", "--", "true", status=125)
    equal(os.listdir(directory), [])
    # JSON cannot say this command: the recording does without, and a replay wants to be told
    netlab("run", pair(), "--record", directory, "--", "test", "\udcff")
    equal(load(f"{directory}/record.json")["command"], None)
    matches(netlab("replay", directory, status=125).stderr, "does not say its command .*write it after --")
    done = netlab("run", pair(engine="netem", delay="1ms"), "--record", new_dir(), "--", "true", status=125)
    matches(done.stderr, "asks for netem, in the kernel, where packets cannot be recorded")
    check(not os.path.exists(os.path.join(SCRATCH, f"record-{count}")), "left behind")
    path = topology(["a", "b"], [["a", "b", {"join": "netem", "delay": "1ms"}]])
    done = netlab("run", path, "--record", new_dir(), "--", "true", status=125)
    matches(done.stderr, 'link .a--b.: its "join" asks for netem')
    netlab("run", pair(), "--record", "/nonexistent/x", "--", "true", status=125)
    lab = Lab(pair())
    matches(netlab("record", "stop", lab.name, status=1).stderr, "not being recorded")
    netlab("record", "start", status=2)
    netlab("record", "stop", lab.name, "x", status=2)
    netlab("record", "begin", status=2)
    netlab("record", "start", "/nonexistent/x", lab.name, status=1)
    lab.down()
    matches(netlab("record", "stop", "nosuch", status=1).stderr, "not running")


def test_bundle():
    """Kept when the run fails, whatever the reason; nothing is left of one that does not."""
    for command, status, why, time in ((["sh", "-c", "exit 3"], 3, "exit code", "100s"),
                                       (["sleep", "200"], 124, "timeout", "3s")):
        directory = new_dir()
        done = netlab("run", pair(loss="20%"), "--bundle", directory, "--timeout", time, "--", *command, status=status)
        matches(done.stderr, f"what is known of this failure is in {directory}")
        repro = load(f"{directory}/repro.json")
        equal((repro["why"], repro["exit_code"], repro["seed"], repro["command"]), (why, status, 7, command))
        equal(repro["replay"], ["netlab", "replay", ".", "--timeout", time])
        check(load(f"{directory}/summary.json")["complete"])
        check(load(f"{directory}/show.json")["nodes"]["a"])
        check(load(f"{directory}/statistics.json")["links"])
        with open(f"{directory}/nodes/a.txt", encoding="utf-8") as file:
            text = file.read()
        for pattern in (r"(?m)^\$ ip -s address$", r"inet 10\.0\.0\.0/31", r"(?m)^\$ ip neighbour$", "PERMANENT",
                        r"(?m)^\$ tc -s qdisc$"):
            matches(text, pattern)
    netlab("replay", directory, "--timeout", "100s", "--", "true")
    directory = new_dir()
    done = netlab("run", pair(), "--bundle", directory, "--", "true")
    check(not os.path.exists(directory), "left behind")
    check("failure" not in done.stderr and directory not in done.stderr, done.stderr)
    netlab("run", pair(), "--bundle", directory, "--record", new_dir(), "--", "true", status=125)
    path = topology(["a", "b"], [["a", "b", {"join": "patch"}]], addressing={"ipv6": False},
                    timeline=[{"at": "10ms", "exec": {"node": "a", "run": ["/nonexistent"]}}])
    netlab("run", path, "--bundle", directory, "--", "sleep", "0.5")
    equal(load(f"{directory}/repro.json")["why"], "timeline")
    # a lab that is not there any more tells nothing, but its recording does
    directory = new_dir()
    lab = topology(["a", "b"], [["a", "b"]], name="gone")
    done = netlab("run", lab, "--bundle", directory, "--", NETLAB, "down", "gone", status=125)
    matches(done.stderr, f"what is known of this failure is in {directory}\n.*ended before the command did")
    equal(load(f"{directory}/repro.json")["why"], "the lab ended")
    check(load(f"{directory}/summary.json")["complete"])


def test_rootless():
    """Without root the files are the caller's."""
    if os.geteuid() != 0:
        return
    directory = new_dir()
    os.mkdir(directory, 0o777)
    os.chmod(directory, 0o777)
    os.chmod(SCRATCH, 0o755)
    path = pair()
    os.chmod(path, 0o644)
    env = {"PATH": os.environ["PATH"], "HOME": "/"}
    from support import NETLAB  # pylint: disable=import-outside-toplevel
    done = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", NETLAB,
                           "--state-dir", f"{directory}/state", "run", path, "--record", f"{directory}/rec",
                           "--in", "a", "--", "ping", "-q", "-c", "2", "-i", "0.01", "10.0.0.1"],
                          env=env, text=True, capture_output=True, check=False, stdin=subprocess.DEVNULL)
    if "user namespaces" in done.stderr:
        return
    equal(done.returncode, 0, done.stderr)
    equal(os.stat(f"{directory}/rec/packets.pcapng").st_uid, 65534)
    equal(len(read(f"{directory}/rec")), 4)


if __name__ == "__main__":
    main(globals())
