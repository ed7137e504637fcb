# SPDX-License-Identifier: MIT
"""Our nodes and other tools: `ip netns` by --netns-names, nsenter by pid.
netlab-test: timeout=900 host"""
import json
import os
import signal
import subprocess

from support import (NETLAB, SCRATCH, STATE, Lab, check, equal, main, matches, netlab, run,
                     topology, wait_for)

NAMES = "/run/netns"


def pair(name):
    return topology({"a": {}, "b": {}}, [["a", "b"]], name=name)


def names(lab):
    return sorted(n for n in (os.listdir(NAMES) if os.path.isdir(NAMES) else [])
                  if n.startswith(f"{lab}--"))


def lab_name(suffix=""):
    return f"netnstest{os.getpid()}{suffix}"


def test_ip_netns():
    lab = lab_name()
    netlab("up", pair(lab), "--netns-names")
    equal(names(lab), [f"{lab}--a", f"{lab}--b"], "names")
    out = json.loads(run("ip", "-n", f"{lab}--a", "-j", "addr", "show", "eth0").stdout)
    local = [a["local"] for a in out[0]["addr_info"] if a["family"] == "inet"]
    want = netlab("exec", f"{lab}:a", "--", "ip", "-4", "-br", "addr", "show", "eth0").stdout
    check(local[0] in want, "the address that ip -n shows", local, want)
    other = netlab("exec", f"{lab}:b", "--", "hostname", "-I").stdout.split()
    run("ip", "netns", "exec", f"{lab}--a", "ping", "-nqc1", "-W5", other[0])
    matches(run("ip", "netns", "list").stdout, f"(?m)^{lab}--a")
    sleeper = subprocess.Popen([NETLAB, "--state-dir", STATE, "exec", f"{lab}:a", "--", "sleep", "999"])
    wait_for(lambda: len(run("ip", "netns", "pids", f"{lab}--a").stdout.split()) >= 3, "ip netns pids")
    mounts = run("cat", "/proc/self/mountinfo").stdout
    check(lab not in mounts.replace(STATE, ""), "no mount is made")
    netlab("down", lab)
    sleeper.wait(timeout=60)
    equal(names(lab), [], "names after down")
    # off by default
    netlab("up", pair(lab))
    equal(names(lab), [], "names without the option")
    netlab("down", lab)
    out = netlab("run", pair(lab), "--netns-names", "--", "ip", "netns", "exec", f"{lab}--b", "ip",
                 "-br", "link").stdout
    matches(out, "(?m)^eth0")
    equal(names(lab), [], "names after run")


def test_nsenter():
    lab = Lab(topology({"a": {"hostname": "alpha"}, "b": {}}, [["a", "b"]]))
    inside = run("nsenter", "-t", lab.pid("a"), "-a", "sh", "-c",
                 "hostname; ip -br link show eth0; echo /proc/[0-9]*; ping -nqc1 -W5 b; echo >/dev/null").stdout
    matches(inside, "^alpha\n")
    matches(inside, "(?m)^eth0")
    equal(len([w for w in inside.split() if w.startswith("/proc/")]), 2, "processes seen", inside)


def kill(lab):
    pid = json.loads(netlab("--json", "show", lab).stdout)["pid"]
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not os.path.exists(f"/proc/{pid}"), "the supervisor's end")


def test_swept_after_kill():
    lab = lab_name()
    netlab("up", pair(lab), "--netns-names")
    kill(lab)
    # what is left keeps nothing alive: it leads nowhere
    for name in names(lab):
        check(not os.path.exists(f"{NAMES}/{name}"), name, "still leads somewhere")
    equal(len(names(lab)), 2, "links until somebody looks")
    equal(netlab("ls").stdout.count(lab), 0, "labs")
    wait_for(lambda: netlab("ls") and not names(lab), "the sweep")
    # up again right away, without a look in between
    netlab("up", pair(lab), "--netns-names")
    kill(lab)
    netlab("up", pair(lab), "--netns-names")
    equal(len(names(lab)), 2, "names")
    run("ip", "-n", f"{lab}--a", "link", "show", "eth0")
    netlab("down", lab)
    equal(names(lab), [], "names after down")
    # from another state directory a dead lab's names are taken over, a living one's are not
    other = os.path.join(SCRATCH, "other")
    netlab("up", pair(lab), "--netns-names")
    done = run(NETLAB, "--state-dir", other, "up", pair(lab), "--netns-names", status=1)
    matches(done.stderr, f"{lab}--a' in /run/netns: File exists")
    matches(done.stderr, "--name")
    equal(run(NETLAB, "--state-dir", other, "ls").stdout.count(lab), 0, "labs there")
    run("ip", "-n", f"{lab}--a", "link", "show", "eth0")
    kill(lab)
    run(NETLAB, "--state-dir", other, "up", pair(lab), "--netns-names")
    netlab("ls")  # sweeps the dead one, which must not take the names of the living
    run("ip", "-n", f"{lab}--a", "link", "show", "eth0")
    run(NETLAB, "--state-dir", other, "down", "--all")
    equal(names(lab), [], "names after the other's down")


def test_somebody_elses_name():
    lab = lab_name()
    os.makedirs(NAMES, exist_ok=True)
    taken = f"{NAMES}/{lab}--b"
    with open(taken, "w", encoding="utf-8"):
        pass
    try:
        done = netlab("up", pair(lab), "--netns-names", status=1)
        matches(done.stderr, f"{lab}--b")
        check(os.path.exists(taken), "somebody else's name is gone")
        equal(names(lab), [f"{lab}--b"], "what failed is undone")
        equal(netlab("ls").stdout.count(lab), 0, "labs")
    finally:
        os.unlink(taken)


def test_without_root():
    if os.geteuid() != 0:
        return
    copy = "/tmp/" + lab_name()
    os.mkdir(copy, 0o755)
    try:
        run("cp", NETLAB, f"{copy}/netlab")
        path = pair(lab_name("u"))
        run("install", "-m", "644", path, f"{copy}/t.json")
        os.mkdir(f"{copy}/state", 0o700)
        os.chown(f"{copy}/state", 65534, 65534)
        as_user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        lab = [f"{copy}/netlab", "--state-dir", f"{copy}/state"]
        done = run(*as_user, *lab, "up", f"{copy}/t.json", "--netns-names", status=4)
        matches(done.stderr, "need root")
        matches(done.stderr, "nsenter")
        done = run(*as_user, "unshare", "-Ur", *lab, "up", f"{copy}/t.json", "--netns-names", status=4)
        matches(done.stderr, "only the host's root can")
        equal(names(lab_name("u")), [], "names")
        # nsenter works for who started the lab
        run(*as_user, *lab, "up", f"{copy}/t.json")
        pid = json.loads(run(*as_user, *lab, "--json", "show").stdout)["nodes"]["a"]["pid"]
        out = run(*as_user, "nsenter", "-t", pid, *"-U -m -u -i -n -p".split(),
                  "--preserve-credentials", "ip", "-br",
                  "link").stdout
        matches(out, "(?m)^eth0")
        run(*as_user, *lab, "down")
    finally:
        run("rm", "-rf", copy)


if __name__ == "__main__":
    main(globals())
