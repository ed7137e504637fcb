# SPDX-License-Identifier: MIT
"""exec and shell: terminals, job control, users, pipes, many at once, and nodes that die.
netlab-test: timeout=600 heavy host"""
import concurrent.futures
import hashlib
import os
import re
import signal
import subprocess
import termios
import threading
import time

from support import (IN_VM, NETLAB, STATE, Lab, check, equal, main, matches, need_root, netlab, netlab_json,
                     run, topology, wait_for)
from terminal import Terminal


def pair(**a):
    return topology({"a": a, "b": {}}, [["a", "b"]])


def command(lab, *options, node="a"):
    return [NETLAB, "--state-dir", STATE, "exec", *options, f"{lab.name}:{node}", "--"]


# --- terminals ---

def test_size_and_resize():
    lab = Lab(pair())
    script = ("tty; stty size; trap 'stty size; exit 3' WINCH; echo ready; "
              "while :; do sleep 0.05; done")
    with Terminal(*command(lab, "-t"), "sh", "-c", script, rows=41, columns=99) as t:
        t.expect(r"/dev/pts/\d+")
        t.expect("41 99\r\n")
        t.expect("ready")
        t.resize(50, 132)
        t.expect("50 132\r\n")
        equal(t.wait(), 3, "its exit code")


def test_job_control_in_the_node():
    lab = Lab(pair())
    with Terminal(NETLAB, "--state-dir", STATE, "shell", f"{lab.name}:a",
                  env={"SHELL": "/bin/bash", "HISTFILE": ""}) as t:
        t.expect(rf"\[{lab.name}:a\]")
        t.type("sleep 1000\n")
        t.expect("sleep 1000\r\n")
        wait_for(lambda: "sleep 1000" in netlab("ps", lab.name).stdout, "sleep")
        t.type("\x1a")
        t.expect(r"Stopped +sleep 1000")
        t.type("jobs; echo done=$?\n")
        t.expect(r"\[1\]\+ +Stopped +sleep 1000")
        t.expect("done=0\r\n")
        t.type("fg; echo fg=$?\n")
        t.expect("fg=\\$\\?\r\nsleep 1000\r\n")
        # the shell gives it the terminal first, then lets it go on
        wait_for(lambda: re.search(r" S +sleep 1000", netlab("ps", lab.name).stdout), "sleep goes on")
        t.type("\x03")
        t.type("echo caught=$?\n")
        t.expect("caught=130\r\n")
        t.type("echo $TERM; hostname; exit 7\n")
        t.expect("dumb\r\na\r\n")
        equal(t.wait(), 7, "the shell's exit code")


def outer_shell(t, lab):
    """A shell of the user's on the terminal, with NETLAB and LAB set."""
    t.type(f"N='{NETLAB} --state-dir {STATE}' L={lab.name} PS1='out> '; echo ready $((1+1))\n")
    t.expect("ready 2\r\n")
    t.expect("out> ")


def test_job_control_outside():
    """Without -t the command shares the caller's terminal: its job, its keys."""
    lab = Lab(pair())
    with Terminal("bash", "--norc", "-i", env={"HISTFILE": ""}) as t:
        outer_shell(t, lab)
        for options in ("", "-t"):
            script = "trap : INT; echo go; sleep 1000; echo slept=$?; exit 9"
            t.type(f"$N exec {options} $L:a -- sh -c '{script}'\n")
            t.expect("go\r\n")
            if not options:  # with -t the key is the command's terminal's
                t.type("\x1a")
                t.expect("Stopped")
                t.expect("out> ")
                t.type("fg\n")
                t.expect("sh -c")
            time.sleep(0.2 if IN_VM else 0.05)
            t.type("\x03")
            t.expect("slept=130\r\n")
            t.expect("out> ")
            t.type("echo code=$?\n")
            t.expect("code=9\r\n")
            t.expect("out> ")


def test_terminal_is_given_back():
    lab = Lab(pair())
    script = "echo pid=$$; echo ready; exec sleep 1000"
    with Terminal("bash", "--norc", "-i", env={"HISTFILE": ""}) as t:
        outer_shell(t, lab)
        t.type("stty -a | grep -o -e '-\\?icanon' -e '-\\?echo '; echo; echo read $((2+2))\n")
        t.expect("read 4\r\n")
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
            t.type(f"$N exec -t $L:a -- sh -c '{script}'; echo code=$?\n")
            t.expect("ready\r\n")
            wait_for(lambda: not t.local_modes() & termios.ICANON, "a raw terminal")
            child = run("pgrep", "-P", str(t.pid), "-f", "netlab").stdout.split()
            equal(len(child), 1, "netlab's process")
            os.kill(int(child[0]), number)
            t.expect(f"code={128 + number}\r\n")
            t.type("stty -a\n")
            t.expect(r"[^-]icanon")
            t.expect(r"[^-]echo ")
            t.expect("out> ")
        # stopped from outside it gives the terminal back, too, and takes it again
        t.type(f"$N exec -t $L:a -- sh -c '{script}'\n")
        t.expect("ready\r\n")
        wait_for(lambda: not t.local_modes() & termios.ICANON, "a raw terminal")
        child = run("pgrep", "-P", str(t.pid), "-f", "netlab").stdout.split()
        os.kill(int(child[0]), signal.SIGTSTP)
        t.expect("Stopped")
        t.expect("out> ")
        t.type("stty -a\n")
        t.expect(r"[^-]icanon")
        t.expect("out> ")
        t.resize(33, 77)
        t.type("fg\n")
        t.expect("exec -t")
        wait_for(lambda: not t.local_modes() & termios.ICANON, "a raw terminal again")
        t.type("\x03")
        t.expect("out> ")
        t.type("echo code=$?\n")
        t.expect("code=130\r\n")


def test_terminal_without_ours():
    """-t where our own input is a pipe: the end of the pipe is the end of the command's input."""
    lab = Lab(pair())
    out = lab.exec("a", "cat", options=["-t"], stdin="one\ntwo").stdout
    equal((out.count("one\n"), out.count("two")), (2, 2), "what a terminal echoes and cat prints")
    # what reads again has its end, too
    out = lab.exec("a", "sh", "-c", "cat; cat; echo end", options=["-t"], stdin="x\n").stdout
    matches(out, "end\n", "two readers")
    # a lot in both directions at once: neither may wait for the other
    text = "".join(f"{i:099d}\n" for i in range(10000))
    out = lab.exec("a", "sh", "-c", "stty raw -echo; echo ready; head -c 1000000 | md5sum",
                   options=["-t"], stdin=text, timeout=120).stdout
    matches(out, "ready", "both ways")
    out = lab.exec("a", "sh", "-c", "head -c 3000000 /dev/zero | tr '\\0' x", options=["-t"]).stdout
    equal(len(out), 3000000, "all that was written before the end")


def test_terminal_reader_goes_away():
    lab = Lab(pair())
    for options in ((), ("-t",)):
        script = f"{' '.join(command(lab, *options))} sh -c 'while echo y; do :; done' | head -n 1; echo ${{PIPESTATUS[0]}}"
        out = run("bash", "-c", script, timeout=60).stdout.replace("\r", "").split("\n")
        equal(out[0], "y", options)
        check(int(out[1]) not in (0, 125), "the writer's end", options, out)
    wait_for(lambda: len(netlab_json("ps", lab.name)) == 2, "the writers' end")


# --- users and groups ---

def test_users():
    need_root()  # without, there is root alone
    lab = Lab(pair())

    def ids(user):
        return lab.exec("a", "sh", "-c", 'echo "$(id -u) $(id -g) $(id -G) $HOME ${USER-}"',
                        options=["-u", user]).stdout.strip()
    equal(ids("nobody"), "65534 65534 65534 /nonexistent nobody", "a user")
    equal(ids("65534"), "65534 65534 65534 /nonexistent nobody", "by number")
    equal(ids("nobody:daemon").split()[:3], ["65534", "1", "1"], "another group")
    equal(ids("nobody:12345").split()[:3], ["65534", "12345", "12345"], "a group by number")
    equal(ids("54321").split()[:4], ["54321", "0", "0", "/"], "a number without a name")
    equal(ids("54321:54322").split()[:3], ["54321", "54322", "54322"], "numbers")
    with open("/etc/group", encoding="utf-8") as file:
        lines = [line.strip().split(":") for line in file]
    members = {m: None for line in lines for m in line[3].split(",") if m}
    for member in list(members)[:3]:
        want = {line[2] for line in lines if member in line[3].split(",")}
        if run("getent", "passwd", member, status=None).returncode == 0:
            got = lab.exec("a", "id", "-G", options=["-u", member]).stdout.split()
            check(want <= set(got), f"{member}'s groups {got}, not {want}")
    equal(lab.exec("a", "sh", "-c", "echo $HOME", options=["-u", "nobody", "-e", "HOME=/x"]).stdout,
          "/x\n", "what is asked wins")
    for user, word in (("no-such-user", "no-such-user"), ("nobody:no-such-group", "no-such-group"),
                       (":", "USER:GROUP"), ("nobody:", "USER:GROUP"), ("4294967295", "4294967295")):
        matches(lab.exec("a", "true", options=["-u", user], status=126).stderr, word)


def test_users_are_not_looked_up_by_libraries():
    """A node's nsswitch.conf must not make a process load what it names while it is privileged."""
    need_root()
    lab = Lab(pair(privileged=True))  # so that it can be mounted
    fake = "/etc/nsswitch.conf"
    if not os.path.exists(fake):
        return
    lab.exec("a", "sh", "-c", "echo 'passwd: netlabevil' >/tmp/nss.$$ && mount --bind /tmp/nss.$$ "
             f"{fake} && rm /tmp/nss.$$")
    out = run("strace", "-f", "-e", "trace=openat,open", *command(lab, "-u", "nobody"),
              "/bin/true").stderr
    check("libnss_netlabevil" not in out, "a library that the node names was looked for")
    matches(out, "/etc/passwd")


# --- exit codes ---

def test_exit_codes():
    lab = Lab(pair())
    for options in ((), ("-t",)):
        for argv, code in ((["true"], 0), (["sh", "-c", "exit 255"], 255), (["/etc"], 126),
                           (["/etc/passwd"], 126), (["/no/such/thing"], 127),
                           (["sh", "-c", "kill -TERM $$"], 143), (["sh", "-c", "kill -KILL $$"], 137),
                           (["sh", "-c", "kill -SEGV $$"], 139), (["sh", "-c", "exit 125"], 125)):
            done = lab.exec("a", *argv, options=options, status=code)
            equal(argv[0] in done.stderr and argv[0].startswith("/"), code in (126, 127), argv,
                  "is named", done.stderr)


# --- pipes ---

def test_binary_through_pipes():
    lab = Lab(pair())
    size = (10 if IN_VM else 100) << 20
    block = bytes(range(256)) * 4096
    process = subprocess.Popen([*command(lab), "cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    sent = hashlib.sha256()

    def feed():
        for _ in range(size // len(block)):
            process.stdin.write(block)
            sent.update(block)
        process.stdin.close()
    feeder = threading.Thread(target=feed)
    feeder.start()
    got, count = hashlib.sha256(), 0
    while data := process.stdout.read(1 << 20):
        got.update(data)
        count += len(data)
    feeder.join()
    equal(process.wait(timeout=60), 0, "cat")
    equal((count, got.hexdigest()), (size, sent.hexdigest()), "what came back")
    process.stdout.close()


def test_closed_descriptors():
    lab = Lab(pair())
    line = " ".join(command(lab))
    equal(run("sh", "-c", f"{line} sh -c 'echo out' <&-").stdout, "out\n", "no stdin")
    # as without netlab: what cannot be written is an error of the program
    done = run("sh", "-c", f"{line} sh -c 'echo out || exit 5' >&-", status=5)
    matches(done.stderr, "(?i)bad file descriptor|error", "no stdout")
    run("sh", "-c", f"{line} sh -c 'exit 6' <&- >&- 2>&-", status=6)
    equal(run("bash", "-c", f"set -o pipefail; {line} sh -c 'exec yes' | head -n 1; echo $?").stdout,
          "y\n141\n", "SIGPIPE")
    # nothing of the caller's but the three
    # a directory of the host's, say, would be a way out of the node
    out = run("bash", "-c", f"exec 7</ 9</etc/passwd; {line} sh -c 'echo /proc/$$/fd/*'").stdout
    check("/7" not in out and "/9" not in out, "descriptors", out)


# --- many ---

def lines(path):
    with open(path, encoding="utf-8") as file:
        return len(file.readlines())


def counts(lab):
    shown = lab.show()
    return {
        "processes": len(netlab_json("ps", lab.name)),
        "descriptors": len(os.listdir(f"/proc/{shown['pid']}/fd")),
        "init's": len(os.listdir(f"/proc/{shown['nodes']['a']['pid']}/fd")),
        "mounts": lines(f"/proc/{shown['pid']}/mounts"),
        "node's mounts": lines(f"/proc/{shown['nodes']['a']['pid']}/mounts"),
        "zombies": lab.out("a", "sh", "-c", "cat /proc/[0-9]*/status 2>/dev/null; :").count("zombie"),
    }


def test_many_at_once():
    lab = Lab(pair())
    lab.exec("a", "true")
    before = counts(lab)
    total = 200 if IN_VM else 1000

    def one(i):
        options = ["-t"] if i % 10 == 0 else []
        return subprocess.run([*command(lab, *options), "sh", "-c", f"exit {i % 100}"],
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=200,
                              check=False).returncode
    # more than the supervisor serves at a time: nobody is turned away
    with concurrent.futures.ThreadPoolExecutor(100) as pool:
        codes = list(pool.map(one, range(total)))
    equal([i for i, code in enumerate(codes) if code != i % 100], [], "wrong exit codes")
    wait_for(lambda: counts(lab) == before, f"what was before: {before}; now {counts(lab)}")


# --- nodes that die, or do not answer ---

def test_dying_node():
    codes = set()
    for round_ in range(3 if IN_VM else 10):
        lab = Lab(pair())
        pid = lab.pid("a")
        started = [subprocess.Popen([*command(lab, *(["-t"] if i % 2 else [])), "sleep", "1000"],
                                    stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                    stderr=subprocess.PIPE, text=True) for i in range(8)]
        time.sleep(0.02 * (round_ % 4))
        os.kill(pid, signal.SIGKILL)
        started += [subprocess.Popen([*command(lab), "true"], stderr=subprocess.PIPE, text=True)
                    for _ in range(4)]
        for process in started:
            _, said = process.communicate(timeout=60)
            codes.add(process.returncode)
            # a brief one may have been through before the node was
            check(process.returncode in (125, 137) or process.args[-1] == "true", "exit code",
                  process.returncode, said)
            equal(process.returncode == 125, "netlab: " in said, "a reason", said)
        matches(lab.exec("a", "true", status=125).stderr, "node 'a' is dead")
        lab.down()
    check(137 in codes, "no command was ended by its node's death", codes)


def test_stopped_init():
    """A node whose first process stands still: commands run, and end, all the same."""
    lab = Lab(pair())
    pid = lab.pid("a")
    lab.exec("a", "true")  # the node's file tree is made by its init, for the first command
    os.kill(pid, signal.SIGSTOP)
    try:
        equal(lab.out("a", "echo", "still", timeout=60), "still\n", "a command")
        lab.exec("a", "sh", "-c", "exit 3", options=["-t"], status=3, timeout=60)
    finally:
        os.kill(pid, signal.SIGCONT)
    wait_for(lambda: len(netlab_json("ps", lab.name)) == 2, "the init reaps what ended meanwhile")
    # before the first command there is no file tree: that is said, and nobody else waits
    pid = lab.pid("b")
    os.kill(pid, signal.SIGSTOP)
    try:
        matches(lab.exec("b", "true", status=125, timeout=60).stderr, "node 'b': its init does not answer")
        lab.exec("a", "true", timeout=60)
    finally:
        os.kill(pid, signal.SIGCONT)
    lab.exec("b", "true", timeout=60)


if __name__ == "__main__":
    main(globals())
