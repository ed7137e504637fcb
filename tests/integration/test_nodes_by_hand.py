# SPDX-License-Identifier: MIT
"""The shell lines of docs/nodes.md do what it says they do: each block of them is run, with mounts, processes and names of its
own, so that nothing of it is seen outside.
netlab-test: timeout=300"""
import json
import os
import re
import shutil
import sys

from support import SCRATCH, TOP, check, equal, in_vm_too, main, matches, netlab, run, topology

BLOCKS = re.compile(r"^## (?P<title>[^\n]*)$|^```(?P<kind>\w+)\n(?P<body>.*?)^```$", re.M | re.S)
V2 = os.path.exists("/sys/fs/cgroup/cgroup.controllers")


def blocks(kind):
    """{title of a section: its blocks of a kind}"""
    found, title = {}, None
    with open(os.path.join(TOP, "docs/nodes.md"), encoding="utf-8") as file:
        for part in BLOCKS.finditer(file.read()):
            title = part["title"] or title
            if part["kind"] == kind:
                found.setdefault(title, []).append(part["body"])
    return found


def shell(lines, before="", **more):
    """Runs lines as they are, each of which has to succeed, in a scratch directory. /run and /mnt are empty."""
    place = os.path.join(SCRATCH, "hand")
    shutil.rmtree(place, ignore_errors=True)
    os.mkdir(place)
    script = f"mount -t tmpfs tmpfs /run && mount -t tmpfs tmpfs /mnt\n{before}\n{lines}"
    return run("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--propagation", "private",
               "sh", "-ec", script, cwd=place, **more).stdout


def one(title):
    """The one block of a section."""
    found = blocks("sh")[title]
    equal(len(found), 1, f"blocks of '{title}'")
    return found[0]


def alone(title, start):
    """What the line of a block prints that begins so."""
    lines = [line for line in one(title).splitlines() if line.startswith(start)]
    equal(len(lines), 1, f"'{start}' of '{title}'")
    return shell(lines[0])


def test_each_is_tried():
    tried = {"Namespaces", "Users", "PID 1", "Links", "A root of its own", "The host's tree, for reading", "Binds, files",
             "Limits and accounting", "Freezing", "Joining a node"}
    equal(set(blocks("sh")), tried, "sections with shell lines")


def test_namespaces():
    shell(one("Namespaces"))
    equal(alone("Namespaces", "unshare --uts"), "box\n", "host name")
    equal(len(alone("Namespaces", "unshare --pid").splitlines()), 2, "a heading and ps")
    equal(re.findall(r"^\d+: (\w+)", alone("Namespaces", "unshare --net"), re.M), ["lo"], "interfaces")
    matches(alone("Namespaces", "unshare --cgroup"), "(?m):/$")
    matches(alone("Namespaces", "unshare --user"), "^uid=0")


def test_users():
    equal(alone("Users", "unshare --user sh"), "65534\n", "nobody, and no map")
    matches(alone("Users", "unshare --user --map-root-user cat"), r"^ +0 +0 +1\n$")
    shell(one("Users"))


def test_pid_1():
    equal(shell(one("PID 1"), timeout=60), "still here\n", "PID 1")


def test_links():
    matches(shell(one("Links")), "3 received")


def test_root():
    shell(one("A root of its own"))
    lines = one("A root of its own").replace("exec /bin/busybox sh", "exec /bin/busybox ls / /old /proc/1")
    out = shell(lines)
    matches(out, r"(?m)^/:\nbin\nold\nproc\n\n/old:\n\n/proc/1:\n")


def test_host_tree():
    script = one("The host's tree, for reading").replace(
        "exec chroot /mnt", 'exec chroot /mnt sh -c "ls /run; touch /etc/mine; ls /etc/mine; touch /usr/x || echo refused"')
    check(script != one("The host's tree, for reading"), "it ends in chroot")
    equal(shell(script), "/etc/mine\nrefused\n", "what is there")
    check(not os.path.exists("/etc/mine"), "the host's /etc was written to")


def test_binds():
    fixture = "mkdir -p /mnt/www /mnt/data /mnt/etc /run/www; touch frr.conf; mount -t tmpfs tmpfs /srv; mkdir /srv/www"
    out = shell(one("Binds, files") + "touch /mnt/www/x || echo refused; df -k /mnt/data | tail -1; stat -c %a /mnt/etc/frr/frr.conf",
                fixture)
    matches(out, r"^refused\n\S+ +65536 .*\n640\n$")


@in_vm_too
def test_limits_and_freezing():
    limits, freezing = one("Limits and accounting"), one("Freezing")
    if not V2:
        first = "mkdir /sys/fs/cgroup/freezer/mynode\nsleep 1000 &\necho $! >/sys/fs/cgroup/freezer/mynode/cgroup.procs\n"
        lines = "".join(line + "\n" for line in freezing.splitlines() if "freezer" in line)
        last = ("until grep -q FROZEN /sys/fs/cgroup/freezer/mynode/freezer.state; do sleep 0.1; done\n"
                "echo THAWED >/sys/fs/cgroup/freezer/mynode/freezer.state\nkill -9 $!\nwait $! || true\n"
                "rmdir /sys/fs/cgroup/freezer/mynode\n")
        shell(lines + last, first)
        return
    for controller in ("cpu", "memory", "pids"):
        run("sh", "-c", f"echo +{controller} >/sys/fs/cgroup/cgroup.subtree_control")
    inside, last = limits.split("rmdir ", 1)
    lines = "".join(line + "\n" for line in freezing.splitlines() if "mynode/cgroup." in line)
    out = shell(f"sh -ec '{inside}'\nsleep 1000 &\necho $! >/sys/fs/cgroup/mynode/cgroup.procs\n{lines}"
                "until grep -q 'frozen 1' /sys/fs/cgroup/mynode/cgroup.events; do sleep 0.1; done\n"
                f"echo 0 >/sys/fs/cgroup/mynode/cgroup.freeze\nkill -9 $!\nwait $! || true\nrmdir {last}")
    matches(out, r"^\d+\n(.*\n)*oom_kill 0\n(.*\n)*frozen [01]\n$")


def test_joining():
    fixture = ("unshare --net --uts --mount sleep 1000 &\nPID=$!\n"
               "until [ \"$(readlink /proc/$PID/ns/net)\" != \"$(readlink /proc/self/ns/net)\" ]; do sleep 0.1; done\n")
    out = shell(one("Joining a node").replace("-t PID", "-t $PID") + "ip netns delete red\n", fixture)
    equal(re.findall(r"^\d+: (\S+):", out, re.M), ["lo"] * 3, "interfaces seen")


def test_the_topologies():
    """What it shows of the file format is taken."""
    found = [json.loads(block) for many in blocks("json").values() for block in many]
    check(len(found) >= 2, "blocks of JSON")
    for block in found:
        netlab("check", topology(block["nodes"], block.get("links", [])))
    links = next(json.loads(block) for block in blocks("json")["Links"])
    netlab("run", topology(links["nodes"], links["links"]), "--in", "left", "--", "ping", "-nqc1", "-W10", "right")


if __name__ == "__main__":
    if os.geteuid() != 0:
        print("skipped: the lines are root's")
        sys.exit(77)
    main(globals())
