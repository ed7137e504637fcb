# SPDX-License-Identifier: MIT
"""Labs that come and go leave nothing: no process, mount, namespace, control group, file, and no object of the kernel's.
netlab-test: timeout=900 serial

NETLAB_CYCLES says how often (default 30; docs/performance.md has what 1,000 gave). A leak of one object a lab, wherever
it is, shows as a growth of as many objects as there were labs: half of that fails."""
import contextlib
import glob
import os
import subprocess

from support import (IN_VM, SCRATCH, STATE, Failed, check, equal, in_vm_too, main, netlab, netlab_json, run,
                     topology, wait_for)

CYCLES = int(os.environ.get("NETLAB_CYCLES", "16" if IN_VM else "30"))
# Slabs that a lab fills. Others (dentries, inodes, skbuffs) are caches, which the kernel empties when it needs the room.
SLABS = ("net_namespace", "pid_namespace", "uts_namespace", "mnt_cache", "nsproxy", "pid", "cred_jar", "task_struct",
         "user_namespace", "sock_inode_cache", "UNIX", "PACKET")


def slabs():
    """Objects in use; what the kernel frees later (RCU, work queues) is waited for by the caller. A processor's own slabs
    count as full until they are given back."""
    for name in SLABS:
        with contextlib.suppress(OSError), open(f"/sys/kernel/slab/{name}/shrink", "w", encoding="ascii") as file:
            file.write("1")
    with open("/proc/slabinfo", encoding="ascii") as file:
        rows = [line.split() for line in file][2:]
    return {row[0]: int(row[1]) for row in rows if row[0] in SLABS}


def processes():
    return sum(entry.isdigit() for entry in os.listdir("/proc"))


def host():
    """What must be as it was, to the last one."""
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        mounts = len(file.readlines())
    groups = [path for path, _, _ in os.walk("/sys/fs/cgroup") if "netlab-leaky" in path]
    return {"mounts": mounts, "control groups": groups, "interfaces": len(os.listdir("/sys/class/net")),
            "state": sorted(os.listdir(STATE)), "names": sorted(glob.glob("/run/netns/*")),
            "files": sorted(os.listdir(SCRATCH))}


def all_of_a_node():
    """A lab that uses what a node can have."""
    node = {
        "services": [{"name": "web", "run": ["python3", "-m", "http.server", "80"]},
                     {"name": "orphan", "run": ["sh", "-c", "sleep 1000 & sleep 1000"]}],
        "sysctls": {"net.ipv4.ip_forward": "1"}, "env": {"A": "b"},
        "limits": {"memory": "64mib", "cpu": 1, "pids": 100},
        "files": {"/etc/netlab/key": "value"}, "mounts": [{"tmpfs": "/opt"}, {"bind": "/usr/share", "at": "/var/share"}],
    }
    return topology({"a": node, "b": node, "s": {"kind": "switch"}},
                    [["a", "s", {"delay": "1ms"}], ["b", "s"], ["a", "b", {"loss": "1%", "rate": "10mbit"}]])


def cycles(path, n, end):
    for _ in range(n):
        netlab("up", path, "--name", "leaky")
        netlab("exec", "a", "--", "ping", "-c", "1", "-W", "5", "b")
        end()


def leave_nothing(end):
    path = all_of_a_node()
    cycles(path, 3, end)  # what is made once, and kept, is there now
    before, objects, alive = host(), slabs(), processes()
    cycles(path, CYCLES, end)
    equal(host(), before, f"after {CYCLES} labs")
    wait_for(lambda: processes() < alive + CYCLES / 2, "processes to end")

    def grown():
        now = slabs()
        return {name: f"{objects[name]} -> {now[name]}" for name in now if now[name] > objects[name] + CYCLES / 2}

    try:
        wait_for(lambda: not grown(), seconds=60)
    except Failed:
        raise Failed(f"after {CYCLES} labs the kernel keeps: {grown()}") from None


@in_vm_too
def test_down():
    leave_nothing(lambda: netlab("down", "leaky"))


def test_killed():
    """The same with a supervisor that is killed, and the next command sweeping."""
    def kill():
        run("kill", "-KILL", netlab_json("show", "leaky")["pid"])
        wait_for(lambda: netlab_json("ls") == [] and not os.listdir(STATE), "the lab to be gone")

    leave_nothing(kill)


def test_the_checker_sees_a_leak():
    """Namespaces that are held are seen by what the other tests look at."""
    objects = slabs()
    holders = []
    for _ in range(CYCLES):
        holders.append(subprocess.Popen(["unshare", "--net", "--mount", "sh", "-c", "echo; exec sleep 1000"],
                                        stdout=subprocess.PIPE))
        holders[-1].stdout.readline()
    try:
        now = slabs()
        check(now["net_namespace"] > objects["net_namespace"] + CYCLES / 2, "network namespaces are not counted")
        check(now["mnt_cache"] > objects["mnt_cache"] + CYCLES / 2, "mounts are not counted")
    finally:
        for holder in holders:
            holder.kill()
            holder.wait()


main(globals())
