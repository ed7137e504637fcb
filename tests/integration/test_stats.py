# SPDX-License-Identifier: MIT
"""stats counts what happened, and --watch leaves the terminal as it was; run --strict tells a slow host.
netlab-test: timeout=700 timed host"""
import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time

from support import (NETLAB, SCRATCH, STATE, Lab, Skipped, between, check, equal, main, matches, netlab,
                     netlab_json, start, topology, wait_for)

DROPS = ("dropped_loss", "dropped_queue", "dropped_fault", "dropped_down", "dropped_host")


def pair(**keys):
    return topology(["a", "b"], [["a", "b", keys]], addressing={"ipv6": False}, seed=7)


def shaped(**keys):
    """A lab whose link the wire carries, where there is a wire; elsewhere netem's."""
    done = netlab("run", pair(delay="1ms"), "--", "true", status=None)
    if done.returncode == 125:
        raise Skipped("neither netem nor the wire shapes links here")
    return Lab(pair(**keys))


def stats(lab, link="a--b"):
    return netlab_json("stats", lab.name)["links"][link]


def test_counts():
    lab = shaped(loss="10%", delay="5ms")
    before = stats(lab)["->"]
    got = lab.udp("a", "b", 1000)
    link = stats(lab)
    there = link["->"]
    equal(there["offered"] - before["offered"], 1000, "offered")
    equal(there["dropped_loss"] - before["dropped_loss"], len(got["lost"]), "lost")
    between(len(got["lost"]), 50, 150, "lost of 1000")
    equal(there["delivered"] - before["delivered"], 1000 - len(got["lost"]), "delivered")
    if link["join"] == "wire":
        for direction in (link["->"], link["<-"]):
            equal(direction["offered"] + direction["duplicated"],
                  direction["delivered"] + sum(direction[d] for d in DROPS) + direction["queued"], "conservation")
        check(there["lateness_us"]["p50"] <= there["lateness_us"]["p99"] <= there["lateness_us"]["max"],
              there["lateness_us"])
    text = netlab("stats", lab.name, "a--b").stdout
    matches(text, r"(?m)^LINK +JOIN +FROM +TO +OFFERED +DELIVERED +DROPPED +CAUSE ")
    matches(text, rf"(?m)^a--b +\w+ +a +b +[0-9,]+ +[0-9,]+ +\d+ +loss {there['dropped_loss']} ")


def test_patched_links_are_counted():
    lab = Lab(topology(["a", "b"], [["a", "b"]], addressing={"ipv6": False}))
    before = stats(lab)["->"]["delivered"]
    lab.udp("a", "b", 100)
    check(stats(lab)["->"]["delivered"] - before >= 100, "packets of a patched link")
    lab.link("down", "a--b")
    before = stats(lab)["->"]["dropped_down"]
    lab.udp("a", "b", 10)
    after = stats(lab)["->"]["dropped_down"]
    check(after is None or after - before == 10, "dropped while down:", before, after)


def test_watch_into_a_pipe():
    lab = shaped(delay="1ms")
    watch = start("--json", "stats", lab.name, "--watch", "--interval", "100ms", stdout=subprocess.PIPE,
                  stderr=subprocess.PIPE)
    lines = [json.loads(watch.stdout.readline())]
    equal(lines[0]["links"]["a--b"]["->"]["rates"], None, "rates at first")
    lab.udp("a", "b", 500)
    while lines[-1]["links"]["a--b"]["->"]["delivered"] < 500:
        lines.append(json.loads(watch.stdout.readline()))
    rates = [line["links"]["a--b"]["->"]["rates"]["delivered_per_s"] for line in lines[1:]]
    check(max(rates) > 100, "rates", rates)
    steps = [b["elapsed_s"] - a["elapsed_s"] for a, b in zip(lines, lines[1:])]
    check(not steps or min(steps) > 0, "steps", steps)
    # the lab goes: so does the watch
    lab.down()
    check(all(json.loads(line) for line in watch.stdout), "objects on lines")
    equal(watch.stderr.read(), f"netlab: lab '{lab.name}' has ended\n")
    equal(watch.wait(timeout=60), 0, "exit code when the lab ends")


def test_watch_ends_with_its_reader():
    lab = Lab(pair())
    watch = start("stats", lab.name, "--watch", "--interval", "1h", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    matches(watch.stdout.readline(), "lab '")
    watch.stdout.close()
    watch.wait(timeout=60)
    equal(watch.stderr.read(), "", "what it says of a reader who has gone")


class Terminal:
    """netlab on a terminal of its own."""

    def __init__(self, *argv, rows=20, columns=70):
        self.master, self.slave = pty.openpty()
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.before = termios.tcgetattr(self.slave)
        self.seen = b""

        def own():
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        self.process = subprocess.Popen([NETLAB, "--state-dir", STATE, *argv], stdin=self.slave, stdout=self.slave,
                                        stderr=subprocess.PIPE, preexec_fn=own)

    def read_until(self, text, count=1, seconds=30):
        end = time.monotonic() + seconds
        while self.seen.count(text) < count:
            check(time.monotonic() < end, f"waited in vain for {text!r} in {self.seen!r}")
            if select.select([self.master], [], [], 0.1)[0]:
                self.seen += os.read(self.master, 65536)

    def type(self, text):
        os.write(self.master, text)

    def ends(self, code):
        # what it writes last must not stop it
        end = time.monotonic() + 30
        while self.process.poll() is None:
            check(time.monotonic() < end, "it does not end")
            if select.select([self.master], [], [], 0.05)[0]:
                self.seen += os.read(self.master, 65536)
        while select.select([self.master], [], [], 0)[0]:
            self.seen += os.read(self.master, 65536)
        equal(self.process.returncode, code, "exit code", self.process.stderr.read())
        equal(termios.tcgetattr(self.slave), self.before, "settings of the terminal")
        check(self.seen.endswith(b"\033[?25h\033[?1049l"), "the old screen is back:", self.seen[-40:])
        os.close(self.master)
        os.close(self.slave)


def watched(lab, **size):
    terminal = Terminal("stats", lab.name, "--watch", "--interval", "100ms", **size)
    terminal.read_until(b"\033[H\033[J", 3)
    check(terminal.seen.startswith(b"\033[?1049h\033[?25l"), "a screen of its own:", terminal.seen[:30])
    mode = termios.tcgetattr(terminal.slave)[3]
    equal((mode & termios.ECHO, mode & termios.ICANON), (0, 0), "echo and lines while it watches")
    return terminal


def test_watch_on_a_terminal():
    lab = Lab(pair())
    for way, code in (("q", 0), ("\x03", 0), (signal.SIGINT, 0), (signal.SIGTERM, 143), (signal.SIGHUP, 129)):
        terminal = watched(lab)
        if isinstance(way, str):
            terminal.type(way.encode())
        else:
            terminal.process.send_signal(way)
        terminal.ends(code)
    # the lab ends
    terminal = watched(lab)
    lab.down()
    terminal.ends(0)


def test_watch_fits_the_screen():
    lab = Lab(topology([f"n{i}" for i in range(12)], [[f"n{i}", f"n{(i + 1) % 12}"] for i in range(12)]))
    terminal = watched(lab, rows=10, columns=60)
    screen = terminal.seen.split(b"\033[H\033[J")[2].decode()
    for invisible in ("\r", "\033[1m", "\033[0m"):
        screen = screen.replace(invisible, "")
    lines = screen.split("\n")
    check(len(lines) <= 10, "rows:", len(lines), screen)
    check(max(len(line) for line in lines) <= 60, "columns:", screen)
    matches(lines[-1], r"^\.\.\. \d+ more; name a link to see it$")
    # larger: at once, and more of it
    terminal.seen = b""
    fcntl.ioctl(terminal.slave, termios.TIOCSWINSZ, struct.pack("HHHH", 60, 200, 0, 0))
    terminal.read_until(b"all links")
    terminal.type(b"q")
    terminal.ends(0)


def test_suspended():
    lab = Lab(pair())
    terminal = watched(lab)
    terminal.process.send_signal(signal.SIGTSTP)
    wait_for(lambda: open(f"/proc/{terminal.process.pid}/stat", encoding="ascii").read().split()[2] == "T",
             "it stops")
    equal(termios.tcgetattr(terminal.slave), terminal.before, "settings while it is stopped")
    terminal.seen = b""
    terminal.process.send_signal(signal.SIGCONT)
    terminal.read_until(b"\033[H\033[J", 2)
    terminal.type(b"q")
    terminal.ends(0)


def test_run_stats_and_strict():
    path = os.path.join(SCRATCH, "final.json")
    netlab("run", pair(), "--stats", path, "--in", "a", "--", "ping", "-q", "-c", "3", "-i", "0.01", "b")
    with open(path, encoding="utf-8") as file:
        link = json.load(file)["links"]["a--b"]
    check(link["->"]["delivered"] >= 3 and link["<-"]["delivered"] >= 3, "final counts:", link)
    # nothing flows: there is nothing that the host could have failed at
    equal(netlab("run", pair(), "--strict", "-q", "--", "true").stderr, "")
    netlab("run", pair(), "--strict", "--", "sh", "-c", "exit 42", status=42)


# Runs inside `netlab run`: what the arguments say happens to the wire while packets pass.
TROUBLE = """
import json, os, signal, subprocess, sys, time
netlab, what = sys.argv[1:]
labs = json.loads(subprocess.run([netlab, "--json", "ls"], capture_output=True, check=True).stdout)
pid = next(lab["pid"] for lab in labs if lab["name"] == os.environ["NETLAB_LAB"])
children = open(f"/proc/{pid}/task/{pid}/children").read().split()
wire = [int(c) for c in children if open(f"/proc/{c}/comm").read().strip() == "netlab-wire"]
if not wire:
    sys.exit(77)
if what == "kill":
    os.kill(wire[0], signal.SIGKILL)
ping = subprocess.Popen([netlab, "exec", "a", "ping", "-q", "-c", "500", "-i", "0.002", "-w", "20", "b"],
                        stdout=subprocess.DEVNULL)
while what == "stall" and ping.poll() is None:
    # a host that gives the wire no processor for 30 ms at a time
    os.kill(wire[0], signal.SIGSTOP)
    time.sleep(0.03)
    os.kill(wire[0], signal.SIGCONT)
    time.sleep(0.003)
ping.wait()
"""


def trouble(what, *options, status=None):
    done = netlab("run", pair(delay="5ms"), *options, "--", "python3", "-c", TROUBLE, NETLAB, what, status=None)
    if done.returncode == 77:
        raise Skipped("there is no wire here: netem's lateness is not told")
    equal(done.returncode, status, what, done.stderr)
    return done.stderr


def test_strict_tells_a_slow_host():
    said = trouble("stall", "--strict", status=6)
    matches(said, r"(?m)^netlab: link 'a--b' from '[ab]' to '[ab]': the slowest hundredth of the packets left "
                  r"\d+\.\d\d ms late or more; 1\.00 ms is the bound$")
    matches(said, r"(?m)^netlab: lab 'lab': this run cannot be trusted: .*'netlab doctor'")
    # late packets are not lost ones: no warning without --strict
    check("warning" not in trouble("stall", status=0), "nothing was lost")


def test_strict_tells_of_a_wire_that_died():
    said = trouble("kill", "--strict", status=6)
    matches(said, r"(?m)^netlab: the wire died and was started again 1 time: ")


if __name__ == "__main__":
    main(globals())
