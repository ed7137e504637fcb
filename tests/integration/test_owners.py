# SPDX-License-Identifier: MIT
"""Without root: files and directories of users whom the lab has not, in trees of its nodes and in copies; with one id, and
with those of /etc/subuid.
netlab-test: timeout=300 host"""
import json
import os
import subprocess
import sys

from support import (NETLAB, SCRATCH, Skipped, check, equal, main, matches, need_root, run)

USER, FIRST, COUNT = 65534, 300000, 65536
HOME = os.path.join(SCRATCH, "home")
HELPERS = ("/usr/bin/newuidmap", "/usr/bin/newgidmap")


def as_user(*argv, **options):
    return run("setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "--", "env", "-u", "XDG_RUNTIME_DIR",
               f"HOME={HOME}", NETLAB, "--state-dir", f"{HOME}/labs", *argv, **options)


def in_a_world_with(text):
    """Runs this test once more in mounts of its own, where /etc/subuid says that."""
    ids = os.path.join(SCRATCH, "ids")
    with open(ids, "w", encoding="utf-8") as file:
        file.write(text)
    for name in ("/etc/subuid", "/etc/subgid"):
        if not os.path.exists(name):
            raise Skipped(f"there is no {name} to cover")
    script = f'mount --bind {ids} /etc/subuid && mount --bind {ids} /etc/subgid && exec "$@"'
    done = run("unshare", "-m", "--propagation", "private", "sh", "-c", script, "sh", sys.executable, __file__, "test_labs",
               env={**os.environ, "NETLAB_OWNERS": "here", "NETLAB_IDS": text}, status=None)
    print(done.stdout, done.stderr)
    if done.returncode == 77:
        raise Skipped("see above")
    equal(done.returncode, 0, "the test in there")


def tree(*parts):
    return os.path.join(SCRATCH, *parts)


def write(path, text, mode=0o644, owner=0):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(path, mode)
    os.chown(path, owner, owner)


def prepare():
    os.chmod(SCRATCH, 0o755)
    os.mkdir(HOME, 0o700)
    os.chown(HOME, USER, USER)
    # as debootstrap makes one, run by root
    write(tree("root", "etc", "passwd"), "root:x:0:0::/:/bin/sh\n")
    write(tree("root", "etc", "daemon", "there"), "there\n")
    write(tree("root", "etc", "closed", "hidden"), "hidden\n")
    os.chmod(tree("root", "etc", "closed"), 0o700)
    run("cp", "/bin/busybox", tree("root", "busybox"))
    write(tree("over", "sub", "there"), "there\n")
    lab = {"nodes": {
        "tree": {"rootfs": "root", "files": {
            "/etc/daemon/conf": "mine", "/etc/daemon/there": "replaced", "/etc/closed/conf": "open", "/etc/new/": {}},
            "mounts": [{"tmpfs": "/etc/daemon/run"}]},
        "host": {"mounts": [{"tmpfs": "/mnt"}, {"overlay": "over", "at": "/mnt/over"}],
                 "files": {"/mnt/over/sub/conf": "mine"}},
        "other": {}}, "links": [{"endpoints": ["tree", "host"]}, {"endpoints": ["tree", "other"]}]}
    write(tree("lab.json"), json.dumps(lab))


def out(node, *argv):
    return as_user("exec", node, "--", *argv).stdout


def check_trees():
    box = ("/busybox",)
    equal(out("tree", *box, "cat", "/etc/daemon/conf", "/etc/daemon/there", "/etc/closed/conf"), "minereplacedopen", "files")
    equal(out("tree", *box, "stat", "-c", "%u %a %F", "/etc/daemon", "/etc/new", "/etc/closed", "/etc/daemon/run"),
          "0 755 directory\n" * 4, "directories")
    matches(out("tree", *box, "cat", "/etc/hosts"), r"(?m) other$")
    equal(out("host", "cat", "/mnt/over/sub/conf", "/mnt/over/sub/there"), "minethere\n", "below an overlay of the topology's")
    # nobody is nobody: what is root's outside does not become his
    equal(out("other", "stat", "-c", "%u %g", "/var", "/run", "/var/log"), "0 0\n" * 3, "places of its own")
    for path in ("conf", "run", "there.new"):
        check(not os.path.lexists(tree("root", "etc", "daemon", path)), path, "was written on the host")
    with open(tree("root", "etc", "daemon", "there"), encoding="utf-8") as file:
        equal(file.read(), "there\n", "the file on the host")


def check_copies():
    write(tree("roots"), "x")
    write(f"{HOME}/mine", "x", owner=USER)
    as_user("cp", tree("roots"), f"{HOME}/mine", "other:/var/tmp/")
    equal(out("other", "stat", "-c", "%u %g", "/var/tmp/roots", "/var/tmp/mine"), "0 0\n" * 2, "in the node")
    if os.environ["NETLAB_IDS"]:
        out("other", "chown", "7:7", "/var/tmp/roots")
    out("other", "ln", "-s", "x", "/var/tmp/link")
    as_user("cp", "other:/var/tmp/.", f"{HOME}/back")
    for name in ("roots", "mine", "link"):
        st = os.lstat(f"{HOME}/back/{name}")
        equal((st.st_uid, st.st_gid), (USER, USER), name, "belongs to who copied it")
    as_user("cp", "other:/var/tmp/roots", "host:/var/tmp/")
    equal(out("host", "stat", "-c", "%u", "/var/tmp/roots"), "7\n" if os.environ["NETLAB_IDS"] else "0\n", "node to node")


def test_labs():
    if os.environ.get("NETLAB_OWNERS") != "here":
        raise Skipped("test_one_id and test_many_ids call it")
    prepare()
    done = as_user("up", tree("lab.json"), status=None)
    if done.returncode == 4 and "user namespace" in done.stderr:
        raise Skipped(done.stderr)
    equal(done.returncode, 0, done.stderr)
    try:
        has = out("other", "cat", "/proc/self/uid_map").count("\n")
        equal(has, 2 if os.environ["NETLAB_IDS"] else 1, "ranges of ids")
        check_trees()
        check_copies()
    finally:
        as_user("down", "--all")


def test_refusals():
    need_root()
    os.makedirs(HOME, exist_ok=True)
    os.chmod(SCRATCH, 0o755)
    os.chown(HOME, USER, USER)
    for node, reason, code in (
            ({"files": {"/etc/x": {"owner": "5:5"}}}, "no user or group of that number", 4),
            ({"rootfs": {"path": "shut", "writable": True}}, r"place to mount.*another user's", 4)):
        write(tree("shut", "x"), "")
        write(tree("bad.json"), json.dumps({"nodes": {"a": node}}))
        done = as_user("up", tree("bad.json"), status=code)
        matches(done.stderr, reason)


def test_one_id():
    need_root()
    in_a_world_with("")


def test_many_ids():
    need_root()
    if not all(map(os.path.exists, HELPERS)):
        raise Skipped("needs newuidmap and newgidmap (uidmap)")
    in_a_world_with(f"{USER}:{FIRST}:{COUNT}\n")


main(globals())
