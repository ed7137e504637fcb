# SPDX-License-Identifier: MIT
"""capture: what tshark reads is what passed, on every kind of link and on interfaces of nodes.
netlab-test: timeout=900"""
import os
import signal
import subprocess

from support import (NETLAB, SCRATCH, STATE, Lab, check, equal, have_netem, in_vm_too, main, matches, netlab,
                     run, topology, wait_for)


def read(path, *fields):
    out = run("tshark", "-r", path, "-T", "fields", "-E", "separator=|",
              *[word for f in ("frame.interface_name", *fields) for word in ("-e", f)]).stdout
    return [tuple(line.split("|")) for line in out.splitlines()]


def capture(name, *options):
    """Starts to capture to a file; returns when it does."""
    path = os.path.join(SCRATCH, name)
    process = subprocess.Popen([NETLAB, "--state-dir", STATE, "capture", *options, "-w", path],
                               text=True, stderr=subprocess.PIPE)
    wait_for(lambda: os.path.exists(path) or os.path.exists(path + ".1") or process.poll() is not None, "a file")
    wait_for(lambda: process.poll() is not None or
             any(os.path.exists(p) and os.path.getsize(p) > 0 for p in (path, path + ".1")), "its head")
    return process, path


def end(process, status=0):
    _, err = process.communicate(timeout=60)
    equal(process.returncode, status, err)
    return err


@in_vm_too
def test_every_join():
    joins = [("patch", {}), ("wire", {"join": "wire", "delay": "1ms"})]
    if have_netem():
        joins.append(("netem", {"join": "netem", "delay": "1ms"}))
    if "NETLAB_HOST_RAN" in os.environ:
        del joins[:-1]  # tshark takes long on the VM's processor
    for name, keys in joins:
        lab = Lab(topology(["a", "b"], [["a", "b", keys]], addressing={"ipv6": False}))
        equal(lab.link_show("a--b")["join"], name)
        process, path = capture(f"{name}.pcapng", f"{lab.name}:a--b", "icmp")
        lab.exec("a", "ping", "-q", "-c", "5", "-i", "0.02", "10.0.0.1")
        wait_for(lambda: len(read(path)) == 10, name)
        process.send_signal(signal.SIGINT)
        matches(end(process), "10 packets captured")
        packets = read(path, "icmp.type")
        equal(sorted(set(packets)), [("a--b: a > b", "8"), ("a--b: b > a", "0")], name)
        lab.down()


def test_interface_count_and_filter():
    lab = Lab(topology(["a", "b"], [["a", "b"]], addressing={"ipv6": False}))
    process, path = capture("if.pcapng", f"{lab.name}:a:eth0", "-c", "4", "icmp", "and", "dst", "host", "10.0.0.1")
    lab.exec("a", "ping", "-q", "-c", "6", "-i", "0.02", "10.0.0.1")
    matches(end(process), "4 packets captured")
    equal(read(path, "icmp.seq"), [("a:eth0 out", str(i)) for i in (1, 2, 3, 4)])
    done = netlab("capture", f"{lab.name}:a--b", "tcp", "bla", status=2)
    matches(done.stderr, "'tcp bla' is no pcap expression .*syntax error")
    matches(netlab("capture", f"{lab.name}:a:eth0", "inbound", status=2).stderr, "which way it goes .*for each direction")
    matches(netlab("capture", f"{lab.name}:a:eth7", status=1).stderr, "has no interface 'eth7'")
    matches(netlab("capture", f"{lab.name}:a--c", status=1).stderr, "no link 'a--c'")
    matches(netlab("capture", "-c", "0", "a--b", status=2).stderr, "--count: '0' is no number of packets")
    for ring, why in (("3:10mb", "has no file"), ("3", "how many files"), ("0:10mb", "no number of files"),
                      ("3:10", "no size of a file"), ("3:4kb", "too small.*4kib or more")):
        options = [] if why == "has no file" else ["-w", "/nonexistent/x"]
        matches(netlab("capture", "--ring", ring, "a--b", *options, status=2).stderr, f"--ring: '{ring}' .*{why}")
    netlab("capture", status=2)
    matches(netlab("capture", f"{lab.name}:a--b", "-w", "/nonexistent/x", status=1).stderr, "No such file")
    # nobody reads any more: no error
    process = subprocess.Popen([NETLAB, "--state-dir", STATE, "capture", f"{lab.name}:a--b"], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=False)
    process.stdout.read(16)
    process.stdout.close()
    lab.exec("a", "ping", "-q", "-c", "2", "-i", "0.02", "10.0.0.1")
    equal(process.wait(timeout=60), 0)


def test_ends_with_the_lab():
    lab = Lab(topology(["a", "b"], [["a", "b"]], addressing={"ipv6": False}))
    process, path = capture("end.pcapng", f"{lab.name}:b:eth0")
    lab.exec("a", "ping", "-q", "-c", "1", "10.0.0.1")
    lab.down()
    end(process)
    equal([p[0] for p in read(path)], ["b:eth0 in", "b:eth0 out"])


def test_ring():
    lab = Lab(topology(["a", "b"], [["a", "b"]], addressing={"ipv6": False}))
    process, path = capture("ring.pcapng", f"{lab.name}:a--b", "--ring", "2:8kb", "-c", "100")
    lab.exec("a", "ping", "-q", "-c", "50", "-i", "0.005", "-s", "500", "10.0.0.1")
    end(process)
    files = sorted(f for f in os.listdir(SCRATCH) if f.startswith("ring.pcapng."))
    equal(len(files), 2, files)
    for file in files:
        check(os.path.getsize(os.path.join(SCRATCH, file)) <= 10000, file)
        check(len(read(os.path.join(SCRATCH, file))) > 0, file)
    check(files[-1] not in ("ring.pcapng.1", "ring.pcapng.2"), files)


if __name__ == "__main__":
    main(globals())
