# SPDX-License-Identifier: MIT
"""A recorded run again: the same packets meet the same fates, whatever their ports and numbers; bad records are refused.
netlab-test: timeout=300 host"""
import json
import os
import shutil

from support import SCRATCH, check, equal, load, main, matches, netlab, netlab_json, topology

count = 0


def new_dir():
    global count
    count += 1
    return os.path.join(SCRATCH, f"replay-{count}")


def pair(**keys):
    return topology(["a", "b"], [["a", "b", keys]], addressing={"ipv6": False}, seed=7)


def record(path, *command, options=(), status=None):
    directory = new_dir()
    done = netlab("run", path, "--record", directory, *options, "--", *command, status=status)
    check(done.returncode != 125, done.stderr)
    return directory, done


def words(directory):
    """Verdicts by packet, without what differs from run to run: order, causes, digests of payloads."""
    with open(f"{directory}/decisions", encoding="ascii") as file:
        lines = [line.split(" ") for line in file.read().splitlines()[1:-1]]
    return sorted((d[0], d[1], d[3].split(",data=")[0], d[4]) for d in lines)


def test_ping_meets_the_same_fates():
    # of a long delay, for ping waits for the last answer no longer than twice that
    directory, first = record(pair(delay="50ms", loss="10%", duplicate="5%", corrupt="5%", reorder="10%"),
                              "ping", "-q", "-i", "0.005", "-c", "150", "10.0.0.1", options=["--in", "a"])
    again = new_dir()
    # the recorded command, in its node
    second = netlab("replay", directory, "--record", again, status=None)
    equal(second.returncode, first.returncode)
    line = next(text for text in first.stdout.splitlines() if "received" in text).split(", time")[0]
    matches(second.stdout, line.replace("+", r"\+"))
    equal(words(again), words(directory))
    check(len(words(again)) > 20, "decisions")
    n = len(words(again))
    matches(second.stderr, f"replay: {n} of {n} decisions met their packet")
    with open(f"{again}/decisions", encoding="ascii") as file:
        check(all(line.endswith(" replay") for line in file.read().splitlines()[1:-1]), "causes")
    # ... and a replay can be replayed
    third = netlab("replay", again, status=None)
    matches(third.stdout, line.replace("+", r"\+"))


def http():
    nodes = {"a": {}, "b": {"services": [{"name": "web", "ready": {"log": "ready"}, "run": [
        "python3", "-c", "import socket\ns=socket.create_server(('', 8080))\nprint('ready', flush=True)\n"
        "while True:\n c,_=s.accept()\n c.recv(1)\n c.sendall(b'x'*300000)\n c.close()"]}]}}
    return topology(nodes, [["a", "b", {"delay": "2ms", "loss": "3%"}]], addressing={"ipv6": False}, seed=3)


GET = ("import socket\nfor i in range(3):\n"
       " s=socket.create_connection(('10.0.0.1', 8080))\n"
       " s.sendall(b'g')\n n=0\n"
       " while (d:=s.recv(65536)): n+=len(d)\n print(n)\n s.close()")


def test_tcp_with_other_ports_and_numbers():
    """Three connections: ephemeral ports and initial sequence numbers are others in each run."""
    directory, first = record(http(), "python3", "-c", GET, options=["--in", "a"], status=0)
    equal(first.stdout, "300000\n" * 3)
    with open(f"{directory}/decisions", encoding="ascii") as file:
        lines = file.read()
    check("to=10.0.0.0:*" in lines and "flow=3" in lines, "normalised")
    done = netlab("--json", "replay", directory)
    doc = json.loads(done.stdout.split("\n", 3)[3])
    check(doc["decisions"] >= 5, doc["decisions"])
    check(doc["met"] >= 0.8 * doc["decisions"], doc["met"], "of", doc["decisions"], doc["missed"])
    equal(doc["exit_code"], 0)
    equal(doc["missed"] == [], doc["met"] == doc["decisions"])


ASK = ("import os,socket,sys\nk=int(sys.argv[1]);s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM)\n"
       "for i in range(200): s.sendto((os.urandom(20) if k else b'%20d' % i), ('10.0.0.1', 9))")


def test_udp_by_payload_and_by_class():
    """Payloads that are the same are known by them; random ones by their order."""
    for random in ("0", "1"):
        directory, _ = record(pair(loss="10%"), "python3", "-c", ASK, random, options=["--in", "a"])
        doc = json.loads(netlab("--json", "replay", directory).stdout)
        there = doc["links"]["a--b"]["->"]
        equal((there["seen"], there["met"], there["new"]), (200, 200, 0), random)
        # what comes back are ICMP errors, as many as the kernel likes
        equal([m for m in doc["missed"] if m["direction"] == "->"], [])
    # one more at the beginning: payloads that are known keep their decisions
    directory, _ = record(pair(loss="10%"), "python3", "-c", ASK, "0", options=["--in", "a"])
    extra = ASK.replace("for i in range(200)", "s.sendto(b'other'*4, ('10.0.0.1', 9))\nfor i in range(200)")
    doc = json.loads(netlab("--json", "replay", directory, "--in", "a", "--", "python3", "-c", extra, "0").stdout)
    there = doc["links"]["a--b"]["->"]
    equal((there["seen"], there["met"]), (201, 200))
    # ... and one more at the end: by then payloads are known to be known
    extra = ASK + "\ns.sendto(b'other'*4, ('10.0.0.1', 9))"
    doc = json.loads(netlab("--json", "replay", directory, "--in", "a", "--", "python3", "-c", extra, "0").stdout)
    there = doc["links"]["a--b"]["->"]
    equal((there["seen"], there["met"], there["new"], there["parted"]["index"]), (201, 200, 1, 201))
    matches(there["parted"]["packet"], "UDP of 20 bytes")


def test_queue_and_delays():
    """What a queue dropped and jitter delayed is dropped and delayed again."""
    directory, first = record(pair(rate="1mbit", queue="3packets", delay="5ms", jitter="2ms"),
                              "ping", "-q", "-i", "0.01", "-l", "20", "-c", "60", "-s", "1000", "10.0.0.1", options=["--in", "a"])
    again = new_dir()
    done = netlab("replay", directory, "--record", again, status=None)
    drops = [w for w in words(directory) if w[3] == "drop"]
    check(drops, "none was dropped")
    mine = [w for w in words(again) if w[3] == "drop"]
    equal(mine, [w for w in drops if w in mine], "drops that were not recorded")
    check(len(mine) >= 0.8 * len(drops), len(mine), len(drops))
    matches(done.stderr, "decisions met their packet")


def test_faults_and_cuts_are_decisions():
    """A rule's drop and a cut of the timeline are replayed as decisions; the rule itself does nothing then."""
    path = topology(["a", "b"], [["a", "b", {"delay": "1ms"}]], addressing={"ipv6": False},
                    faults=[{"link": "a--b", "from": "a", "match": "icmp", "nth": [2, 4], "do": "drop"},
                            {"link": "a--b", "from": "a", "match": "icmp", "nth": [6], "do": {"delay": "50ms"}},
                            {"link": "a--b", "from": "a", "match": "icmp", "nth": [7], "do": "duplicate"}],
                    timeline=[{"when": {"packet": ["a--b", "icmp[icmptype] == icmp-echo", 9]}, "link": "a--b",
                               "down": True}])
    directory, first = record(path, "ping", "-q", "-i", "0.1", "-c", "12", "-W", "1", "10.0.0.1",
                              options=["--in", "a"])
    again = new_dir()
    done = netlab("replay", directory, "--record", again, status=None)
    check("has matched no packet" not in done.stderr, done.stderr)
    equal(words(again), words(directory))
    equal(sum(w[3] == "drop" for w in words(again) if w[1] == "->") >= 4, True)
    check(any("delay=+50000000ns" in w[3] for w in words(again)), words(again))
    check(any("dup" in w[3] for w in words(again)), words(again))


def test_some_decisions_only():
    """--decisions: a subset is what shrink tries."""
    directory, _ = record(pair(loss="20%"), "ping", "-q", "-i", "0.005", "-c", "50", "10.0.0.1", options=["--in", "a"])
    with open(f"{directory}/decisions", encoding="ascii") as file:
        lines = file.read().splitlines()
    one = next(line for line in lines if " -> " in line)
    file = f"{directory}.one"
    with open(file, "w", encoding="ascii") as out:
        out.write(f"{lines[0]}\n{one}\nend 1\n")
    done = netlab("replay", directory, "--decisions", file, status=0)
    matches(done.stdout, "50 packets transmitted, 49 received")
    matches(done.stderr, "1 of 1 decisions")
    with open(file, "w", encoding="ascii") as out:
        out.write(f"{lines[0]}\n{one}\n")
    matches(netlab("replay", directory, "--decisions", file, status=125).stderr, "is cut off")
    with open(file, "w", encoding="ascii") as out:
        out.write(f"{lines[0]}\n{one.replace('drop', 'lose')}\nend 1\n")
    matches(netlab("replay", directory, "--decisions", file, status=125).stderr, r"\.one:2: decisions: verdict 'lose")


def test_exit_codes():
    directory, _ = record(pair(), "true", status=0)
    netlab("replay", directory, status=0)
    netlab("replay", directory, "--", "sh", "-c", "exit 7", status=7)
    netlab("replay", directory, "--", "/nonexistent", status=127)
    netlab("replay", directory, "--timeout", "1s", "--", "sleep", "60", status=124)
    netlab("replay", directory, "--", status=125)
    netlab("replay", status=125)
    matches(netlab("replay", directory, "--name", "../x", status=125).stderr, "no name for a lab")
    equal(netlab_json("ls"), [])


def test_bad_records():
    good, _ = record(pair(loss="20%"), "ping", "-q", "-c", "20", "-i", "0.005", "10.0.0.1", options=["--in", "a"])

    def refused(damage, says):
        directory = new_dir()
        shutil.copytree(good, directory)
        damage(directory)
        done = netlab("replay", directory, "--", "true", status=125)
        matches(done.stderr, says)
        equal(netlab_json("ls"), [])

    def cut(name, share):
        def damage(directory):
            os.truncate(f"{directory}/{name}", int(os.path.getsize(f"{directory}/{name}") * share))
        return damage

    def replace(name, old, new):
        def damage(directory):
            with open(f"{directory}/{name}", encoding="utf-8") as file:
                text = file.read()
            check(old in text, old, "in", text)
            with open(f"{directory}/{name}", "w", encoding="utf-8") as file:
                file.write(text.replace(old, new))
        return damage

    refused(cut("decisions", 0.5), "decisions are cut off")
    refused(cut("decisions", 0), "the file is empty")
    refused(cut("record.json", 0.5), "record.json: the recording is damaged: line")
    refused(cut("summary.json", 0.5), "summary.json: the recording is damaged")
    refused(cut("identities", 0), "no file of identities")
    refused(cut("identities", 0.5), "identities: the recording is damaged: of [0-9]+ packets [0-9]+ are identified")
    refused(lambda d: os.unlink(f"{d}/summary.json"), "incomplete")
    refused(lambda d: os.unlink(f"{d}/record.json"), "no recording")
    refused(replace("topology.json", '"loss"', '"delay": "1ms", "loss"'), "not the topology that was recorded")
    refused(replace("record.json", '"format": 1', '"format": 99'), "format 99, this netlab .* reads format 1")
    refused(replace("decisions", "netlab-decisions 1", "netlab-decisions 9"), "decisions:1: .*another version")
    refused(replace("decisions", "a--b ->", "x--y ->"), "another topology: .* has no link 'x--y'")
    matches(netlab("replay", "/nonexistent", status=125).stderr, "opening the recording")
    # read-only is good enough
    os.chmod(good, 0o500)
    netlab("replay", good, status=None)
    check(load(f"{good}/summary.json")["complete"])


if __name__ == "__main__":
    main(globals())
