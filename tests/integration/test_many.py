# SPDX-License-Identifier: MIT
"""Many labs at once, which do not see each other.
netlab-test: timeout=900 host"""
import os
import subprocess

from support import (IN_VM, NETLAB, STATE, Lab, check, equal, main, netlab, netlab_json, run, start,
                     topology, wait_for)

LABS = 20


def pair():
    return topology(["a", "b"], [["a", "b"]])


def test_twenty_at_once():
    path = pair()
    starting = [start("-q", "up", path, "--name", f"many{i}", "--timeout", "200s")
                for i in range(LABS)]
    equal([process.wait(timeout=300) for process in starting], [0] * LABS, "exit codes")
    equal(sorted(lab["name"] for lab in netlab_json("ls")), sorted(f"many{i}" for i in range(LABS)),
          "labs")
    pings = [start("exec", f"many{i}:a", "--", "ping", "-n", "-c", "1", "-W", "5", "b",
                   stdout=subprocess.DEVNULL) for i in range(LABS)]
    equal([process.wait(timeout=300) for process in pings], [0] * LABS, "pings")
    stopping = [start("-q", "down", f"many{i}") for i in range(LABS)]
    equal([process.wait(timeout=300) for process in stopping], [0] * LABS, "downs")
    equal(netlab_json("ls"), [], "labs")
    equal(os.listdir(STATE), [], "run directories")


def test_one_name_many_at_once():
    path = pair()
    starting = [start("-q", "up", path, "--name", "one", stderr=subprocess.PIPE) for _ in range(8)]
    said = [process.communicate(timeout=300)[1] for process in starting]
    codes = [process.returncode for process in starting]
    equal(sorted(codes), [0] + [1] * 7, f"exit codes {said}")
    for code, text in zip(codes, said):
        check(code == 0 or "'one'" in text, "the loser does not name the lab:", text)
    netlab("exec", "one:a", "--", "ping", "-n", "-c", "1", "-W", "5", "b")


def test_equal_addresses_do_not_meet():
    here, there = Lab(pair()), Lab(pair())
    equal(here.address("b"), there.address("b"), "addresses")
    # cut in one, not in the other
    here.link("down", "a--b")
    here.exec("a", "ping", "-n", "-c", "1", "-W", "1", "b", status=1)
    there.exec("a", "ping", "-n", "-c", "1", "-W", "5", "b")
    server = start("exec", f"{there.name}:b", "--", "python3", "-c",
                   "import socket; s = socket.create_server(('', 80)); s.accept()[0].send(b'there')",
                   stdout=subprocess.DEVNULL)
    here.link("up", "a--b")
    ask = ["python3", "-c", "import socket, sys; "
           "print(socket.create_connection((sys.argv[1], 80), 5).recv(9).decode())", here.address("b")]
    here.exec("a", *ask, status=1)  # refused: nobody listens in this lab
    wait_for(lambda: there.exec("a", *ask, status=None).stdout == "there\n", "the server")
    equal(server.wait(timeout=60), 0, "server")


def test_the_host_does_not_see_them():
    before = run("ip", "-o", "link").stdout
    lab = Lab(pair())
    equal(run("ip", "-o", "link").stdout, before, "the host's interfaces")
    check(run("ping", "-n", "-c", "1", "-W", "1", lab.address("b"), status=None).returncode != 0,
          "the host reaches a node")


def test_two_state_directories():
    path = pair()
    other = os.path.join(os.path.dirname(STATE), "other")
    lab = Lab(path)
    try:
        for verb in (["up", path, "--name", lab.name], ["exec", f"{lab.name}:a", "--", "true"]):
            run(NETLAB, "-q", "--state-dir", other, *verb)
    finally:
        run(NETLAB, "-q", "--state-dir", other, "down", "--all")
    lab.exec("a", "ping", "-n", "-c", "1", "-W", "5", "b")


if __name__ == "__main__":
    main(globals())
