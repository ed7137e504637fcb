# SPDX-License-Identifier: MIT
"""Services: readiness, order, restarts, ends, output; and the init of a node, which is their parent.
netlab-test: timeout=900 host"""
import json
import os
import re
import subprocess
import time

from support import (SCRATCH, STATE, Lab, between, check, equal, main, matches, netlab, run,
                     start, topology, wait_for)


def one(*services, **more):
    # what they write, the test reads
    return topology({"a": {"services": list(services), "mounts": [{"bind": SCRATCH, "rw": True}]},
                     "b": {}}, [["a", "b"]], **more)


def sh(name, script, **more):
    return {"name": name, "run": ["sh", "-c", script], **more}


def service(lab, name, node="a"):
    return next(s for s in lab.show()["nodes"][node]["services"] if s["name"] == name)


def wait_state(lab, name, state):
    return wait_for(lambda: (lambda s: s if s["state"] == state else None)(service(lab, name)),
                    f"'{name}' to be {state}")


def fails(*services, options=()):
    """Brings up what cannot come up; returns what it says."""
    done = netlab("up", one(*services), *options, status=1)
    equal(os.listdir(STATE), [], "run directories")
    return done.stderr


# --- readiness ---

def test_tcp():
    lab = Lab(one({"name": "http", "run": ["python3", "-u", "-m", "http.server", "80"],
                   "ready": {"tcp": 80}},
                  {"name": "six", "run": ["python3", "-m", "http.server", "8080", "--bind", "::1"],
                   "ready": {"tcp": 8080}}))
    lab.exec("b", "curl", "-sf", "-o", "/dev/null", f"http://{lab.address('a')}/")
    equal([s["state"] for s in lab.show()["nodes"]["a"]["services"]], ["ready", "ready"])
    # it was looked up, not tried: the server has seen one request
    equal(netlab("logs", f"{lab.name}:a/http").stdout.count("GET"), 1, "requests")


def test_log():
    lab = Lab(one(sh("talk", "echo not yet; sleep 0.3; echo Ready: 42 >&2; exec sleep 1000",
                     ready={"log": "^Ready: [0-9]+$"})))
    matches(netlab("logs", f"{lab.name}:a/talk").stdout, "^not yet\nReady: 42\n$")


def test_log_of_what_ends_at_once():
    # what it wrote counts, although it has ended by then
    lab = Lab(one(sh("brief", "echo done", ready={"log": "^done$"})))
    equal(wait_state(lab, "brief", "exited")["exit_code"], 0)


def test_exec():
    flag = os.path.join(SCRATCH, "flag")
    lab = Lab(one(sh("slow", f'sleep 0.3; echo "$WHO" >{flag}; exec sleep 1000', env={"WHO": "me"},
                     ready={"exec": ["sh", "-c", f'test "$(cat {flag})" = "$WHO"']})))
    check(os.path.exists(flag), "'up' has waited")
    equal(netlab("logs", f"{lab.name}:a/slow").stdout, "", "the check's complaints are not kept")


def test_file():
    there, missing = os.path.join(SCRATCH, "there"), os.path.join(SCRATCH, "new", "dir", "pid")
    with open(there, "w", encoding="utf-8") as file:
        file.write("of an earlier time")
    began = time.monotonic()
    lab = Lab(one(sh("deep", f"sleep 0.2; mkdir -p {os.path.dirname(missing)}; sleep 0.2; "
                     f"echo $$ >{missing}; exec sleep 1000", ready={"file": missing}),
                  sh("old", f"sleep 0.4; echo $$ >{there}; exec sleep 1000", ready={"file": there})))
    check(os.path.exists(missing), "'up' has waited")
    check(time.monotonic() - began >= 0.4, "a file that was there before does not count")
    lab.down()


def test_not_ready():
    text = fails(sh("deaf", "echo trying; echo hard >&2; exec sleep 1000", ready={"tcp": 81, "timeout": "300ms"}))
    matches(text, r"service 'a/deaf' is not ready after 300ms: nothing listens on TCP port 81")
    matches(text, r'it wrote last: "trying", "hard"')
    matches(fails(sh("mute", "exec sleep 1000", ready={"log": "never", "timeout": "100ms"})),
            r"'a/mute' is not ready .* no line that matches \"never\" .*wrote nothing")
    matches(fails(sh("x", "exec sleep 1000", ready={"exec": ["sh", "-c", "exit 5"], "timeout": "300ms"})),
            r"'sh' ended last with exit code 5")
    matches(fails(sh("x", "exec sleep 1000", ready={"exec": ["no-such-check"], "timeout": "300ms"})),
            r"'no-such-check' ended last with exit code 127")
    matches(fails(sh("x", "exec sleep 1000", ready={"file": "/no/such", "timeout": "100ms"})),
            r"it has not made '/no/such'")
    matches(fails(sh("x", "echo oops; exit 3", ready={"tcp": 81})),
            r"service 'a/x' ended before it was ready: exit code 3 \(it wrote last: \"oops\"\)")
    matches(fails(sh("x", "kill -9 $$", ready={"tcp": 81})), "ended before .*: killed by signal 9")
    for _ in range(3): # both ends of 'up' count the same time: who knows the service has the word
        matches(fails(sh("late", "echo wait; exec sleep 1000", ready={"log": "never"}), options=["--timeout", "600ms"]),
                r"service 'a/late' is not ready, and time is up: .*\(it wrote last: \"wait\"\)")
    matches(fails(sh("x", "exit 1", ready={"tcp": 81}, restart={"delay": "1ms", "max": 3})),
            r"'a/x' ended too often \(4 times in a row\), last with exit code 1")
    matches(fails(sh("x", "exec sleep 1000", ready={"tcp": 81}), options=("--timeout", "2s")), "'a/x'|not up")


def test_fails_at_once():
    def quickest(*services):
        times = []
        for _ in range(5):
            began = time.monotonic()
            fails(*services)
            times.append(time.monotonic() - began)
        return min(times)

    # to be told that it ended takes no longer than to be told that it cannot be run
    between(quickest(sh("x", "exit 3", ready={"tcp": 81})) - quickest({"name": "x", "run": ["/no/such"]}),
            -10, 0.3, "seconds more")


def test_unfinished_lines():
    lab = Lab(one(sh("x", "printf 'up\\npart'; exec sleep 1000", ready={"log": "up"})))
    netlab("service", "restart", "a/x")
    netlab("restart", "a")
    equal(netlab("logs", "a/x").stdout, "\n".join(3 * ["up", "part"]), "three runs")


def test_cannot_run():
    matches(fails({"name": "x", "run": ["/no/such"], "restart": "always"}), "'a/x': cannot run '/no/such'")
    matches(fails({"name": "x", "run": ["true"], "user": "no-such-user"}), "'a/x': .*no-such-user")


# --- order ---

def test_after():
    order = os.path.join(SCRATCH, "order")
    note = f"echo $0 >>{order}; sleep 0.1; echo up; exec sleep 1000"
    up = {"ready": {"log": "up"}}
    nodes = {"a": {"services": [{"name": "last", "run": ["sh", "-c", note, "last"], "after": ["b/middle"], **up},
                                {"name": "first", "run": ["sh", "-c", note, "first"], **up}]},
             "b": {"services": [{"name": "middle", "run": ["sh", "-c", note, "middle"], "after": ["a/first", "setup"], **up},
                                {"name": "setup", "run": ["true"]}]}}
    for node in nodes.values():
        node["mounts"] = [{"bind": SCRATCH, "rw": True}]
    lab = Lab(topology(nodes, [["a", "b"]]))
    with open(order, encoding="utf-8") as file:
        equal(file.read().split(), ["first", "middle", "last"], "order")
    stamps = {line.split(" | ")[0]: line.split(" | ")[1] for line in
              netlab("logs", "--times", lab.name + ":b").stdout.splitlines()}
    matches(stamps["b/middle"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z up$")
    # what comes after one that fails is never started
    nodes["a"]["services"][1]["run"] = ["false"]
    done = netlab("up", topology(nodes, [["a", "b"]]), status=1)
    matches(done.stderr, "'a/first' ended before it was ready: exit code 1")


def test_circle():
    nodes = {"a": {"services": [{"name": "x", "run": ["true"], "after": ["b/y"]}]},
             "b": {"services": [{"name": "y", "run": ["true"], "after": ["a/x"]}]}}
    done = netlab("check", topology(nodes, [["a", "b"]]), status=3)
    matches(done.stderr + done.stdout, "'a/x' after 'b/y' after 'a/x'")


def test_hundred():
    services = [sh(f"s{i}", f"echo {i}; exec sleep 1000", ready={"log": f"^{i}$"},
                   after=[f"s{i - 10}"] if i >= 10 else []) for i in range(100)]
    lab = Lab(one(*services))
    states = [s["state"] for s in lab.show()["nodes"]["a"]["services"]]
    equal(states, ["ready"] * 100)
    began = time.monotonic()
    lab.down()
    check(time.monotonic() - began < 10, "down took", time.monotonic() - began)


# --- restarts ---

def test_crashes_and_comes_back():
    count = os.path.join(SCRATCH, "count")
    lab = Lab(one(sh("flaky", f'echo x >>{count}; test "$(wc -l <{count})" -gt 3 || exit 1; echo good; exec sleep 1000',
                     ready={"log": "good"}, restart={"policy": "on-failure", "delay": "20ms"})))
    state = service(lab, "flaky")
    equal((state["state"], state["restarts"], state["exit_code"]), ("ready", 3, 1))
    with open(os.path.join(STATE, lab.name, "supervisor.log"), encoding="utf-8") as file:
        equal(file.read().count("service 'a/flaky' ended: exit code 1; it will be started again"), 3)
    # and once more, when it is killed; what it left behind does not outlive it
    lab.exec("a", "kill", "-9", str(state["pid_in_node"]))
    again = wait_for(lambda: (lambda s: s if s["restarts"] == 4 and s["state"] == "ready" else None)(
        service(lab, "flaky")), "another restart")
    equal((again["exit_code"], again["signal"]), (137, 9))
    check(again["pid_in_node"] != state["pid_in_node"])


def test_policies():
    lab = Lab(one(sh("fine", "exit 0", restart="on-failure"), sh("once", "exit 3"),
                  sh("over", "exit 0", restart={"policy": "always", "delay": "1ms", "max": 5}),
                  sh("left", "sleep 1000 & echo $!; kill -9 $$", restart={"delay": "1ms", "max": 2})))
    equal(wait_state(lab, "fine", "exited")["restarts"], 0)
    equal(wait_state(lab, "once", "exited")["exit_code"], 3)
    over = wait_state(lab, "over", "failed")
    equal((over["restarts"], over["cause"]), (5, "too-often"))
    wait_state(lab, "left", "failed")
    pids = netlab("logs", f"{lab.name}:a/left").stdout.split()
    equal(len(pids), 3, "starts")
    for pid in pids:
        lab.exec("a", "kill", "-0", pid, status=1)


# --- the end ---

def test_stop_order():
    trace = os.path.join(SCRATCH, "ends")
    nodes = [sh(name, f"trap 'sleep 0.05; echo {name} >>{trace}; exit' {signal}; while :; do sleep 0.02; done",
                stop_signal=f"SIG{signal}", after=after)
             for name, signal, after in (("web", "INT", ["db"]), ("db", "TERM", []), ("cache", "QUIT", []))]
    lab = Lab(one(*nodes))
    lab.down()
    with open(trace, encoding="utf-8") as file:
        equal(file.read().split(), ["cache", "web", "db"], "order of the ends")


def test_kill_after_grace():
    lab = Lab(one(sh("stubborn", "trap '' TERM; while :; do sleep 0.1; done"), {"name": "easy", "run": ["sleep", "1000"]}))
    began = time.monotonic()
    lab.down()
    between(time.monotonic() - began, 1.9, 10, "seconds until it was killed")


# --- output ---

def test_a_log_has_a_bound():
    # 24 MB, then a pause until told, then a last line
    lab = Lab(one(sh("much", "seq -f 'line %.0f of many, with something behind it' 500000; echo pause; "
                             "while [ ! -e /tmp/go ]; do sleep 0.1; done; echo end; exec sleep 1000")))
    follower = start("logs", "-f", f"{lab.name}:a/much", stdout=subprocess.PIPE)
    wait_for(lambda: netlab("logs", f"{lab.name}:a/much").stdout.endswith("\npause\n"), "all is written")
    note, *lines = netlab("logs", f"{lab.name}:a/much").stdout.splitlines()
    matches(note, r"^netlab: \d+ bytes are missing here: of a log the last 4 to 8 MiB are kept$")
    first = int(lines[0].split()[1])
    equal(lines, [f"line {i} of many, with something behind it" for i in range(first, 500001)] + ["pause"],
          "what is left begins with a line")
    blocks = os.stat(os.path.join(STATE, lab.name, "logs/a/much.log")).st_blocks * 512
    between(blocks, 4 << 20, 9 << 20, "bytes that the log occupies")
    lab.exec("a", "touch", "/tmp/go")
    told = iter(follower.stdout.readline, "end\n")
    whole = sum(1 for line in told if line.startswith("line "))
    between(whole, 500000 - first, 500000, "lines that a follower saw")
    lab.down()
    equal(follower.wait(), 0, "the follower")
    follower.stdout.close()


def test_nothing_is_lost():
    lines = 20000
    lab = Lab(one(sh("much", f"seq {lines}; echo end >&2; exit 0"),
                  sh("open", "printf unfinished; exec sleep 1000"),
                  sh("named", "echo by name >/dev/stdout; echo other >/dev/stderr", user="nobody")))
    wait_state(lab, "much", "exited")
    text = netlab("logs", f"{lab.name}:a/much").stdout.splitlines()
    equal(text, [str(i + 1) for i in range(lines)] + ["end"], "lines")
    wait_for(lambda: netlab("logs", f"{lab.name}:a/open").stdout == "unfinished", "a line without its end")
    wait_state(lab, "named", "exited")
    equal(netlab("logs", f"{lab.name}:a/named").stdout, "by name\nother\n", "/dev/stdout opened by name")
    parsed = [json.loads(line) for line in netlab("--json", "logs", f"{lab.name}:a/named").stdout.splitlines()]
    equal([p["line"] for p in parsed], ["by name", "other"])
    check(all(re.match(r"\d{4}-\d\d-\d\dT.*Z$", p["time"]) for p in parsed), "times", parsed)


def test_user():
    lab = Lab(topology({"a": {"user": "nobody", "services": [sh("x", "id -un"), sh("y", "id -un", user="daemon")]},
                        "b": {}}, [["a", "b"]]))
    wait_state(lab, "y", "exited")
    equal(netlab("logs", f"{lab.name}:a/x").stdout, "nobody\n")
    equal(netlab("logs", f"{lab.name}:a/y").stdout, "daemon\n")


# --- PID 1 ---

def test_orphans_are_reaped():
    lab = Lab(one({"name": "idle", "run": ["sleep", "1000"]}))
    # a hundred orphans, which end at once or a little later
    lab.exec("a", "sh", "-c", "for i in $(seq 100); do (setsid sh -c 'sleep 0.$(($$ % 5)) &' &); done")

    def left():
        out = lab.out("a", "sh", "-c", "cat /proc/[0-9]*/stat 2>/dev/null || :")
        found = [line.rsplit(")", 1) for line in out.splitlines()]
        return [head for head, tail in found if tail.split()[0] == "Z" or "(sleep" in head and "1000" not in head]
    wait_for(lambda: len(left()) <= 1, "no zombies, and only the service's sleep")
    equal(service(lab, "idle")["state"], "ready")


def test_init_and_signals():
    lab = Lab(one(sh("hears", "trap 'echo usr1' USR1; trap 'echo hup' HUP; echo ready; while :; do sleep 0.05; done",
                     ready={"log": "ready"})))
    pid = lab.pid("a")
    # those that it passes on
    for name in ("USR1", "HUP"):
        run("kill", f"-{name}", pid)
        wait_for(lambda n=name: n.lower() + "\n" in netlab("logs", f"{lab.name}:a/hears").stdout, f"SIG{name}")
    # and those that it survives, from inside where even SIGKILL is nothing to it, and from outside
    for name in ("ALRM", "PIPE", "TTOU", "TSTP", "SEGV", "XCPU"):
        run("kill", f"-{name}", pid)
    lab.exec("a", "sh", "-c", "kill -KILL 1; kill -STOP 1; kill -SEGV 1")
    lab.exec("a", "true")
    equal(service(lab, "hears")["state"], "ready")
    # a TERM ends the service; the init lives on
    run("kill", "-TERM", pid)
    equal(wait_state(lab, "hears", "exited")["exit_code"], 128 + 15)
    lab.exec("a", "true")
    equal(lab.pid("a"), lab.show()["nodes"]["a"]["pid"])


if __name__ == "__main__":
    main(globals())
