# SPDX-License-Identifier: MIT
"""Limits by cgroup, what was used, freezing: with the cgroups that this host has, with version 1 alone where it has
both, and as an ordinary user with a subtree of its own (version 2).
netlab-test: timeout=300"""
import functools
import glob
import json
import os
import pwd
import re
import subprocess
import sys
import time

from support import (IN_VM, NETLAB, SCRATCH, STATE, TOP, Lab, Skipped, between, check, equal, in_vm_too, load, main,
                     matches, netlab, netlab_json, run, start, topology, wait_for)

LIMITS = {"memory": "64mib", "cpu": 0.5, "pids": 64}
MIB = 1 << 20
# A process that takes as much memory as it is told, and a bomb that does not stop by itself.
TAKE = ("python3", "-c", "import sys; x = bytearray(int(sys.argv[1]) << 20); print(len(x))")
BOMB = ("bash", "-c", "bomb() { bomb | bomb & }; bomb; exec sleep 600")

# cgroups have no namespace: another test's labs, at the same time, must have other names.
Lab.count = os.getpid() * 100


@functools.cache
def cgroups():
    """What doctor finds, by controller: "v1 at ...", "v2 at ..."; None = not to be had."""
    found = {row["name"]: row for row in json.loads(run(NETLAB, "--json", "doctor", status=None).stdout)}
    return {use: found["cgroup-" + use]["detail"] if found["cgroup-" + use]["present"] else None
            for use in ("memory", "cpu", "pids", "freezer")}


def need(*uses):
    for use in uses:
        if not cgroups()[use]:
            raise Skipped(f"no cgroup controller '{use}' here")


def made(word):
    """Directories of cgroups in whose name the word is."""
    return [path for path, _, _ in os.walk("/sys/fs/cgroup") if word in os.path.basename(path)]


def memberships(lab, name):
    """The cgroups of what exec runs in a node, as the host sees them: in the node they are its own namespace's roots."""
    process = lab.popen(name, "sleep", "600")
    try:
        row = wait_for(lambda: [row for row in netlab_json("ps", lab.name)
                                if row["node"] == name and row["command"] == "sleep 600"], "the command")
        with open(f"/proc/{row[0]['pid']}/cgroup", encoding="ascii") as file:
            return file.read()
    finally:
        process.kill()
        process.wait(60)


def limited(**more):
    return topology({"a": {"limits": LIMITS}, "b": {}}, [["a", "b"]], **more)


def node(lab, name="a"):
    return lab.show()["nodes"][name]


@in_vm_too
def test_limits_are_set():
    need("memory", "cpu", "pids")
    lab = Lab(limited())
    said = node(lab)
    equal(said["limits"], {"memory_bytes": 64 * MIB, "cpu": 0.5, "pids": 64}, "limits")
    equal(said["usage"]["pids"], 1, "the init alone")
    between(said["usage"]["memory_bytes"], 1, 16 * MIB, "memory of an idle node")
    check("usage" not in node(lab, "b"), "nothing is counted where nothing is asked")
    # seen from outside: for the node its own cgroup is the root
    waits = lab.popen("a", "sleep", "1000")
    pid = wait_for(lambda: [p["pid"] for p in netlab_json("ps", lab.name) if p["command"] == "sleep 1000"], "it runs")
    with open(f"/proc/{pid[0]}/cgroup", encoding="utf-8") as file:
        inside = file.read()
    waits.kill()
    waits.wait()
    for use in ("memory", "cpu", "pids"):
        where = ":" if cgroups()[use].startswith("v2") else f":{use}:|:{use},|,{use}:"
        matches(inside, rf"(?m)({where}).*/netlab-{lab.name}-[0-9a-f]{{16}}/node-a$", "exec's", use)
    check("netlab-" not in memberships(lab, "b"), "b has none")
    check(made(f"netlab-{lab.name}-"), "directories while it runs")
    table = netlab("show", lab.name, "a").stdout
    matches(table, r"(?m)^LIMITED +MEMORY +PEAK +OOM KILLS +CPU TIME +CPUS +PIDS +PEAK +REFUSED$")
    matches(table, r"(?m)^a +[0-9.]+mib/64mib .* 0\.5 +1/64 ")
    matches(netlab("ps", lab.name).stdout, r"(?m)^a +[0-9.]+mib/64mib ", "ps")
    matches(netlab("plan", limited()).stdout, r"node 'a' \(host\), limits: memory 64mib, cpu 0\.5, pids 64")
    matches(netlab("plan", limited(), "--format", "json").stdout,
            r'"limits":\s*{"memory_bytes":\s*67108864,\s*"cpu":\s*0\.5,\s*"pids":\s*64}')
    matches(netlab("plan", limited(), "--format", "sh").stdout, r"(?m)^# Nor are its nodes' limits: only netlab")
    lab.down()
    equal(made(f"netlab-{lab.name}-"), [], "left of them")


@in_vm_too
def test_counting_only():
    need("memory", "pids")
    lab = Lab(topology({"a": {"limits": {}}, "b": {"limits": {"pids": 7}}}, [["a", "b"]],
                       defaults={"node": {"limits": {"pids": 33, "cpu": 2}}}))
    equal(node(lab, "a")["limits"], {"cpu": 2.0, "pids": 33}, "the defaults'")
    equal(node(lab, "b")["limits"], {"cpu": 2.0, "pids": 7}, "its own and the defaults'")
    check(node(lab)["usage"]["memory_bytes"] > 0, "memory is counted without a limit")


@in_vm_too
def test_memory():
    """Whoever takes too much is killed; nobody else, in no other node, and it is told in three places."""
    need("memory")
    path = topology({"a": {"limits": {"memory": "64mib"},
                           "services": [{"name": "idle", "run": ["sleep", "600"]}]}, "b": {}}, [["a", "b"]])
    lab = Lab(path)
    lab.exec("a", *TAKE, "20")
    equal(node(lab)["usage"]["oom_kills"], 0, "kills before")
    lab.exec("a", *TAKE, "100", status=137)
    lab.exec("b", *TAKE, "100")
    said = wait_for(lambda: node(lab)["usage"]["oom_kills"] == 1 and node(lab), "the kill to be counted")
    equal([s["state"] for s in said["services"]], ["ready"], "the node's service")
    between(said["usage"]["memory_peak_bytes"] or 64 * MIB, 60 * MIB, 64 * MIB, "peak")
    log = wait_for(lambda: open(f"{STATE}/{lab.name}/supervisor.log", encoding="utf-8").read(), "a line in the log")
    matches(log, r"node 'a' ran out of memory \(its limit is 64mib\): 1 process was killed")
    done = netlab("run", path, "--name", "told", "--in", "a", "--", *TAKE, "100", status=137)
    matches(done.stderr, r"node 'a' ran out of memory \(its limit is 64mib\): 1 process was killed", "run")
    done = netlab("run", path, "--name", "untold", "--in", "a", "--", *TAKE, "10")
    check("out of memory" not in done.stderr, "run says so without a reason:", done.stderr)


def test_many_small_ones():
    """The kernel kills the largest: that must not be the init, with which the node would go."""
    need("memory")
    small = 'x=$(head -c 400000 /dev/zero | tr "\\0" x); sleep 600 & wait'
    lab = Lab(topology({"a": {"limits": {"memory": "8mib"}, "services": [
        {"name": "hungry", "run": ["sh", "-c", f"while :; do sh -c '{small}' & sleep 0.05; done"]}]}}, []))
    wait_for(lambda: node(lab)["usage"]["oom_kills"] > 3, "kills")
    equal(node(lab)["state"], "running", "the node")
    lab.down()


@in_vm_too
def test_fork_bomb():
    """It meets its limit; the other node, and this host, go on."""
    need("pids")
    lab = Lab(limited())
    bomb = lab.popen("a", *BOMB, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for(lambda: node(lab)["usage"]["pids_refused"] > 0, "forks to be refused")
    usage = node(lab)["usage"]
    between(usage["pids"], 32, 66, "processes")  # who enters from outside is let in beyond the limit
    lab.exec("b", "ping", "-nqc3", "-i0.2", "-W5", lab.address("a"))
    lab.exec("a", "true")
    lab.exec("b", "sh", "-c", "for i in 1 2 3 4 5 6 7 8; do sleep 0.1 & done; wait")
    lab.down()
    bomb.wait(60)
    equal(made(f"netlab-{lab.name}-"), [], "left of its cgroups")


@in_vm_too
def test_cpu():
    """A tenth of a processor, with two at work: so little that a busy host, too, has it to give."""
    need("cpu")
    lab = Lab(topology({"a": {"limits": {"cpu": 0.1}}}, []))
    began = time.monotonic()
    two = [lab.popen("a", "python3", "-c", "while True: pass") for _ in range(2)]

    def held_back():
        used = node(lab)["usage"]
        return used["cpu_s"] > 0.3 and used["cpu_throttled_s"] > 0 and used

    used = wait_for(held_back, "them to be held back", 120)
    between(used["cpu_s"] / (time.monotonic() - began), 0, 0.15, "processors")
    lab.down()
    for one in two:
        equal(one.wait(60), 137, "exit")


def beats(lab, name):
    """A service's output grows as long as it runs."""
    return os.path.getsize(f"{STATE}/{lab.name}/logs/{name}/beat.log")


def stands_still(lab, name):
    """Whether there is nothing new while a node that is not frozen says three lines."""
    before, other = beats(lab, name), beats(lab, "free")
    wait_for(lambda: beats(lab, "free") > other + 5, "the other node to go on")
    return beats(lab, name) == before


def processes(lab):
    return [row for row in netlab_json("ps", lab.name) if row["node"] == "a"]


def freezing(limits):
    need("freezer")
    beat = {"services": [{"name": "beat", "run": ["sh", "-c", "while :; do echo .; sleep 0.02; done"]}]}
    lab = Lab(topology({"a": {**beat, **limits, "privileged": True}, "free": beat, "sw": {"kind": "switch"}},
                       [["a", "sw"], ["sw", "free"]]))
    # one that forks all the time, and one in a PID namespace of its own, which takes privilege
    execs = [lab.popen("a", "sh", "-c", "while :; do sh -c :; done"),
             lab.popen("a", "unshare", "-fp", "--mount-proc", "sleep", "600")]
    wait_for(lambda: len(processes(lab)) >= 6, "all of them")
    told = netlab_json("freeze", f"{lab.name}:a")
    equal(told, {"lab": lab.name, "node": "a", "state": "frozen"}, "what freeze says")
    equal(node(lab)["state"], "frozen", "state")
    check(stands_still(lab, "a"), "a frozen node's service")
    check(len(processes(lab)) >= 6 and all(row["frozen"] for row in processes(lab)), "ps", processes(lab))
    # the kernel goes on: it answers for the node
    lab.exec("free", "ping", "-nqc2", "-i0.2", "-W5", lab.address("a"))
    matches(lab.exec("a", "true", status=125).stderr, r"node 'a' is frozen \(`netlab thaw a`\)")
    netlab("freeze", f"{lab.name}:a")
    netlab("thaw", f"{lab.name}:a")
    equal(node(lab)["state"], "running", "state")
    wait_for(lambda: not stands_still(lab, "a"), "the service to go on")
    lab.exec("a", "true")
    netlab("thaw", f"{lab.name}:a")
    matches(netlab("freeze", f"{lab.name}:sw", status=2).stderr, "node 'sw' is a switch")
    matches(netlab("freeze", f"{lab.name}:x", status=1).stderr, "no node 'x'")
    # and down, while it is frozen
    netlab("freeze", f"{lab.name}:a")
    lab.down()
    for one in execs:
        one.wait(60)
    equal(made(f"netlab-{lab.name}-"), [], "left of its cgroups")


@in_vm_too
def test_freeze():
    freezing({})


@in_vm_too
def test_freeze_limited():
    need("memory", "cpu", "pids")
    freezing({"limits": {**LIMITS, "pids": 200}})


def test_freeze_with_a_shared_pid_namespace():
    """A node without a PID namespace of its own is told by its network: nothing of the others' stands still."""
    need("freezer")
    beat = {"services": [{"name": "beat", "run": ["sh", "-c", "while :; do echo .; sleep 0.02; done"]}]}
    lab = Lab(topology({"a": {**beat, "share": ["pid"]}, "c": {**beat, "share": ["pid"]}, "free": beat},
                       [["a", "c"], ["c", "free"]]))
    netlab("freeze", f"{lab.name}:a")
    check(stands_still(lab, "a"), "a frozen node's service")
    wait_for(lambda: not stands_still(lab, "c"), "another that shares the namespace") # a busy machine lets it wait
    netlab("thaw", f"{lab.name}:a")
    wait_for(lambda: not stands_still(lab, "a"), "the service to go on")


@in_vm_too
def test_kill_9_while_frozen():
    """What v1 has frozen cannot die before somebody thaws it: the next command does."""
    need("freezer")
    lab = Lab(topology(["a", "b"], [["a", "b"]]))
    netlab("freeze", f"{lab.name}:a")
    pid = lab.show()["pid"]
    os.kill(pid, 9)
    check(made(f"netlab-{lab.name}-"), "directories before anybody looks")
    wait_for(lambda: netlab_json("ls") == [] and not made(f"netlab-{lab.name}-"), "the sweep")
    wait_for(lambda: not os.listdir(STATE), "the run directory to go")


def test_two_of_one_name():
    """In two state directories: one's end is nothing to the other."""
    need("pids")
    path, other = limited(), os.path.join(SCRATCH, "other")
    os.mkdir(other, 0o700)
    netlab("up", path, "--name", "twin")
    run(NETLAB, "--state-dir", other, "up", path, "--name", "twin")
    run(NETLAB, "--state-dir", other, "down", "twin")
    equal(netlab_json("show", "twin")["nodes"]["a"]["usage"]["pids"], 1, "the first")
    netlab("exec", "twin:a", "--", "true")
    netlab("down", "twin")
    equal(made("netlab-twin-"), [], "left of both")


def hungry(**keys):
    """A service that takes all processes there may be until it is told to let go, and one that comes after it."""
    script = "for i in 1 2 3 4 5 6 7 8 9; do sleep 1000 & done; echo full; wait"
    return topology({"a": {"limits": {"pids": 12}, "services": [
        {"name": "hog", "run": ["sh", "-c", script], "ready": {"log": "full"}},
        {"name": "late", "run": ["sleep", "1001"], "after": ["hog"], **keys}]}}, [])


@in_vm_too
def test_service_without_a_process():
    """For want of a process a service is tried again by its policy; `service status` and the lab's log say why."""
    need("pids")
    why = "no more processes: the node may have 12 (limits.pids)"
    # init, shell and nine more: the twelfth is taken by what comes in from outside, which may
    lab = Lab(hungry(restart="always"))
    late = f"{lab.name}:a/late"

    def state():
        return netlab_json("service", "status", late)["services"][0]

    equal(state()["state"], "ready", "there is room for one")
    netlab("service", "stop", late)
    taker = lab.popen("a", "sleep", "1002")
    wait_for(lambda: node(lab)["usage"]["pids"] >= 12, "the last process to be taken")
    done = netlab("service", "start", late, "--timeout", "3s", status=1)
    matches(done.stderr, re.escape(f"service 'a/late' is not ready, and time is up: it could not be started: {why}"))
    said = state()
    equal((said["state"], said["cause"], said["why"], said["restarts"]), ("backing-off", "cannot-run", why, 0))
    matches(netlab("service", "status", f"{lab.name}:a").stdout, "a/late +backing-off .*" + re.escape(why))
    taker.kill()
    taker.wait()
    wait_for(lambda: state()["state"] == "ready", "it starts as soon as there is room")
    check("why" not in state(), "what is past is not told")
    lab.down()

    # one that is not to be started again fails, and so does `up`
    path = hungry()
    text = load(path)
    text["nodes"]["a"]["limits"]["pids"] = 11
    with open(path, "w", encoding="utf-8") as file:
        json.dump(text, file)
    done = netlab("up", path, "--name", "full", status=1)
    matches(done.stderr, re.escape("service 'a/late': no more processes: the node may have 11 (limits.pids)"))
    equal(netlab_json("ls"), [], "labs")


@in_vm_too
def test_failed_up_leaves_nothing():
    need("pids")
    path = topology({"a": {"limits": {"pids": 9}, "services": [{"name": "x", "run": ["/no/such/program"]}]}}, [])
    netlab("up", path, "--name", "failing", status=1)
    equal(made("netlab-failing-"), [], "left of its cgroups")


@in_vm_too
def test_version_1_alone():
    """Hosts with both versions have a v2 hierarchy without controllers: without that, all goes by version 1."""
    if IN_VM or not os.path.isdir("/sys/fs/cgroup/unified/") or not cgroups()["freezer"]:
        raise Skipped("this host has no version 1 beside another")
    if os.environ.get("NETLAB_V1_ALONE"):
        return
    names = ["test_limits_are_set", "test_memory", "test_fork_bomb", "test_freeze", "test_freeze_limited",
             "test_kill_9_while_frozen"]
    script = ('umount /sys/fs/cgroup/unified || exit; while read -r line; do case $line in *" - cgroup2 "*) exit 9;; esac; '
              'done </proc/self/mountinfo; exec "$@"')
    print(run("unshare", "-m", "--propagation", "private", "sh", "-c", script, "sh", sys.executable,
              os.path.join(TOP, "tests/integration/test_limits.py"), *names,
              env={**os.environ, "NETLAB_V1_ALONE": "1"}).stdout)


def as_user(uid, *argv, home, **options):
    return run("setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "--", "env", "-u",
               "XDG_RUNTIME_DIR", f"HOME={home}", NETLAB, "--state-dir", f"{home}/labs", *argv, **options)


def user_home():
    """An ordinary user's, who can read this test's files."""
    if os.geteuid() != 0:
        raise Skipped("needs root to become an ordinary user")
    uid = pwd.getpwnam("nobody").pw_uid
    home = os.path.join(SCRATCH, "user")
    if not os.path.isdir(home):
        os.chmod(SCRATCH, 0o755)
        os.mkdir(home, 0o700)
        os.chown(home, uid, uid)
    return uid, home


def user_may(uid, home):
    """Whether an ordinary user can have labs at all, and read the program."""
    path = topology(["a"], [])
    os.chmod(path, 0o644)
    done = as_user(uid, "run", path, "--", "true", home=home, status=None)
    if done.returncode != 0:
        raise Skipped(f"an ordinary user has no labs here: {done.stderr}")


def test_refused_without_permission():
    uid, home = user_home()
    user_may(uid, home)
    path = limited()
    os.chmod(path, 0o644)
    done = as_user(uid, "up", path, home=home, status=4)
    matches(done.stderr, r"node 'a': 'limits'.*(cannot be used|hands its children no controller).*"
            r"(run netlab as root|Delegate=yes)")
    plain = topology(["a"], [], name="plain")
    os.chmod(plain, 0o644)
    as_user(uid, "up", plain, home=home)
    try:
        done = as_user(uid, "freeze", "plain:a", home=home, status=4)
        matches(done.stderr, r"freezing node 'a': the cgroup .*run netlab as root")
        equal(json.loads(as_user(uid, "--json", "show", "plain", home=home).stdout)["nodes"]["a"]["state"], "running")
    finally:
        as_user(uid, "down", "plain", home=home)


@in_vm_too
def test_delegated():
    """Version 2: a subtree that belongs to the user is all that it takes."""
    if not (cgroups()["memory"] or "").startswith("v2"):
        raise Skipped("no cgroup v2 with controllers here")
    uid, home = user_home()
    user_may(uid, home)
    top = "/sys/fs/cgroup/user-of-netlab"
    leaf = f"{top}/leaf"
    try:
        os.makedirs(leaf)
        with open(f"{top}/cgroup.subtree_control", "w", encoding="ascii") as file:
            file.write("+memory +pids +cpu")
        for where in (top, leaf):
            for name in ("", "/cgroup.procs", "/cgroup.subtree_control"):
                os.chown(where + name, uid, uid)
        path = limited(name="delegated")
        os.chmod(path, 0o644)

        def inside(*argv, **options):
            """From within the leaf, where a user's session is."""
            return run("sh", "-c", f'echo $$ >{leaf}/cgroup.procs && exec "$@"', "sh", "setpriv", f"--reuid={uid}",
                       f"--regid={uid}", "--clear-groups", "--", "env", f"HOME={home}", NETLAB, "--state-dir",
                       f"{home}/labs", *argv, **options)

        inside("up", path)
        where = glob.glob(f"{top}/netlab-delegated-*/node-a/cgroup.procs")
        equal(len(where), 1, "cgroups of node a in the user's subtree")
        inside("exec", "delegated:a", "--", *TAKE, "100", status=137)
        usage = json.loads(inside("--json", "show", "delegated").stdout)["nodes"]["a"]["usage"]
        equal(usage["oom_kills"], 1, "kills")
        inside("freeze", "delegated:a")
        inside("freeze", "delegated:b")
        inside("thaw", "delegated:a")
        inside("exec", "delegated:a", "--", "true")
        # from outside of the subtree its processes cannot be brought in: refused, not run without limits
        done = as_user(uid, "exec", "delegated:a", "--", "true", home=home, status=125)
        matches(done.stderr, "entering the cgroups of node 'a'")
        inside("down", "delegated")
        equal(made("netlab-delegated-"), [], "left of its cgroups")
    finally:
        as_user(uid, "down", "--all", home=home)
        for where in glob.glob(f"{top}/*/") + [top]:
            if os.path.isdir(where):
                os.rmdir(where)


main(globals())
