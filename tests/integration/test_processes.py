# SPDX-License-Identifier: MIT
"""What runs in nodes: names, environment, users, services, exit codes, signals, descriptors.
netlab-test: timeout=900 host"""
import os
import re
import signal
import subprocess
import sys

from support import (IN_VM, NETLAB, SCRATCH, STATE, Lab, check, equal, main, matches, netlab,
                     netlab_json, run, topology, wait_for)


def pair(**a):
    return topology({"a": a, "b": {}}, [["a", "b"]])


def test_names():
    lab = Lab(topology({"a": {"hostname": "alpha.example"}, "b": {}, "c": {}},
                       [["a", "b"], ["b", "c"]]))
    equal(lab.out("a", "hostname"), "alpha.example\n", "a's name")
    equal(lab.out("b", "hostname"), "b\n", "b's name")
    for name in ("a", "alpha.example"):
        equal(lab.out("c", "getent", "ahostsv4", name).split()[0], lab.address("a"), name)
    hosts = lab.out("b", "cat", "/etc/hosts")
    for node in "abc":
        matches(hosts, rf"(?m)^{lab.address(node)} .*\b{node}\b")
        matches(hosts, rf"(?m)^{lab.address(node, 6)} .*\b{node}\b")
    equal(lab.out("a", "hostname", "-f"), "alpha.example\n", "the name in full")
    equal(lab.out("b", "hostname", "-f"), "b\n", "one that is short")
    with open("/etc/hosts", encoding="utf-8") as file:
        check(file.read() != hosts, "the host's own /etc/hosts is another")
    lab.down()
    lab = Lab(topology({"a": {}, "b": {}}, [["a", "b"]], hosts=False))
    with open("/etc/hosts", encoding="utf-8") as file:
        equal(lab.out("a", "cat", "/etc/hosts"), file.read(), "hosts: false")


def test_namespaces():
    lab = Lab(pair())
    for kind in ("net", "mnt", "uts", "ipc", "pid"):
        own = {lab.out(node, "readlink", f"/proc/self/ns/{kind}") for node in "ab"}
        check(os.readlink(f"/proc/self/ns/{kind}") + "\n" not in own, kind, "is the host's")
        equal(len(own), 2, f"{kind} namespaces of two nodes")
    # only the node's own processes are seen: init, what asks, and exec's monitor, which waits for it; what made the
    # monitor ends meanwhile
    pids = wait_for(lambda: (lambda p: p if len(p) <= 3 else None)(lab.out("a", "sh", "-c", "echo /proc/[0-9]*").split()),
                    "three processes in a node")
    equal(pids[0], "/proc/1", "first process")
    equal(len(pids), 3, f"processes in a node: {pids}")


def test_env_cwd_user():
    path = pair(env={"GREETING": "it's here", "EMPTY": ""}, cwd="/usr", user="nobody")
    lab = Lab(path)
    out = lab.out("a", "sh", "-c", 'echo "$GREETING|${EMPTY-unset}|$PWD|$(id -un)|$(id -gn)"')
    equal(out, "it's here||/usr|nobody|nogroup\n", "the node's")
    out = lab.out("a", "sh", "-c", 'echo "$GREETING|$MORE|$PWD|$(id -un)"',
                  options=("-u", "root", "-w", "/tmp", "-e", "MORE=x=y", "-e", "GREETING=hi"))
    equal(out, "hi|x=y|/tmp|root\n", "exec's own")
    matches(lab.exec("a", "true", options=("-u", "no-such-user"), status=126).stderr, "no-such-user")
    matches(lab.exec("a", "true", options=("-w", "/no/such/dir"), status=126).stderr,
            "/no/such/dir")
    out = netlab("run", path, "--in", "a", "--", "sh", "-c", 'echo "$GREETING|$PWD|$(id -un)"').stdout
    equal(out, "it's here|/usr|nobody\n", "run's")


def test_services_and_logs():
    trace = os.path.join(SCRATCH, "order")
    slow = ["sh", "-c", f'echo one is "$NUMBER" >>{trace}; echo out; echo err >&2; exec sleep 1000']
    lab = Lab(topology({"a": {"env": {"NUMBER": "1"}, "mounts": [{"bind": SCRATCH, "rw": True}], "services": [
        {"name": "one", "run": slow},
        {"name": "two", "run": slow, "env": {"NUMBER": "2"}},
        {"name": "brief", "run": ["sh", "-c", "echo bye; exit 7"]}]}, "b": {}}, [["a", "b"]]))
    logs = wait_for(lambda: (lambda t: t if t.count("\n") == 5 else "")(
        netlab("logs", f"{lab.name}:a").stdout), "five lines of logs")
    for line in ("a/one out", "a/one err", "a/two out", "a/two err", "a/brief bye"):
        node, text = line.split()
        matches(logs, rf"(?m)^\S*{node}\b.*\b{text}$")
    equal(netlab("logs", f"{lab.name}:a/brief").stdout, "bye\n", "one service's")
    with open(trace, encoding="utf-8") as file:
        equal(sorted(file.read().splitlines()), ["one is 1", "one is 2"], "environments")
    state = wait_for(lambda: [s for s in lab.show()["nodes"]["a"]["services"]
                              if s["state"] == "exited"], "the brief one's end")
    equal((state[0]["name"], state[0]["exit_code"]), ("brief", 7), "how it ended")
    lines = [line for line in netlab("--json", "logs", f"{lab.name}:a/one").stdout.splitlines()]
    equal(len(lines), 2, "lines of one's log as JSON")
    # -f follows until the lab ends
    follow = subprocess.Popen([NETLAB, "--state-dir", STATE, "logs", "-f", f"{lab.name}:a/one"],
                              text=True, stdout=subprocess.PIPE)
    equal(follow.stdout.readline(), "out\n", "what -f prints first")
    lab.down()
    follow.communicate(timeout=60)
    equal(follow.returncode, 0, "the end of -f")


def test_exit_codes():
    path = pair()
    for command, code in ((["true"], 0), (["sh", "-c", "exit 3"], 3), (["sh", "-c", "exit 255"], 255),
                          (["/no/such/command"], 127), (["no-such-command"], 127), (["/etc"], 126),
                          (["sh", "-c", "kill -9 $$"], 137), (["sh", "-c", "kill -TERM $$"], 143)):
        for where in ((), ("--in", "a")):
            netlab("run", path, *where, "--", *command, status=code)
    lab = Lab(path)
    for command, code in ((["sh", "-c", "exit 3"], 3), (["no-such-command"], 127), (["/etc"], 126),
                          (["sh", "-c", "kill -9 $$"], 137)):
        lab.exec("a", *command, status=code)
    netlab("exec", f"{lab.name}:nobody-here", "--", "true", status=125)
    netlab("exec", "no-such-lab:a", "--", "true", status=125)
    netlab("run", "/no/such/file.json", "--", "true", status=125)
    netlab("run", path, "--name", lab.name, "--", "true", status=125)


def test_command_lines():
    """By the command line that it looks for, a program finds neither its own exec nor what brought the lab up."""
    lab = Lab(pair())
    found = re.sub(r"\d+ ", "", lab.out("a", "pgrep", "-af", ".")).splitlines()
    # (the process that made the monitor may not have ended yet)
    equal(set(found) - {"netlab-enter"}, {"netlab-init", "netlab-exec"}, "all there is")
    equal(lab.exec("a", "pkill", "-KILL", "-f", "no-such-program", status=1).stderr, "", "what is said")
    equal(lab.out("a", "env", "A=1", "sh", "-c", "echo $A $0 $1", "the arguments", "are whole"),
          "1 the arguments are whole\n", "arguments")


def test_signals_are_passed_on():
    path = pair()
    for where in ((), ("--in", "a")):
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1):
            process = subprocess.Popen(
                [NETLAB, "--state-dir", STATE, "-q", "run", path, *where, "--", "sh", "-c",
                 f"trap 'echo caught; exit 9' {number.name[3:]}; echo ready; "
                 "while :; do sleep 0.05; done"],
                stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, start_new_session=True)
            equal(process.stdout.readline(), "ready\n", "first")
            process.send_signal(number)
            out, _ = process.communicate(timeout=60)
            equal((out, process.returncode), ("caught\n", 9), f"{number.name} {where}")
    process = subprocess.Popen([NETLAB, "--state-dir", STATE, "-q", "run", path, "--in", "a", "--",
                                "sh", "-c", "echo ready; exec sleep 1000"], stdout=subprocess.PIPE,
                               text=True)
    process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    equal(process.wait(timeout=60), 128 + signal.SIGTERM, "a command that SIGTERM ends")
    equal(netlab_json("ls"), [], "labs left")


def test_time_limit():
    netlab("run", pair(), "--timeout", "3s" if IN_VM else "1s", "--in", "a", "--", "sleep", "1000",
           status=124)
    equal(netlab_json("ls"), [], "labs left")


def test_run_sets_the_lab():
    out = netlab("-q", "run", pair(), "--name", "here", "--", "sh", "-c",
                 f'echo "$NETLAB_LAB"; "{NETLAB}" exec b hostname; '
                 f'"{NETLAB}" exec a -- ping -c 1 -W 1 b >/dev/null && echo reached').stdout
    equal(out, "here\nb\nreached\n", "outside the nodes")


def test_descriptors():
    lab = Lab(pair())
    equal(lab.out("a", "cat", stdin="x\ny"), "x\ny", "stdin by a pipe")
    big = "0123456789abcdef" * 100000
    equal(len(lab.out("a", "cat", stdin=big)), len(big), "1.6 MB through")
    done = lab.exec("a", "sh", "-c", "echo out; echo err >&2")
    equal((done.stdout, done.stderr), ("out\n", "err\n"), "stdout and stderr apart")
    # no terminal, even none to open
    lab.exec("a", "sh", "-c", "test ! -t 0 && test ! -t 1")
    tty = run(sys.executable, "-c",
              "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))",
              NETLAB, "--state-dir", STATE, "exec", "-t", f"{lab.name}:a", "--", "sh", "-c",
              "test -t 0 && test -t 1 && tty")
    matches(tty.stdout, r"/dev/pts/\d+", "with -t")
    equal(lab.out("a", "sh", "-c", "ls /proc/self/fd").split(), ["0", "1", "2", "3"],
          "descriptors: ls's own directory is 3")
    # what a lab's processes hold open is not the caller's pipe: else this would hang
    done = run("sh", "-c", f'"{NETLAB}" --state-dir "{STATE}" up "{pair()}" --name piped | cat',
               timeout=60)
    matches(done.stdout + done.stderr, "piped")
    netlab("down", "piped")


def test_shell():
    lab = Lab(pair())
    out = netlab("shell", f"{lab.name}:a", stdin="hostname\nexit 4\n", status=4).stdout
    equal(out, "a\n", "shell with its input from a pipe")


def leftovers(lab):
    pids = [entry["pid"] for entry in netlab_json("ps", lab.name)]
    supervisor = lab.show()["pid"]
    descriptors = len(os.listdir(f"/proc/{supervisor}/fd"))
    return len(pids), descriptors


def test_execs_leave_nothing():
    lab = Lab(pair())
    lab.exec("a", "true")
    before = leftovers(lab)
    for _ in range(100 if IN_VM else 1000):
        subprocess.run([NETLAB, "--state-dir", STATE, "exec", f"{lab.name}:a", "--", "true"],
                       check=True, stdin=subprocess.DEVNULL)
    # the supervisor hears of the last one's end when it comes to it
    wait_for(lambda: all(now <= then for now, then in zip(leftovers(lab), before)),
             f"as many processes of the lab and descriptors of the supervisor as before: {before}", seconds=10)
    # what a command leaves running is reaped by the node's init when it ends
    lab.exec("a", "sh", "-c", "sleep 0.1 & sleep 0.1 & :")
    wait_for(lambda: leftovers(lab)[0] <= before[0], "the orphans' end")


def test_down_ends_commands():
    lab = Lab(pair())
    process = subprocess.Popen([NETLAB, "--state-dir", STATE, "exec", f"{lab.name}:a", "--", "sh",
                                "-c", "trap '' TERM HUP INT; echo ready; while :; do sleep 1; done"],
                               text=True, stdout=subprocess.PIPE)
    process.stdout.readline()
    lab.down()
    equal(process.wait(timeout=60), 137, "a command that ignores what it can")
    process.stdout.close()


if __name__ == "__main__":
    main(globals())
