# SPDX-License-Identifier: MIT
"""What a lab's supervisor and its nodes' inits have to say to each other, at moments that do not suit.
netlab-test: host"""
import contextlib
import json
import os
import signal
import socket
import time

from support import (SCRATCH, STATE, Lab, check, equal, main, matches, netlab, netlab_json, topology,
                     wait_for)


def one(*services, **more):
    return topology({"a": {"services": list(services), **more}, "b": {}}, [["a", "b"]])


def sh(name, script, **more):
    return {"name": name, "run": ["sh", "-c", script], **more}


class Client:
    """One that is connected before the supervisor is stopped: its request and what an init says then come together."""

    def __init__(self, lab):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(60)
        self.socket.connect(os.path.join(STATE, lab.name, "control"))
        equal("result" in self.ask(op="summary"), True, "an answer")

    def send(self, **request):
        self.socket.send(json.dumps(request).encode())

    def hear(self):
        text = b""
        while True:
            part = self.socket.recv(1 << 20)
            check(part, "the lab has hung up")
            text += part[1:]
            if part[:1] != b"+":
                return json.loads(text)

    def ask(self, **request):
        self.send(**request)
        return self.hear()


def state_of(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
        return file.read().rpartition(")")[2].split()[0]


class Stopped:
    def __init__(self, pid):
        self.pid = pid

    def __enter__(self):
        os.kill(self.pid, signal.SIGSTOP)
        wait_for(lambda: state_of(self.pid) == "T", f"{self.pid} to stop")

    def __exit__(self, *_):
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGCONT)


def process(lab, command):
    """The pid of the one process of a lab with that command line."""
    pids = [p["pid"] for p in netlab_json("ps", lab.name) if p["command"] == command]
    equal(len(pids), 1, f"processes '{command}'")
    return pids[0]


def kill(pid):
    """Kills a service's process and waits until its init has taken note."""
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not os.path.exists(f"/proc/{pid}"), "it to be reaped")


def test_word_that_was_heard_with_an_answer():
    """While the supervisor waited for the answer to its order it has heard all that there was to hear."""
    lab = Lab(one(sh("x", "exec sleep 1234")))
    client, pid = Client(lab), process(lab, "sleep 1234")
    with Stopped(lab.show()["pid"]):
        client.send(op="service", verb="start", node="a", service="x", timeout_ms=30000)
        kill(pid)
    check("result" in client.hear(), "it was started again")
    check("result" in client.ask(op="summary"), "the lab goes on")


def test_word_of_an_init_that_is_another():
    """A node that is restarted has a new init, which has said nothing yet."""
    lab = Lab(one(sh("x", "exec sleep 1234")))
    client, pid = Client(lab), process(lab, "sleep 1234")
    with Stopped(lab.show()["pid"]):
        client.send(op="node-restart", node="a", timeout_ms=30000)
        kill(pid)
    check("result" in client.hear(), "it was restarted")
    check("result" in client.ask(op="summary"), "the lab goes on")


def test_init_that_is_stopped():
    """It is waited for, but not for ever: the lab goes on, and so does the node when it can."""
    lab = Lab(one(sh("x", "exec sleep 1234")))
    began = time.monotonic()
    with Stopped(lab.pid("a")):
        done = netlab("service", "restart", f"{lab.name}:a/x", status=1)
        matches(done.stderr, "its init does not answer.*stopped")
        check(time.monotonic() - began < 20, "it took", time.monotonic() - began)
        equal(lab.out("b", "echo", "hello"), "hello\n")
    netlab("service", "restart", f"{lab.name}:a/x")
    equal(lab.show()["nodes"]["a"]["services"][0]["state"], "ready")


def test_init_that_comes_after_one_that_was_stopped():
    """It owes no answer, and what was made in the other's tree is not in its own."""
    lab = Lab(one(sh("x", "exec sleep 1234")))
    with Stopped(lab.pid("a")):
        netlab("service", "restart", f"{lab.name}:a/x", status=1)
        began = time.monotonic()
        netlab("restart", f"{lab.name}:a")
        netlab("service", "restart", f"{lab.name}:a/x")
    check(time.monotonic() - began < 4, "it took", time.monotonic() - began)


def test_tree_after_restart():
    """A node that runs nothing by itself has its tree when the first command comes, each time that it was switched on."""
    lab = Lab(one())
    for _ in range(2):
        lab.exec("a", "sh", "-ec", "test ! -e /tmp/mine; test ! -e /etc/mine; echo >/tmp/mine; echo >/etc/mine")
        netlab("restart", f"{lab.name}:a")


def test_table_of_users_that_is_a_pipe():
    """A program of the node's can put one there: nobody waits for its writer."""
    lab = Lab(one(sh("x", "exec sleep 1234", user="nobody")))
    lab.exec("a", "sh", "-c", "rm /etc/passwd && mkfifo /etc/passwd && rm /etc/group && mkfifo /etc/group")
    began = time.monotonic()
    for user in ("nobody", "65534:nogroup"):
        done = lab.exec("a", "true", options=("-u", user), status=126, timeout=60)
        matches(done.stderr, "no such (user|group) in the node")
    matches(netlab("service", "restart", f"{lab.name}:a/x", status=1, timeout=60).stderr,
            "'a/x'.* cannot be run: .*no such user")
    equal(lab.out("a", "id", "-u", options=("-u", "1234")), "1234\n")
    check(time.monotonic() - began < 20, "it took", time.monotonic() - began)


def test_what_waits_in_a_frozen_node():
    """It starts when the node goes on: nothing else may come that it could be started by."""
    lab = Lab(topology({"a": {"services": [sh("first", "exec sleep 1234")]},
                        "b": {"services": [sh("then", "exec sleep 1235", after=["a/first"])]}}, [["a", "b"]]))

    def state(node):
        return lab.show()["nodes"][node]["services"][0]["state"]

    netlab("service", "stop", f"{lab.name}:a/first")
    netlab("restart", f"{lab.name}:b", status=1)  # it says that 'then' cannot start
    equal(state("b"), "waiting")
    netlab("freeze", f"{lab.name}:b")
    netlab("service", "start", f"{lab.name}:a/first")
    equal((state("a"), state("b")), ("ready", "waiting"))
    netlab("thaw", f"{lab.name}:b")
    wait_for(lambda: state("b") == "ready", "the service that had to wait", seconds=20)


def test_stopped_init_holds_no_other_node_up():
    """Services that wait for the same: one whose init does not answer is passed over, and starts when it goes on."""
    lab = Lab(topology({"a": {"services": [sh("gate", "exec sleep 1234")]},
                        **{node: {"services": [sh("then", "exec sleep 1235", after=["a/gate"]),
                                               sh("too", "exec sleep 1236", after=["a/gate"])]} for node in "bc"}}, []))

    def states(node):
        return [service["state"] for service in lab.show()["nodes"][node]["services"]]

    netlab("service", "stop", f"{lab.name}:a/gate")
    for node in "bc":
        netlab("restart", f"{lab.name}:{node}", status=1)
        equal(states(node), ["waiting", "waiting"])
    with Stopped(lab.show()["nodes"]["b"]["pid"]):
        netlab("service", "start", f"{lab.name}:a/gate")
        wait_for(lambda: states("c") == ["ready", "ready"], "the other node's")
        equal(states("b"), ["waiting", "waiting"])
    wait_for(lambda: states("b") == ["ready", "ready"], "its own, when it goes on")


def test_one_that_cannot_run_holds_no_other_up():
    """All of a node are asked for: what can start does, and the one that cannot is told."""
    program = os.path.join(SCRATCH, "program")
    with open(program, "w", encoding="ascii") as file:
        file.write("#!/bin/sh\nexec sleep 1234\n")
    os.chmod(program, 0o755)
    lab = Lab(one({"name": "x", "run": [program]}, sh("y", "exec sleep 1235")))
    netlab("service", "stop", f"{lab.name}:a")
    os.unlink(program)
    done = netlab("service", "start", f"{lab.name}:a", status=1)
    matches(done.stderr, "service 'a/x': .*No such file")
    told = {service["name"]: service for service in lab.show()["nodes"]["a"]["services"]}
    equal((told["x"]["state"], told["x"]["cause"], told["y"]["state"]), ("failed", "cannot-run", "ready"))
    matches(told["x"]["why"], "No such file")


main(globals())
