# SPDX-License-Identifier: MIT
"""What a node sees: its file tree, what in it is its own, what it cannot reach; its namespaces.
netlab-test: timeout=900"""
import os
import re
import shutil
import subprocess

from support import (NETLAB, SCRATCH, STATE, Lab, check, equal, in_vm_too, main, matches, netlab, netlab_json, run,
                     topology, wait_for)

BUSYBOX = "/bin/busybox"


def pair(a=None, b=None, **more):
    return topology({"a": a or {}, "b": b or {}}, [["a", "b"]], **more)


def sh(lab, node, script, status=0, **more):
    """A shell's whole output."""
    return lab.exec(node, "sh", "-c", f"exec 2>&1; {script}", status=status, **more).stdout


def refused(lab, node, script, *reasons):
    """Each line of a script fails, for one of the reasons."""
    for line in script.strip().splitlines():
        done = lab.exec(node, "sh", "-c", line, status=None)
        check(done.returncode != 0, "it worked:", line)
        check(any(reason in done.stdout + done.stderr for reason in reasons), line, "failed with",
              done.stderr)


def mounts(lab, node):
    """Mount point -> (options, kind, options of the file system), the topmost of each."""
    found = {}
    for line in lab.out(node, "cat", "/proc/self/mountinfo").splitlines():
        left, right = line.split(" - ")
        words, kind = left.split(), right.split()
        found[words[4]] = (set(words[5].split(",")), kind[0], set(kind[2].split(",")), words[6:])
    return found


@in_vm_too
def test_host_tree_is_read_only():
    lab = Lab(pair())
    for point, (options, kind, _, _) in mounts(lab, "a").items():
        own = point.split("/")[1] in ("etc", "var", "run", "tmp", "dev", "proc") or \
            point == "/sys/devices/virtual/net"
        check(own or "ro" in options, point, kind, options)
    refused(lab, "a", f"""
        touch /usr/netlab-was-here
        touch /root/netlab-was-here
        touch /netlab-was-here
        touch {SCRATCH}/netlab-was-here
        mkdir /opt/netlab-was-here
        chmod 700 /usr
        chmod 000 /dev/null""", "Read-only file system")
    # what leads to the host's kernel
    refused(lab, "a", """
        echo 1 > /proc/sys/kernel/panic
        echo x > /proc/sys/kernel/core_pattern
        echo 1 > /sys/kernel/mm/transparent_hugepage/enabled""", "Read-only file system", "nonexistent",
            "No such file")
    equal(lab.out("a", "cat", "/proc/keys"), "", "the host's keys")
    # and the node's own part of it
    sh(lab, "a", "echo 2 > /proc/sys/net/ipv4/conf/eth0/arp_announce")
    equal(lab.out("a", "cat", "/proc/sys/net/ipv4/conf/eth0/arp_announce"), "2\n", "a net sysctl")
    sh(lab, "a", "echo 1400 > /sys/class/net/eth0/mtu")
    equal(sorted(lab.out("a", "ls", "/sys/class/net").split()), ["eth0", "lo"], "interfaces")
    # no propagation in either direction
    check(not any("shared" in word or "master" in word for *_, words in mounts(lab, "a").values()
                  for word in words), "a mount propagates")


def test_two_nodes_never_meet():
    lab = Lab(pair())
    for node in "ab":
        for place in ("/run", "/tmp", "/var/tmp", "/var/log", "/etc", "/var/lib", "/var/cache",
                      "/var/spool", "/dev/shm", "/dev"):
            sh(lab, node, f"test ! -e {place}/netlab-met && echo {node} > {place}/netlab-met")
            check(not os.path.exists(f"{place}/netlab-met"), place, "is the host's")
    for node in "ab":
        equal(lab.out(node, "cat", "/run/netlab-met", "/etc/netlab-met", "/var/lib/netlab-met"),
              f"{node}\n" * 3, "what a node wrote")
    equal(lab.out("a", "cat", "/var/run/netlab-met"), "a\n", "/var/run is /run")
    # files of the host can be changed and removed, for this node
    sh(lab, "a", "echo changed >> /etc/passwd; rm /etc/group; rm -r /etc/init.d; mkdir /etc/init.d")
    check("changed" not in open("/etc/passwd", encoding="utf-8").read(), "the host's /etc/passwd")
    equal(lab.out("b", "cat", "/etc/group"), open("/etc/group", encoding="utf-8").read(), "b's")
    equal(lab.out("a", "ls", "/etc/init.d"), "", "a directory made anew")
    # a unix socket of the same path in both: one daemon in each
    server = ("import socket,sys,time; s=socket.socket(socket.AF_UNIX); s.bind('/run/daemon.sock'); s.listen(); "
              "open('/run/daemon.pid','x').write('1'); time.sleep(1000)")
    running = [lab.popen(node, "python3", "-c", server) for node in "ab"]
    for node in "ab":
        wait_for(lambda n=node: lab.exec(n, "test", "-e", "/run/daemon.pid", status=None).returncode == 0,
                 "the daemon in", node)
    for process in running:
        check(process.poll() is None, "a daemon ended")
        process.kill()
        process.wait()


def test_directories_of_daemons():
    """Directories that packages made in /run and /var/log are there, empty; the host's own are not."""
    os.makedirs("/run/netlab-test-daemon/deep", exist_ok=True)
    try:
        os.chown("/run/netlab-test-daemon", 1, 1)
        with open("/run/netlab-test-daemon/pid", "w", encoding="ascii") as file:
            file.write("1")
        lab = Lab(pair())
        equal(lab.out("a", "stat", "-c", "%u %g", "/run/netlab-test-daemon"), "1 1\n", "owner")
        equal(lab.out("a", "ls", "/run/netlab-test-daemon"), "deep\n", "what is in it")
        equal(lab.exec("a", "ls", "/run/systemd", status=None).returncode, 2, "/run/systemd")
    finally:
        shutil.rmtree("/run/netlab-test-daemon")


def test_dev():
    lab = Lab(pair())
    names = set(lab.out("a", "ls", "/dev").split())
    check(names >= {"null", "zero", "full", "random", "urandom", "tty", "pts", "ptmx", "shm", "fd",
                    "stdin", "stdout", "stderr"}, "devices", names)
    check(not names & {"kmsg", "mem", "sda", "vda", "loop0", "kvm", "console", "tty0"}, "devices", names)
    equal(lab.out("a", "head", "-c", "4", "/dev/zero"), "\0\0\0\0", "/dev/zero")
    equal(len(lab.exec("a", "sh", "-c", "head -c 4 /dev/urandom | wc -c").stdout), 2, "/dev/urandom")
    matches(sh(lab, "a", "head -c1 /dev/zero > /dev/full", status=1), "No space left")
    sh(lab, "a", "echo x > /dev/null; echo y | cat /dev/stdin > /dev/stdout")
    equal(lab.out("a", "ls", "/dev/pts").split(), ["ptmx"], "terminals of the node")
    # whatever is made there is no device
    lab.exec("a", "mknod", "/dev/disk", "b", "254", "0", status=None)
    check(lab.exec("a", "head", "-c", "1", "/dev/disk", status=None).returncode != 0, "a disk was read")


def test_the_callers_directory_stays():
    """Below /tmp too: the directory of the topology and the one that `up` was called in, for reading."""
    tools = os.path.join(SCRATCH, "tools")
    os.makedirs(tools, exist_ok=True)
    script = os.path.join(tools, "script")
    with open(script, "w", encoding="utf-8") as file:
        file.write("#!/bin/sh\necho ran\n")
    os.chmod(script, 0o755)
    other = run("mktemp", "-d", "/tmp/netlab-other.XXXXXX").stdout.strip()
    try:
        path = os.path.join(SCRATCH, "here.json")
        shutil.copy(pair(), path)
        equal(netlab("-q", "run", path, "--in", "a", "--", script, cwd=other).stdout, "ran\n", "run")
        out = netlab("-q", "run", path, "--in", "a", "--", "ls", "-d", other, "/tmp", cwd=other).stdout
        equal(out.split(), sorted([other, "/tmp"]), "the working directory")
        out = netlab("-q", "run", path, "--in", "a", "--", "ls", "-d", other, status=2).stderr
        matches(out, "No such file")
        # the lab's own directory, with its control socket, is nothing for its nodes
        equal(netlab("-q", "run", path, "--in", "a", "--", "ls", STATE).stdout, "", "state directory")
        done = netlab("-q", "run", path, "--in", "a", "--", "/tmp/not-there", status=127, cwd=other)
        matches(done.stderr, "/tmp is the node's own")
        done = netlab("-q", "run", path, "--in", "a", "--", "./here", status=127, cwd=other)
        matches(done.stderr, "in a node a path counts from the node's \"cwd\", here '/'")
    finally:
        os.rmdir(other)


def test_a_topology_behind_a_link():
    """The link is of a place that the node has of its own, and so is where it leads."""
    real = run("mktemp", "-d", "/var/tmp/netlab-real.XXXXXX").stdout.strip()
    link = os.path.join(SCRATCH, "behind")
    try:
        shutil.copy(pair(), os.path.join(real, "here.json"))
        os.symlink(real, link)
        for cwd, path in ((SCRATCH, "behind/here.json"), ("/", os.path.join(link, "here.json"))):
            for directory in (real, link):
                out = netlab("-q", "run", path, "--in", "a", "--", "ls", directory, cwd=cwd).stdout
                equal(out.split(), ["here.json"], cwd, directory)
    finally:
        shutil.rmtree(real)


def test_files():
    given = os.path.join(SCRATCH, "given")
    with open(given, "wb") as file:
        file.write(b"\0binary\xff\n")
    os.chmod(given, 0o600)
    lab = Lab(pair({"files": {
            "/etc/frr/daemons": "ospfd=yes\n",
            "/etc/deep/er/secret": {"content": "psst", "mode": "0600", "owner": "nobody"},
            "/run/frr/": {"mode": "0750", "owner": "nobody:daemon"},
            "/var/lib/x/copy": {"from": "given", "mode": "0400"},
            "/etc/hosts": "192.0.2.1 mine\n", "/tmp/t": "t", "/var/tmp/": {"mode": "0711"}, "/tmp/": {"mode": "0710"}}}))
    equal(lab.out("a", "cat", "/etc/frr/daemons"), "ospfd=yes\n", "content")
    equal(lab.out("a", "stat", "-c", "%a %U %G", "/etc/frr/daemons"), "644 root root\n", "a file")
    equal(lab.out("a", "stat", "-c", "%a %U %G %s", "/etc/deep/er/secret"), "600 nobody nogroup 4\n",
          "mode and owner")
    equal(lab.out("a", "stat", "-c", "%a %U %G", "/run/frr"), "750 nobody daemon\n", "a directory")
    equal(lab.out("a", "stat", "-c", "%a", "/tmp", "/var/tmp"), "710\n711\n", "places of its own")
    equal(lab.out("a", "stat", "-c", "%a %s", "/var/lib/x/copy"), "400 9\n", "a copy")
    equal(lab.out("a", "cat", "/etc/hosts"), "192.0.2.1 mine\n", "a file of its own in place of the lab's")
    equal(lab.exec("b", "test", "-e", "/tmp/t", status=None).returncode, 1, "b has a's file")


def failing(node, *reasons, status=1):
    done = netlab("up", pair(node), status=status)
    for reason in reasons:
        matches(done.stderr, reason)
    equal(netlab_json("ls"), [], "labs left")


def test_files_that_cannot_be():
    failing({"files": {"/usr/x/y": "z"}}, "node 'a'", "/usr/x/y", "Read-only", "tmpfs or an overlay")
    failing({"files": {f"{SCRATCH}/x": "z"}}, "Read-only")
    failing({"files": {"/etc/x": {"from": "/no/such/file"}}}, "/no/such/file", "No such file")
    failing({"files": {"/etc/x": {"owner": "nobody-here"}}}, "nobody-here", "no such user in the node")
    failing({"files": {"/etc": "x"}}, "/etc", "director")
    failing({"files": {"/data/x": "y"}, "mounts": [{"bind": SCRATCH, "at": "/var/data", "rw": True}]},
            "Read-only")
    # through a bind to the host nothing is written
    failing({"files": {"/var/data/x": "y"}, "mounts": [{"bind": SCRATCH, "at": "/var/data", "rw": True}]},
            "/var/data/x", "Read-only")
    failing({"files": {"/var/data/": {"mode": "0700"}}, "mounts": [{"bind": SCRATCH, "at": "/var/data", "rw": True}]},
            "/var/data", "Read-only")
    failing({"files": {"/usr/": {"mode": "0700"}}}, "/usr", "Read-only")
    check(not os.path.exists(os.path.join(SCRATCH, "x")), "a file of the node's is on the host")
    for files, reason in (({"relative": ""}, "not an absolute path"), ({"/a/../b": ""}, '"\\.\\."'),
                          ({"/proc/x": ""}, "kernel's"), ({"/etc/": "x"}, "director"),
                          ({"/x": {"content": "", "from": "x"}}, "not both"),
                          ({"/x": {"mode": 644}}, "octal"), ({"/": ""}, "node's root")):
        failing({"files": files}, reason, status=3)


def test_mounts():
    data = os.path.join(SCRATCH, "data")
    os.makedirs(os.path.join(data, "inner"), exist_ok=True)
    with open(os.path.join(data, "file"), "w", encoding="utf-8") as file:
        file.write("the host's\n")
    lab = Lab(pair({"mounts": [
        {"bind": "data", "at": "/var/ro"}, {"bind": "data", "at": "/var/rw", "rw": True},
        {"bind": "data/file", "at": "/etc/one"}, {"tmpfs": "/opt", "size": "1mib", "mode": "1777"},
        {"overlay": "data", "at": "/srv"}]}))
    equal(lab.out("a", "cat", "/var/ro/file", "/var/rw/file", "/etc/one", "/srv/file"),
          "the host's\n" * 4, "what is mounted")
    refused(lab, "a", "touch /var/ro/x; touch /var/ro/x\ntouch /var/ro/inner/x\necho x > /etc/one\n"
            "rm /var/ro/file", "Read-only file system", "cannot create")
    sh(lab, "a", "echo new > /var/rw/new; echo mine > /srv/file; rm -r /srv/inner")
    equal(sorted(os.listdir(data)), ["file", "inner", "new"], "the directory on the host")
    with open(os.path.join(data, "file"), encoding="utf-8") as file:
        equal(file.read(), "the host's\n", "the file on the host")
    matches(sh(lab, "a", "head -c 2000000 /dev/zero > /opt/big", status=1), "No space left")
    equal(lab.out("a", "stat", "-c", "%a", "/opt"), "1777\n", "mode of the tmpfs")
    # without the right to mount nothing becomes writable
    for command in (["mount", "-o", "remount,bind,rw", "/var/ro"], ["mount", "-o", "remount,rw", "/"],
                    ["umount", "/var/ro"], ["umount", "-l", "/tmp"], ["mount", "--bind", "/tmp", "/usr"]):
        done = lab.exec("a", "setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin", *command,
                        status=None)
        check(done.returncode != 0, command, "worked")
    lab.down()
    failing({"mounts": [{"bind": "/no/such/place"}]}, "/no/such/place", "No such file")
    failing({"mounts": [{"tmpfs": "/not-there/x"}]}, "/not-there/x", "Read-only", "make it on the host")
    for mount, reason in (({}, "none of them"), ({"bind": "/a", "tmpfs": "/b"}, "several"),
                          ({"tmpfs": "/a", "rw": True}, "'rw'"), ({"bind": "/a", "size": "1mib"}, "'size'"),
                          ({"tmpfs": "/a", "at": "/b"}, "'at'"), ({"bind": "/a", "at": "b"}, "absolute"),
                          ({"bind": "/a", "at": "/sys/x"}, "kernel's")):
        failing({"mounts": [mount]}, reason, status=3)


def tree(name):
    """A root of busybox alone."""
    top = os.path.join(SCRATCH, name)
    for directory in ("bin", "etc", "proc", "sys", "dev", "tmp", "run", "root", "var"):
        os.makedirs(os.path.join(top, directory), exist_ok=True)
    shutil.copy(BUSYBOX, os.path.join(top, "bin"))
    for applet in run(BUSYBOX, "--list").stdout.split():
        if applet != "busybox" and not os.path.lexists(os.path.join(top, "bin", applet)):
            os.symlink("busybox", os.path.join(top, "bin", applet))
    with open(os.path.join(top, "etc/passwd"), "w", encoding="ascii") as file:
        file.write("root:x:0:0:root:/root:/bin/sh\nguest:x:77:78::/:/bin/sh\n")
    return top


def content(top):
    """Every path below a directory, with what tells a change."""
    found = []
    for directory, names, files in os.walk(top):
        for name in names + files:
            path = os.path.join(directory, name)
            st = os.lstat(path)
            found.append((path, st.st_mode, st.st_size, st.st_uid, st.st_mtime_ns))
    return sorted(found)


@in_vm_too
def test_mounts_that_cannot_be():
    failing({"mounts": [{"bind": "/etc/passwd", "at": "/tmp"}]}, "mounting at '/tmp'", "both files, or both directories")
    failing({"rootfs": "no/such"}, "root '.*no/such'", "No such file", "counts from the topology's directory")
    failing({"mounts": [{"tmpfs": "/mnt", "size": "0b"}]}, "no room at all", status=3)
    lab = Lab(pair({"mounts": [{"tmpfs": "/mnt", "size": "8gib"}]}))
    check("size=8388608k" in mounts(lab, "a")["/mnt"][2], "8 GiB are not what there is")


def test_a_lab_in_a_node():
    lab = Lab(pair())
    done = lab.exec("a", NETLAB, "--state-dir", "/run/labs", "up", topology(["x"], [], name="inner"), status=4)
    matches(done.stderr, 'no new namespaces are allowed here: .*"privileged"')


def test_rootfs():
    top = tree("root")
    before = content(top)
    node = {"rootfs": "root", "files": {"/etc/mine": {"content": "x", "owner": "guest"}},
            "mounts": [{"bind": "/usr/share/doc", "at": "/doc"}]}
    lab = Lab(pair(node, node))
    for name in "ab":
        equal(lab.out(name, "cat", "/etc/hostname-of", status=1), "", "nothing of the host")
        lab.exec(name, "sh", "-c", f"echo {name} > /etc/own; rm /bin/wget; echo {name} > /run/own")
        equal(lab.out(name, "cat", "/etc/own", "/run/own"), f"{name}\n" * 2, "what it wrote")
        equal(lab.out(name, "stat", "-c", "%u %g", "/etc/mine"), "77 78\n", "an owner of its own")
        check(lab.out(name, "ls", "/doc"), "the bind is empty")
        points = mounts(lab, name)
        check(not any(kind == "ext4" and point != "/doc" and not point.startswith("/etc/")
                      for point, (_, kind, _, _) in points.items()), "the host's mounts", points)
        lab.exec(name, "touch", "/doc/x", status=1)
        lab.exec(name, "ping", "-c1", "-W5", "b" if name == "a" else "a")
        equal(lab.out(name, "sh", "-c", "cd /; cd ../../..; ls -d usr home 2>/dev/null; true"), "", "outside")
        equal(sorted(lab.out(name, "ls", "/sys/class/net").split()), ["eth0", "lo"], "interfaces")
        equal(lab.out(name, "sh", "-c", "echo /proc/[0-9]*").split()[0], "/proc/1", "processes")
        lab.exec(name, "sh", "-c", "echo x > /dev/null; head -c1 /dev/zero")
    told = netlab("shell", f"{lab.name}:a", stdin="echo $0 $SHELL\n", env={**os.environ, "SHELL": "/bin/bash"})
    equal((told.stdout, told.stderr), ("/bin/sh /bin/sh\n", ""), "a shell that the node has")
    lab.down()
    equal(content(top), before, "the tree after two nodes wrote to it")
    lab = Lab(pair({"rootfs": {"path": "root", "writable": True}}))
    lab.exec("a", "sh", "-c", "echo kept > /etc/own; echo gone > /tmp/own")
    lab.down()
    with open(os.path.join(top, "etc/own"), encoding="ascii") as file:
        equal(file.read(), "kept\n", "what was written to a writable one")
    equal(os.listdir(os.path.join(top, "tmp")), [], "its /tmp")
    failing({"rootfs": "no-such-tree"}, "no-such-tree", "No such file")
    failing({"rootfs": {"path": "root", "writable": True}, "files": {"/etc/x": ""}}, "writable")
    failing({"rootfs": "root", "share": ["mnt"]}, "mnt", status=3)


def test_hostile_rootfs():
    """Links in a tree that would have us mount or write outside of it."""
    secret = os.path.join(SCRATCH, "outside")
    os.makedirs(secret, exist_ok=True)
    before = content(secret)
    for link, target in (("proc", ".."), ("proc", "/"), ("dev", secret), ("sys", "../../../.."),
                         ("proc", "/proc/self/root"), ("dev", "../outside")):
        top = tree("hostile")
        os.rmdir(os.path.join(top, link))
        os.symlink(target, os.path.join(top, link))
        failing({"rootfs": "hostile"}, "hostile|file tree", f"/{link}")
        shutil.rmtree(top)
    # places that may be links stay inside, wherever they point
    for target in ("../outside", secret, "/proc/self/root", "../../../../.." + secret, "/proc/1/root" + secret):
        top = tree("hostile")
        for name in ("etc", "run", "tmp"):
            shutil.rmtree(os.path.join(top, name))
            os.symlink(target, os.path.join(top, name))
        done = netlab("run", pair({"rootfs": "hostile", "files": {"/etc/written": "x", "/run/sub/written": "x"}}),
                      "--in", "a", "--", "true", status=None)
        check(done.returncode in (0, 125), done.stderr)
        shutil.rmtree(top)
        equal(content(secret), before, "outside the tree, with a link to", target)
    # a file that is a link, a pipe or a device is replaced, not written through
    top = tree("hostile")
    with open(os.path.join(secret, "target"), "w", encoding="ascii") as file:
        file.write("untouched")
    os.symlink(os.path.join(secret, "target"), os.path.join(top, "etc/link"))
    os.symlink("/proc/self/fd/1", os.path.join(top, "etc/magic"))
    os.mkfifo(os.path.join(top, "etc/pipe"))
    os.remove(os.path.join(top, "etc/passwd"))
    os.mkfifo(os.path.join(top, "etc/passwd"))
    lab = Lab(pair({"rootfs": "hostile", "files": {"/etc/link": "new", "/etc/magic": "new",
                                                   "/etc/pipe": {"content": "new", "owner": "5:6"}}}))
    equal(lab.out("a", "cat", "/etc/link", "/etc/magic", "/etc/pipe"), "new" * 3, "files of the node")
    lab.down()
    with open(os.path.join(secret, "target"), encoding="ascii") as file:
        equal(file.read(), "untouched", "a file outside")


KINDS = ("pid", "net", "mnt", "uts", "ipc", "cgroup", "user")


def test_namespaces_are_told():
    lab = Lab(pair({"share": ["pid", "uts"]}, {"share": ["ipc", "cgroup", "user"]}))
    told = lab.show()
    for node in "ab":
        namespaces = told["nodes"][node]["namespaces"]
        equal(sorted(namespaces), sorted(KINDS), "kinds")
        for kind in KINDS:
            # the init is in the lab's user namespace, and the node's programs below it
            if kind != "user":
                equal(os.readlink(f"/proc/{lab.pid(node)}/ns/{kind}"), f"{kind}:[{namespaces[kind]}]", kind)
            equal(lab.out(node, "readlink", f"/proc/self/ns/{kind}"), f"{kind}:[{namespaces[kind]}]\n",
                  "of a command")
            shared = kind in (("pid", "uts") if node == "a" else ("ipc", "cgroup", "user"))
            of_lab = os.readlink(f"/proc/{told['pid']}/ns/{kind}") == f"{kind}:[{namespaces[kind]}]"
            equal(of_lab, shared, node, kind, "is the lab's")
    text = netlab("show", lab.name, "a").stdout
    matches(text, rf"(?m)^net +{told['nodes']['a']['namespaces']['net']}$")
    matches(text, r"(?m)^capabilities: chown .* audit_write$")
    check("NAMESPACE" not in netlab("show", lab.name).stdout, "of a whole lab")
    lab = Lab(pair({"capabilities": []}))
    matches(netlab("show", lab.name, "a").stdout, r"(?m)^capabilities: none$")


def test_shared_pid():
    lab = Lab(pair({"share": ["pid"], "services": [{"name": "s", "run": ["sleep", "1000"]}]}))
    check("sleep" in lab.out("a", "sh", "-c", "cat /proc/[0-9]*/cmdline; :"), "processes of the lab are seen")
    commands = {entry["command"]: entry["node"] for entry in netlab_json("ps", lab.name)}
    equal(commands["sleep 1000"], "a", "whose the service is")
    service = [entry["pid"] for entry in netlab_json("ps", lab.name) if entry["command"] == "sleep 1000"][0]
    os.kill(lab.pid("a"), 9)
    wait_for(lambda: not os.path.exists(f"/proc/{service}"), "the service dies with its node")
    lab.down()


def test_shared_tree():
    """The host's own tree, as it is; with the node's /proc and /sys."""
    mark = os.path.join(SCRATCH, "from-the-node")
    lab = Lab(pair({"share": ["mnt"]}))
    lab.exec("a", "touch", mark)
    check(os.path.exists(mark), "the file is on the host")
    equal(sorted(lab.out("a", "ls", "/sys/class/net").split()), ["eth0", "lo"], "interfaces")
    equal(lab.out("a", "sh", "-c", "echo /proc/[0-9]*").split()[0], "/proc/1", "processes")
    matches(lab.out("a", "cat", "/etc/hosts"), r"(?m) b$")
    lab.down()
    for share, reason in ((["net"], "on no link"), (["mnt", "nets"], "cannot be"), ("pid", "list")):
        failing({"share": share}, reason, status=3)
    failing({"share": ["uts"], "hostname": "x"}, "hostname", status=3)
    failing({"share": ["mnt"], "files": {"/etc/x": ""}}, "would be the host's", status=3)


def test_leaves_nothing():
    """Mounts of nodes are nobody else's: the host's table is as it was, while they live and after."""
    def table():
        with open("/proc/self/mountinfo", encoding="utf-8") as file:
            return file.read()
    before = table()
    tree("root")
    for _ in range(5):
        lab = Lab(pair({"rootfs": "root"}, {"mounts": [{"overlay": "/usr/share"}]}))
        equal(table(), before, "the host's mounts while it runs")
        lab.down()
    equal(table(), before, "the host's mounts after it")


def test_many_trees():
    """Four nodes are asked for commands at once, all before any has a tree."""
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        mounts = file.read().count(" /run ") + 1  # over the host's own, where it has one
    lab = Lab(topology([f"n{i}" for i in range(4)], [["n0", "n1"], ["n2", "n3"]]))
    commands = [subprocess.Popen([NETLAB, "--state-dir", STATE, "exec", f"{lab.name}:n{i % 4}", "--", "sh", "-c",
                                  "echo x >> /run/seen; grep -c ' /run ' /proc/self/mountinfo"],
                                 stdout=subprocess.PIPE, text=True) for i in range(16)]
    equal([process.communicate(timeout=60)[0] for process in commands], [f"{mounts}\n"] * 16, "mounts at /run")
    for i in range(4):
        equal(lab.out(f"n{i}", "cat", "/run/seen"), "x\n" * 4, "in one tree")


if __name__ == "__main__":
    main(globals())
