# SPDX-License-Identifier: MIT
"""shrink: from a recorded run that failed to what it takes to fail. netlab-test: timeout=600 heavy long host"""
import json
import os
import random
import signal
import stat
import subprocess
import time

from support import (NETLAB, SCRATCH, TOP, check, equal, load, main, matches, netlab, netlab_json,
                     run, start, topology, wait_for)

TRANSFER = os.path.join(TOP, "tests/support/planted/transfer-test")
QUIET = {"addressing": {"ipv6": False}}
PORT = "udp dst port 4433"


def script(name, text):
    path = os.path.join(SCRATCH, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write("#!/usr/bin/env python3\n" + text)
    os.chmod(path, stat.S_IRWXU)
    return path


def numbers(wanted, count=100, pause=0.0):
    """A command that sends numbered datagrams from a to b, and fails when all of `wanted` are missing there."""
    return script(f"numbers-{count}-{'-'.join(map(str, wanted))}", f"""
import os, socket, subprocess, sys, time
netlab = [{NETLAB!r}, "exec"]
receiver = subprocess.Popen(netlab + ["b", "--", "python3", "-uc", '''
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
s.bind(("", 4433))
print("bound", flush=True)
got = set()
while True:
    n = int.from_bytes(s.recv(100), "big")
    if n == 0: break
    got.add(n)
print(*sorted(got))'''], stdout=subprocess.PIPE, text=True)
receiver.stdout.readline()
subprocess.run(netlab + ["a", "--", "python3", "-c", '''
import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for n in list(range(1, {count} + 1)):
    s.sendto(n.to_bytes(8, "big"), ("10.0.0.1", 4433))
for i in range(20):
    s.sendto(bytes(8), ("10.0.0.1", 4433))'''], check=True)
got = set(map(int, receiver.communicate()[0].split()))
time.sleep({pause})
sys.exit(not got & set({list(wanted)!r}))
""")


def lossy(drops, **more):
    """A topology that loses the datagrams of these numbers: what was decided is known."""
    rules = [{"link": "wan", "from": "a", "match": PORT, "nth": drops[i:i + 60], "do": "drop"}
             for i in range(0, len(drops), 60)]
    return topology(["a", "b"], [{"endpoints": ["a", "b"], "name": "wan"}], name="numbers", faults=rules,
                    **QUIET, **more)


def record(path, command, name, status=1):
    where = os.path.join(SCRATCH, name)
    netlab("run", path, "--record", where, "--", command, status=status)
    return where


def shrink(where, *words, **options):
    out = where + ".json"
    told = netlab("--json", "shrink", where, "-o", out, *words, **options)
    return (json.loads(told.stdout), out) if told.returncode == 0 else (told, None)


def test_two_of_fifty():
    drops = sorted(random.Random(5).sample(range(1, 101), 48) + [17, 71])
    drops = sorted(set(drops) | {17, 71})
    command = numbers([17, 71])
    told, out = shrink(record(lossy(drops), command, "two"))
    equal(told["decisions"], len(drops))
    equal(told["left"], 2)
    matches(told["words"], r"begins with 0x0000000000000011 is lost and .* 0x0000000000000047 is lost")
    equal(told["result"]["failed"], told["result"]["runs"])
    equal(told["none"]["failed"], 0)
    # the result is a topology to be run
    netlab("check", out)
    netlab("run", out, "--", command, status=1)
    made = load(out)
    equal(sum(len(rule["nth"]) for rule in made["faults"]), 2)
    matches(made["//"], "^It fails when")
    del made["faults"]
    clean = os.path.join(SCRATCH, "clean.json")
    with open(clean, "w", encoding="utf-8") as file:
        json.dump(made, file)
    netlab("run", clean, "--", command)


def test_two_hundred_in_a_minute():
    drops = sorted(random.Random(7).sample(range(1, 401), 200))
    command = numbers([drops[40], drops[150]], count=400, pause=0.05)
    where = record(lossy(drops), command, "many")
    began = time.monotonic()
    told, _ = shrink(where)
    equal((told["decisions"], told["left"]), (200, 2))
    took = time.monotonic() - began
    print(f"200 decisions: {took:.1f} s, {told['candidates']} candidates")
    check(took < 60 or len(os.sched_getaffinity(0)) < 2 or os.getloadavg()[0] > 3, f"it took {took} s")


def test_flaky():
    """A failure that shows up in half of the runs."""
    inner = numbers([30])
    command = script("flaky", f"""
import random, subprocess, sys
code = subprocess.run([{inner!r}]).returncode
sys.exit(code and random.random() < 0.6)""")
    path = lossy(list(range(10, 60)))
    for _ in range(50):
        where = os.path.join(SCRATCH, "flaky-record")
        run("rm", "-rf", where)
        if netlab("run", path, "--record", where, "--", command, status=None).returncode == 1:
            break
    told, _ = shrink(where, "--tries", "8")
    equal(told["left"], 1)
    check(0 < told["result"]["failed"] < told["result"]["runs"] or told["result"]["runs"] < 20,
          "the rate is told", told["result"])


def planted(program, size, there, back, left, words):
    path = os.path.join(SCRATCH, program)
    with open(path, "wb") as file:
        file.write(random.Random(size).randbytes(size))
    lab = topology(["a", "b"], [{"name": "wan", "endpoints": ["a", "b"], "->": there, "<-": back}],
                   name="transfer", **QUIET)
    where = path + "-record"
    left_out = 0
    for seed in range(1, 600):
        run("rm", "-rf", where)
        code = netlab("run", lab, "--seed", seed, "--timeout", "6s", "--record", where, "--",
                      TRANSFER, program, path, status=None).returncode
        if not code:
            continue
        check(code in (1, 2, 124), f"{program}: a seed that fails", code)
        told, out = shrink(where, "--timeout", "3s", status=None)
        if out and not told["replay"]:
            break
        # not what rules can say made this one fail, but a moment: another run of bad luck is taken
        equal(out or told.returncode, out or 1, told)
        left_out += 1
        check(left_out < 8, f"{program}: no recording that fails again")
    check(told["decisions"] >= 10, "decisions", told["decisions"])
    equal(told["left"], left, program, told["words"])
    matches(told["words"], words)


def test_planted_last_acknowledgement():
    loss = {"loss": "10%"}
    planted("stop_and_wait", 90000, loss, loss, 1, "datagram of 4 bytes from b port 7000 to a .* is lost")


def test_planted_late_copy():
    stray = {"loss": "3%", "delay": "1ms", "jitter": "10ms", "jitter_reorders": True, "duplicate": "3%"}
    planted("selective_repeat", 61000, stray, {"loss": "3%"}, 2, "comes twice and .* late")


def test_planted_slow_connection():
    loss = {"loss": "3%"}
    planted("store_and_commit", 600000, loss, loss, 1, "the 2nd SYN.* is lost")


def test_what_cannot_be_shrunk():
    path = lossy([5, 6])
    command = numbers([5])
    where = record(path, command, "cannot")
    told = netlab("shrink", where, "--", "true", status=1).stderr
    matches(told, "it does not fail by what rules can say; going on with replays")
    matches(told, "with all recorded decisions it did not fail in 4 runs, said as rules or replayed")
    told = netlab("shrink", where, "--", "false", status=1).stderr
    matches(told, "it fails without any of the recorded decisions")
    netlab("shrink", where, "--", "/no/such/command", status=127)
    matches(netlab("shrink", where, "--tries", "0", status=2).stderr, "--tries: '0' is no whole number")
    matches(netlab("shrink", where, "--in", "nowhere", status=2).stderr, "has no node 'nowhere'")
    began = time.monotonic()
    matches(netlab("shrink", where, "-o", "/no/such/dir/x.json", status=125).stderr,
            "writing '/no/such/dir/x.json'.*name another file")
    check(time.monotonic() - began < 5, "known before it is looked for")
    nothing = record(topology(["a", "b"], [["a", "b"]], **QUIET), "false", "nothing")
    matches(netlab("shrink", nothing, status=1).stderr, "every packet passed untouched")
    netlab("shrink", os.path.join(SCRATCH, "no-record"), status=None)
    os.rename(os.path.join(where, "summary.json"), os.path.join(where, "gone"))
    matches(netlab("shrink", where, status=3).stderr, "incomplete: .*record anew")
    os.rename(os.path.join(where, "gone"), os.path.join(where, "summary.json"))
    os.remove(os.path.join(where, "packets.pcapng"))
    matches(netlab("shrink", where, status=3).stderr, "packets.pcapng.*No such file")
    equal(netlab_json("ls"), [])


def test_by_replay():
    """What no rule can say: a packet that overtakes others."""
    command = script("order", f"""
import subprocess, sys
netlab = [{NETLAB!r}, "exec"]
receiver = subprocess.Popen(netlab + ["b", "--", "python3", "-uc", '''
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("", 4433))
print("bound", flush=True)
print(*[int.from_bytes(s.recv(100), "big") for _ in range(30)])'''], stdout=subprocess.PIPE, text=True)
receiver.stdout.readline()
subprocess.run(netlab + ["a", "--", "python3", "-c", '''
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for n in range(1, 31):
    s.sendto(n.to_bytes(8, "big"), ("10.0.0.1", 4433))'''], check=True)
got = list(map(int, receiver.communicate()[0].split()))
sys.exit(got.index(20) < got.index(5))
""")
    path = topology(["a", "b"], [{"endpoints": ["a", "b"], "name": "wan", "->": {"delay": "50ms", "reorder": "30%"}}],
                    name="order", **QUIET)
    for seed in range(1, 100):
        where = os.path.join(SCRATCH, f"order-{seed}")
        if netlab("run", path, "--seed", seed, "--record", where, "--", command, status=None).returncode == 1:
            break
    out = where + ".decisions"
    done = netlab("shrink", where, "-o", out)
    matches(done.stderr, "no rule can say what happened; going on with replays")
    matches(done.stdout, r"^It fails when the datagram of 8 bytes from a to b port 4433 that begins with 0x0000000000000014 "
                         r"comes before all others\.\n")
    matches(done.stdout, r"(?m)^1 of [0-9]+ decisions is left\. With it 10 of 10 runs failed")
    with open(out, encoding="utf-8") as file:
        equal([line.split()[-2:] for line in file][-2:], [["ahead", "dice"], ["end", "1"]])
    again = done.stdout.splitlines()[-1]
    equal(again, f"again: netlab replay {where} --decisions {out}")
    netlab(*again.split()[2:], status=1)


def test_chance():
    """A command that fails now and then, whatever happens to packets, has no cause among them."""
    path = lossy(list(range(10, 14)))
    command = script("chance", "import os, random, sys\nsys.exit(os.path.exists(sys.argv[0] + '.all') or random.random() < 0.15)")
    with open(command + ".all", "w", encoding="utf-8"):
        pass
    where = os.path.join(SCRATCH, "chance-record")
    netlab("run", path, "--record", where, "--", numbers([10]), status=1)
    os.remove(command + ".all")
    for _ in range(3):
        done = netlab("shrink", where, "--tries", "4", "-o", where + ".json", "--", command, status=None)
        if done.returncode == 0:
            matches(done.stderr, "warning: that may be chance", done.stdout)
        else:
            equal(done.returncode, 1)
            matches(done.stderr, "fails without any of the recorded decisions|did not fail in|failed once, and then in none")


def test_default_file():
    """It is named after the topology, also where a sweep has called the lab something else."""
    path = lossy([5])
    name = f"{os.getpid()}.9"
    netlab("sweep", path, "--seeds", "9", "--name", name, "--record", os.path.join(SCRATCH, "swept"), "--",
           numbers([5]), status=1)
    place = os.path.join(SCRATCH, "place")
    os.mkdir(place)
    matches(netlab("shrink", os.path.join(SCRATCH, "swept", "seed-9"), "--tries", "1", cwd=place).stdout, f"Written to {name}-shrunk.json")
    equal(os.listdir(place), [f"{name}-shrunk.json"])


def test_interrupted():
    """Nothing is left, whatever it was doing."""
    path = lossy(list(range(1, 40)))
    where = record(path, numbers([5]), "interrupted")
    slow = script("slow", "import time\ntime.sleep(60)")
    process = start("shrink", where, "--", slow, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    wait_for(lambda: netlab_json("ls"), "labs")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    equal(process.returncode, 130)
    equal(netlab_json("ls"), [])
    equal(run("pgrep", "-f", slow, status=None).stdout, "", "programs are left")


def test_interrupted_late():
    """What was found until then is not lost."""
    drops = list(range(1, 40))
    where = record(lossy(drops), numbers([5, 30]), "late")
    out = where + ".json"
    process = start("--json", "shrink", where, "-o", out, "--", numbers([5, 30], pause=0.3), stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE)
    # names end in the number of the run: 6 of the whole and of none, then a round of 2 and one of 8
    wait_for(lambda: any(int(lab["name"].rpartition(".")[2]) > 24 for lab in netlab_json("ls")), "the third round")
    process.send_signal(signal.SIGINT)
    told = json.loads(process.communicate(timeout=60)[0])
    equal(process.returncode, 130)
    equal(netlab_json("ls"), [])
    check(2 <= told["left"] < told["decisions"] == len(drops), told)
    equal(told["result"], {"failed": 0, "runs": 0})
    matches(load(out)["//"], "^It fails when ")
    netlab("run", out, "--", numbers([5, 30]), status=1)


if __name__ == "__main__":
    main(globals())
