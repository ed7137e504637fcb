# SPDX-License-Identifier: MIT
"""cp into nodes and out of them: trees, trailing slashes, and nodes that mean harm.
netlab-test: timeout=300 host"""
import filecmp
import os
import shutil
import stat
import subprocess
import threading
import time

from support import (NETLAB, SCRATCH, STATE, Lab, check, equal, main, matches, netlab, run, topology,
                     wait_for)


def fresh(name):
    """An empty directory of the host's."""
    path = os.path.join(SCRATCH, name)
    shutil.rmtree(path, ignore_errors=True)
    os.mkdir(path)
    return path


def write(path, text, mode=0o644):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(path, mode)
    return path


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def node_lab():
    """A lab whose nodes have a /mnt of their own: what is there, the host does not see. Only privileged ones may mount."""
    mine = {"privileged": True, "mounts": [{"bind": SCRATCH, "rw": True}]}
    lab = Lab(topology({"a": mine, "b": mine}, [["a", "b"]]))
    for node in "ab":
        lab.exec(node, "mount", "-t", "tmpfs", "none", "/mnt")
    return lab


def cp(lab, *args, **more):
    return netlab("cp", *(a.replace("@", f"{lab.name}:") for a in args), **more)


def describe(top):
    """Kind, mode, owner, time and content of all below a directory."""
    found = {}
    for where, dirs, files in os.walk(top):
        for name in dirs + files:
            path = os.path.join(where, name)
            st = os.lstat(path)
            content = os.readlink(path) if stat.S_ISLNK(st.st_mode) else \
                read(path) if stat.S_ISREG(st.st_mode) else None
            found[os.path.relpath(path, top)] = (
                st.st_mode if not stat.S_ISLNK(st.st_mode) else "link", st.st_uid, st.st_gid,
                int(st.st_mtime), content)
    return found


def make_tree(top):
    write(f"{top}/file", "content\n", 0o640)
    write(f"{top}/sub/deep/script", "#!/bin/sh\n", 0o755)
    write(f"{top}/sub/secret", "s", 0o600)
    os.symlink("../file", f"{top}/sub/relative")
    os.symlink("/etc/shadow", f"{top}/absolute")
    os.symlink("nowhere", f"{top}/dangling")
    os.mkfifo(f"{top}/fifo", 0o620)
    os.mkdir(f"{top}/empty", 0o711)
    os.chown(f"{top}/sub/secret", 12, 34)
    os.chown(f"{top}/absolute", 56, 78, follow_symlinks=False)
    for path in ("file", "sub/secret", "sub/deep", "sub"):
        os.utime(f"{top}/{path}", (1000000000, 1100000000))
    return top


def test_trees_there_and_back():
    lab = node_lab()
    tree, back = make_tree(fresh("tree")), fresh("back")
    cp(lab, tree, "@a:/mnt/tree")
    equal(lab.out("a", "cat", "/mnt/tree/sub/relative"), "content\n", "in the node")
    check(not os.path.exists("/mnt/tree"), "the host sees the node's /mnt")
    cp(lab, "@a:/mnt/tree", f"{back}/tree")
    equal(describe(f"{back}/tree"), describe(tree), "there and back")
    # from node to node
    cp(lab, "@a:/mnt/tree", "@b:/mnt/")
    cp(lab, "@b:/mnt/tree/.", f"{back}/b")
    equal(describe(f"{back}/b"), describe(tree), "by way of another node")
    # again, over what is there
    write(f"{tree}/file", "other\n", 0o600)
    cp(lab, f"{tree}/.", "@a:/mnt/tree")
    equal(lab.out("a", "cat", "/mnt/tree/file"), "other\n", "overwritten")
    # sparse stays sparse
    run("truncate", "-s", "1G", f"{tree}/sparse")
    cp(lab, f"{tree}/sparse", "@a:/mnt/")
    equal(lab.out("a", "stat", "-c", "%s %b", "/mnt/sparse"), "1073741824 0\n", "a sparse file")


def test_names_and_slashes():
    lab = node_lab()
    top = fresh("slashes")
    write(f"{top}/file", "1")
    write(f"{top}/dir/inner", "2")

    def there(path):
        return lab.exec("a", "test", "-e", f"/mnt/{path}", status=None).returncode == 0

    def clear():
        lab.exec("a", "sh", "-c", "rm -rf /mnt/* && mkdir /mnt/d && echo old >/mnt/f")
    for source, dest, want in (
            (f"{top}/file", "@a:/mnt/new", "new"),
            (f"{top}/file", "@a:/mnt/f", "f"),
            (f"{top}/file", "@a:/mnt/d", "d/file"),
            (f"{top}/file", "@a:/mnt/d/", "d/file"),
            (f"{top}/dir", "@a:/mnt/new", "new/inner"),
            (f"{top}/dir", "@a:/mnt/new/", "new/inner"),
            (f"{top}/dir/", "@a:/mnt/new", "new/inner"),
            (f"{top}/dir", "@a:/mnt/d", "d/dir/inner"),
            (f"{top}/dir/", "@a:/mnt/d", "d/dir/inner"),
            (f"{top}/dir/.", "@a:/mnt/d", "d/inner"),
            (f"{top}/dir/.", "@a:/mnt/new", "new/inner")):
        clear()
        cp(lab, source, dest)
        check(there(want), source, dest, "did not make", want)
    clear()
    cp(lab, f"{top}/file", f"{top}/dir", "@a:/mnt/d")
    check(there("d/file") and there("d/dir/inner"), "two sources")
    for args, word in (
            ((f"{top}/file", "@a:/mnt/new/"), "no such directory"),
            ((f"{top}/dir", "@a:/mnt/f"), "Not a directory"),
            ((f"{top}/file", "@a:/mnt/f/"), "Not a directory"),
            ((f"{top}/file/", "@a:/mnt/d"), "Not a directory"),
            ((f"{top}/file", "@a:/mnt/no/new"), "no directory to put it into"),
            ((f"{top}/none", "@a:/mnt/d"), "/none'"),
            (("@a:/mnt/none", f"{top}/x"), "a:/mnt/none'"),
            ((f"{top}/file", f"{top}/dir", "@a:/mnt/f"), "not a directory")):
        clear()
        done = cp(lab, *args, status=1)
        matches(done.stderr, f"netlab: .*{word}")
        equal(done.stderr.count("\n"), 1, "lines")
    # relative paths: ours from here, the node's from its cwd
    lab2 = Lab(topology({"a": {"cwd": "/usr"}, "b": {}}, [["a", "b"]]))
    cp(lab2, "@a:bin/env", "./env", cwd=top)
    check(filecmp.cmp("/usr/bin/env", f"{top}/env", shallow=False), "relative in the node")
    write(f"{top}/with:colon", "3")
    cp(lab, "./with:colon", "@a:/mnt/", cwd=top)
    check(there("with:colon"), "a colon in a name")


def test_streams():
    lab = node_lab()
    blob = os.urandom(3 << 20)
    subprocess.run([NETLAB, "--state-dir", STATE, "cp", "-", f"{lab.name}:a:/mnt/blob"], input=blob,
                   check=True)
    out = subprocess.run([NETLAB, "--state-dir", STATE, "cp", f"{lab.name}:a:/mnt/blob", "-"],
                         check=True, capture_output=True).stdout
    check(out == blob, "there and back through pipes")
    equal(cp(lab, "@a:/proc/1/comm", "-").stdout, "netlab-init\n", "a file without a size")
    matches(cp(lab, "-", "@a:/mnt/", status=1).stderr, "name a file")
    matches(cp(lab, "@a:/mnt", "-", status=1).stderr, "not a file")
    done = run("bash", "-c", f"{NETLAB} --state-dir {STATE} cp {lab.name}:a:/mnt/blob - | head -c 1 "
               ">/dev/null; echo ${PIPESTATUS[0]}")
    equal(done.stdout, "1\n", "nobody reads")
    matches(done.stderr, "nobody reads standard output")


def test_mounted_file():
    """/etc/hosts is a mount in the node: it can be written, though not replaced."""
    lab = node_lab()
    top = fresh("mounted")
    cp(lab, "@a:/etc/hosts", top)
    matches(read(f"{top}/hosts"), "(?m) a$")
    matches(cp(lab, f"{top}/hosts", "@a:/etc/hosts", status=None).stderr,
            "^$|Read-only file system", "written, or why not")


# --- a node that means harm ---

def test_links_lead_nowhere():
    lab = node_lab()
    out, outside = fresh("out"), fresh("outside")
    victim = write(f"{outside}/victim", "untouched")
    # a link where a file is expected is copied as a link, a link to the host's root is the node's
    lab.exec("a", "sh", "-c", f"cd /mnt && ln -s {victim} link && ln -s {outside} dirlink && "
             "ln -s /proc/1/root rootlink && ln -s ../../../../../../.. up && echo node >own")
    cp(lab, "@a:/mnt/.", f"{out}/first")
    check(os.path.islink(f"{out}/first/link"), "a link stays one")
    # what came out as a link is not written through when the node makes a directory or file of it
    lab.exec("a", "sh", "-c", "cd /mnt && rm link dirlink && echo evil >link && mkdir dirlink && "
             "echo evil >dirlink/victim")
    done = cp(lab, "@a:/mnt/.", f"{out}/first", status=1)
    matches(done.stderr, "a directory is needed: '.*dirlink'")
    equal(read(victim), "untouched", "through a link to a directory")
    cp(lab, "@a:/mnt/link", f"{out}/first/link")
    equal(read(victim), "untouched", "through a link to a file")
    equal(read(f"{out}/first/link"), "evil\n", "the link is replaced")
    # '..' and absolute links count from the node's root
    inner = write(f"{outside}/in", "from the host")
    cp(lab, inner, "@a:/mnt/up/mnt/landed")
    equal(lab.out("a", "cat", "/mnt/landed"), "from the host", "'..' ends at the node's root")
    # magic links are not followed
    done = cp(lab, inner, "@a:/mnt/rootlink/mnt/magic", status=1)
    matches(done.stderr, "rootlink")
    done = cp(lab, "@a:/proc/1/cwd/etc/passwd", out, status=1)
    matches(done.stderr, "/proc/1/cwd")


def test_no_settings_of_the_host():
    """A link of the node's may lead to the kernel's settings, which are the host's: not written."""
    lab = node_lab()
    top = fresh("settings")
    before = read("/proc/sys/kernel/core_pattern")
    write(f"{top}/core_pattern", "|/evil")
    lab.exec("a", "ln", "-s", "/proc/sys/kernel", "/mnt/innocent")
    for dest in ("@a:/mnt/innocent", "@a:/mnt/innocent/core_pattern", "@a:/proc/sys/kernel/"):
        matches(cp(lab, f"{top}/core_pattern", dest, status=1).stderr, "pseudo filesystem")
    matches(cp(lab, "-", "@a:/mnt/innocent/core_pattern", status=1, stdin="|/evil").stderr,
            "pseudo filesystem")
    equal(read("/proc/sys/kernel/core_pattern"), before, "core_pattern")


def test_setuid_stays_in_the_node():
    lab = node_lab()
    out = fresh("setuid")
    lab.exec("a", "sh", "-c", "cp /bin/true /mnt/suid && chmod 6755 /mnt/suid")
    cp(lab, "@a:/mnt/suid", out)
    equal(oct(os.stat(f"{out}/suid").st_mode & 0o7777), "0o755", "out of the node")
    os.chmod(f"{out}/suid", 0o4711)
    cp(lab, f"{out}/suid", "@a:/mnt/in")
    equal(lab.out("a", "stat", "-c", "%a", "/mnt/in"), "4711\n", "into the node")


def test_what_is_not_copied():
    lab = node_lab()
    top = fresh("odd")
    lab.exec("a", "sh", "-c", "mknod /mnt/null c 1 3; mkfifo /mnt/fifo")
    matches(cp(lab, "@a:/mnt/null", f"{top}/x", status=1).stderr, "a:/mnt/null' is a device")
    write(f"{top}/file", "x")
    matches(cp(lab, f"{top}/file", "@a:/mnt/null", status=1).stderr, "a device is there: '.*/mnt/null")
    matches(cp(lab, "@a:/mnt/fifo", "-", status=1, timeout=30).stderr, "not a file")
    cp(lab, f"{top}/file", "@a:/mnt/fifo", timeout=30)
    equal(lab.out("a", "cat", "/mnt/fifo"), "x", "a fifo is replaced, not waited for")
    # what nodes and host share is one file under two names
    shared = write(f"{top}/shared", "precious")
    matches(cp(lab, shared, f"@a:{shared}", status=1).stderr, "onto itself")
    equal(read(shared), "precious", "itself")
    os.mkdir(f"{top}/dir")
    matches(cp(lab, f"{top}/dir", f"@a:{top}/dir", status=1).stderr, "into itself")
    # deeper than descriptors go
    lab.exec("a", "sh", "-c", "cd /mnt; i=0; while [ $i -lt 600 ]; do mkdir d && cd d || exit 1; "
             "i=$((i+1)); done")
    matches(cp(lab, "@a:/mnt/d", f"{top}/deep", status=1).stderr, "nested too deeply")
    run("rm", "-rf", f"{top}/deep")
    lab.exec("a", "mount", "-t", "tmpfs", "-o", "size=64k", "none", "/mnt")
    run("truncate", "-s", "1M", f"{top}/big")
    with open(f"{top}/big", "r+b") as file:
        file.write(os.urandom(1 << 20))
    matches(cp(lab, f"{top}/big", "@a:/mnt/big", status=1).stderr, "a:/mnt/big'?: No space left")
    lab.exec("a", "mount", "-o", "remount,ro", "/mnt")
    matches(cp(lab, f"{top}/file", "@a:/mnt/new", status=1).stderr, "/mnt/new'?: Read-only")


def test_races():
    """A node that swaps a directory for a link to the host's, all the time."""
    lab = node_lab()
    top = fresh("race")
    victim = fresh("victim")
    write(f"{top}/tree/d/file", "x")
    script = (f"cd /mnt && while :; do rm -rf t/d; ln -s {victim} t/d; rm -rf t/d; mkdir t/d; "
              "done 2>/dev/null")
    lab.exec("a", "mkdir", "-p", "/mnt/t")
    racer = lab.popen("a", "sh", "-c", script)
    try:
        for _ in range(60):
            cp(lab, f"{top}/tree/.", "@a:/mnt/t", status=None)
            equal(os.listdir(victim), [], "the host's directory")
    finally:
        racer.kill()
        racer.wait()


def test_no_half_of_a_file():
    lab = Lab(topology({"a": {"mounts": [{"tmpfs": "/opt", "size": "256kib"}]}, "b": {}}, [["a", "b"]]))
    tree = fresh("much")
    write(f"{tree}/1", "fits")
    write(f"{tree}/2", "x" * 600 * 1024)
    matches(cp(lab, f"{tree}/2", "@a:/opt/", status=1).stderr, "'.*a:/opt.*': No space left on device")
    matches(cp(lab, "-", "@a:/opt/new", stdin="x" * 600 * 1024, status=1).stderr, "No space left on device")
    equal(lab.out("a", "ls", "/opt"), "", "of a file that does not fit")
    cp(lab, f"{tree}/1", f"{tree}/2", "@a:/opt", status=1)
    equal(lab.out("a", "cat", "/opt/1"), "fits", "what was copied before")
    cp(lab, tree, "@a:/opt/much", status=1)
    check("2" not in lab.out("a", "ls", "/opt/much").split(), "a part of a file stays")


def test_errors():
    lab = node_lab()
    for args, word in ((("x", "y"), "no argument names a node"), (("-", "-"), "no argument names"),
                       (("x", "-", "@a:/mnt"), "'-' goes with one other"), (("x", "@a:"), "no path"),
                       (("x",), "where to")):
        matches(cp(lab, *args, status=2).stderr, word)
    matches(cp(lab, "@nobody:/x", "y", status=1).stderr, "no node 'nobody'")
    matches(netlab("cp", "nolab:a:/x", "y", status=1).stderr, "nolab")
    os.kill(lab.pid("a"), 9)
    wait_for(lambda: "dead" in cp(lab, "@a:/x", "y", status=1).stderr, "a dead node's error")


def test_nothing_stays():
    lab = node_lab()
    top = fresh("stay")
    write(f"{top}/file", "x")
    supervisor = lab.show()["pid"]
    before = len(os.listdir(f"/proc/{supervisor}/fd"))
    threads = [threading.Thread(target=lambda i=i: [cp(lab, f"{top}/file", f"@a:/mnt/{i}")
                                                    for _ in range(5)]) for i in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    equal(len(lab.out("a", "ls", "/mnt").split()), 20, "copies")
    wait_for(lambda: len(os.listdir(f"/proc/{supervisor}/fd")) <= before, "descriptors as before")
    # killed in the middle, its child goes with it
    process = subprocess.Popen([NETLAB, "--state-dir", STATE, "cp", "-", f"{lab.name}:a:/mnt/half"],
                               stdin=subprocess.PIPE)
    process.stdin.write(b"x")
    process.stdin.flush()
    wait_for(lambda: run("pgrep", "-P", str(process.pid), status=None).stdout, "its child")
    child = int(run("pgrep", "-P", str(process.pid)).stdout)
    process.kill()
    process.wait()
    wait_for(lambda: not os.path.exists(f"/proc/{child}"), "the child's end")
    process.stdin.close()
    time.sleep(0)


if __name__ == "__main__":
    main(globals())
