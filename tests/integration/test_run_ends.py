# SPDX-License-Identifier: MIT
"""What the command of `run` and `sweep` started is gone when it is, however it ends; at a terminal it is in the foreground,
can be stopped and goes on, as without netlab."""
import os
import re
import signal
import time

from support import NETLAB, STATE, check, equal, main, matches, netlab, netlab_json, start, topology, wait_for
from terminal import Terminal

# what is looked for is found by its arguments, which nothing else has
MARK = f"600.{os.getpid():09}"


def processes(pattern):
    """The processes of that command line that live: their numbers, and what they do, as ps has it."""
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                words = file.read().decode(errors="replace").replace("\0", " ")
            with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
                state = file.read().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if state != "Z" and re.search(pattern, words):
            found[int(pid)] = state
    return found


def marked():
    return processes(f"^sleep {MARK} $")


def two(name="two"):
    return topology(["a", "b"], [["a", "b"]], name=name)


# of every kind: a child, one that has lost its parent, one of another group, a daemon; the shell waits
STARTED = (f"sleep {MARK} & (sleep {MARK} & sleep {MARK} &) & setsid sleep {MARK} & "
           f"setsid sh -c 'sleep {MARK} & sleep {MARK} & true' & ")
COUNT = 6


def all_started():
    return len(marked()) >= COUNT


def test_time_limit():
    """On the host and in a node: all of it goes, daemons too."""
    for options in ([], ["--in", "a"]):
        began = time.monotonic()
        done = netlab("run", two(), *options, "--timeout", "3s", "--", "sh", "-c",
                      f"{STARTED} sleep {MARK}; true", status=124)
        matches(done.stderr, "was ended: the time of --timeout 3s is up")
        check(time.monotonic() - began < 60, "took its time")
        equal(marked(), {}, f"left by run {options}")
    equal(netlab_json("ls"), [], "labs")


def test_command_ends():
    """By itself: its exit code stands, and what it left in the background is gone; a daemon of the host's may stay."""
    netlab("run", two(), "--", "sh", "-c", f"sleep {MARK} & (sleep {MARK} &) & exit 3", status=3)
    equal(marked(), {}, "left")
    netlab("run", two(), "--", "sh", "-c", f"setsid -f sleep {MARK} >/dev/null 2>&1; exit 4", status=4)
    left = marked()
    equal(len(left), 1, "the daemon")
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    # in a node nothing can stay
    netlab("run", two(), "--in", "a", "--", "sh", "-c", f"setsid -f sleep {MARK} >/dev/null 2>&1; exit 5", status=5)
    equal(marked(), {}, "left in the node")


def test_signals():
    """SIGTERM is passed on, and what the command then leaves goes; kill -9 leaves nothing, of the lab neither."""
    for signo, status in ((signal.SIGTERM, 143), (signal.SIGKILL, -signal.SIGKILL)):
        runs = start("-q", "run", two(), "--", "sh", "-c", f"{STARTED} sleep {MARK}; true")
        wait_for(all_started, "all is started")
        runs.send_signal(signo)
        equal(runs.wait(60), status, "run's end by", signo)
        wait_for(lambda: not marked(), "all ends")
        wait_for(lambda: netlab_json("ls") == [], "the lab ends")


def test_sweep_is_killed():
    """Each of the commands that run, and what they started."""
    sweep = start("-q", "sweep", two(), "--seeds", "1..9", "--jobs", "2", "--", "sh", "-c",
                  f"{STARTED} sleep {MARK}; true")
    wait_for(lambda: len(marked()) >= 2 * COUNT, "two commands run")
    sweep.kill()
    sweep.wait(60)
    wait_for(lambda: not marked(), "all ends")
    wait_for(lambda: netlab_json("ls") == [], "the labs end")
    # interrupted, it takes its labs down itself
    sweep = start("-q", "sweep", two(), "--seeds", "1..9", "--jobs", "2", "--", "sh", "-c",
                  f"{STARTED} sleep {MARK}; true")
    wait_for(lambda: len(marked()) >= 2 * COUNT, "two commands run")
    sweep.send_signal(signal.SIGINT)
    equal(sweep.wait(60), 128 + signal.SIGINT, "sweep's end")
    equal(marked(), {}, "left")


def test_job_control():
    """A shell with job control on a terminal: the command reads from it, ^Z stops it and netlab, `fg` goes on, ^C ends all."""
    terminal = Terminal("bash", "--norc", "--noprofile", "-i", env={"PS1": "ready> "})
    terminal.expect("ready> ")
    run = f"{NETLAB} -q --state-dir {STATE} run {two('terminal')} --"
    # without the right group it would be stopped by SIGTTIN here
    terminal.type(f"{run} sh -c 'read line; echo \"got <$line>\"'\n")
    wait_for(lambda: [lab["name"] for lab in netlab_json("ls")] == ["terminal"], "the lab is up")
    terminal.type("some words\n")
    terminal.expect("got <some words>")
    terminal.expect("ready> ")
    terminal.type(f"{run} sh -c 'setsid sleep {MARK} & sleep {MARK}; echo over'\n")
    wait_for(lambda: len(marked()) == 2, "it runs")
    terminal.type("\x1a")
    terminal.expect("Stopped")
    terminal.expect("ready> ")
    equal(set(processes(f"^sh -c setsid sleep {MARK} ").values()), {"T"}, "the command is stopped")
    terminal.type("jobs\n")
    terminal.expect(r"\[1\]\+ +Stopped ")
    terminal.expect("ready> ")
    terminal.type("fg\n")
    terminal.expect("setsid sleep")
    # the shell gives it the terminal first, then lets it go on
    wait_for(lambda: "T" not in processes(f"^sh -c setsid sleep {MARK} ").values(), "the command goes on")
    terminal.type("\x03")
    terminal.expect("ready> ")
    terminal.type("echo \"it was $?\"\n")
    terminal.expect("it was 130")
    equal(marked(), {}, "left")
    equal(netlab_json("ls"), [], "labs")
    # an interactive program that handles ^C itself is not ended by it
    terminal.type(f"{run} bash --norc --noprofile -i\n")
    terminal.expect(r"bash-[0-9.]+# |ready> ")
    terminal.type(f"sleep {MARK}\n")
    wait_for(marked, "it sleeps")
    wait_for(lambda: os.tcgetpgrp(terminal.fd) == os.getpgid(min(marked())), "it has the terminal")
    terminal.type("\x03")
    terminal.type("echo still $((6 * 7))\n")
    terminal.expect("still 42")
    terminal.type("exit 9\n")
    terminal.expect("exit")
    terminal.type("echo \"it was $?\"\n")
    terminal.expect("it was 9")
    terminal.close()


main(globals())
