#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# netlab-test: host
"""Attempts to get out of a node with the default privileges, as its root, or to do harm from there: each is refused. That an
attempt could succeed is proven too: the same program gets further in a privileged node, or on the host itself, in namespaces
that end with it. docs/security.md has the same list."""
import ctypes
import fcntl
import glob
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile

from support import (NETLAB, SCRATCH, STATE, TOP, Lab, check, equal, main, need_root, netlab, run, topology, wait_for)

PYTHON = shutil.which("python3", path="/usr/local/bin:/usr/bin:/bin") or sys.executable
WORD = f"netlab-security-{os.getpid()}"

FORBIDDEN = ("EPERM", "EACCES")
HIDDEN = ("ENOENT", "ESRCH")
READ_ONLY = ("EROFS", "EACCES", "EPERM", "ENOENT")

# Attempt, the refusals that count, and who gets further: "privileged", a node that is, or "outside", the host's root.
ATTEMPTS = (
    ("signal_a_process_of_the_host", HIDDEN, "outside"),
    ("signal_a_process_of_another_node", HIDDEN, "outside"),
    ("see_processes_of_others", HIDDEN, "outside"),
    ("trace_the_init", FORBIDDEN, "privileged"),
    ("read_the_inits_memory", FORBIDDEN, "privileged"),
    ("read_the_inits_memory_by_call", FORBIDDEN, "privileged"),
    ("look_at_the_inits_descriptors", FORBIDDEN, "privileged"),
    ("take_a_descriptor_of_the_init", FORBIDDEN, "privileged"),
    ("go_through_the_inits_root", FORBIDDEN, "privileged"),
    ("join_the_inits_namespaces", FORBIDDEN, "privileged"),
    ("join_a_namespace", FORBIDDEN, "privileged"),
    ("make_a_user_namespace", FORBIDDEN, "privileged"),
    ("clone_into_a_user_namespace", FORBIDDEN, "privileged"),
    ("clone_with_flags_in_memory", ("ENOSYS",), "privileged"),
    ("make_a_mount_namespace", FORBIDDEN, "privileged"),
    ("type_into_the_callers_terminal", FORBIDDEN, "privileged"),
    ("take_a_better_priority", FORBIDDEN, "privileged"),
    ("take_real_time_priority", FORBIDDEN, "privileged"),
    ("take_all_memory_into_ram", FORBIDDEN + ("ENOMEM",), "privileged"),
    ("remount_read_write", FORBIDDEN, "privileged"),
    ("remount_by_the_new_calls", FORBIDDEN, "privileged"),
    ("remount_by_the_youngest_call", FORBIDDEN, "privileged"),
    ("mount_a_proc", FORBIDDEN, "privileged"),
    ("mount_the_hosts_devices", FORBIDDEN, "privileged"),
    ("mount_a_cgroup_tree", FORBIDDEN, "privileged"),
    ("take_away_mounts", FORBIDDEN, "privileged"),
    ("pivot_to_another_root", FORBIDDEN, "privileged"),
    ("make_a_disk_device", FORBIDDEN, "privileged"),
    ("open_a_file_by_handle", FORBIDDEN, "privileged"),
    ("watch_all_files_opened", FORBIDDEN, "privileged"),
    ("load_a_module", FORBIDDEN, "privileged"),
    ("load_a_module_from_a_file", FORBIDDEN, "privileged"),
    ("unload_a_module", FORBIDDEN, "privileged"),
    ("start_another_kernel", FORBIDDEN, "privileged"),
    ("restart_the_machine", FORBIDDEN, "privileged"),
    ("set_the_clock", FORBIDDEN, "privileged"),
    ("bend_the_clock", FORBIDDEN, "privileged"),
    ("swap_to_a_file", FORBIDDEN, "privileged"),
    ("account_processes", FORBIDDEN, "privileged"),
    ("change_quotas", FORBIDDEN, "privileged"),
    ("load_a_bpf_program", FORBIDDEN, "privileged"),
    ("count_the_processors_events", FORBIDDEN, "privileged"),
    ("handle_page_faults", FORBIDDEN, "privileged"),
    ("keep_a_key_in_the_kernel", FORBIDDEN, "privileged"),
    ("read_the_kernel_log", FORBIDDEN, "privileged"),
    ("talk_to_ports", FORBIDDEN, "privileged"),
    ("freeze_a_file_system", FORBIDDEN, "privileged"),
    ("read_the_kernels_memory", READ_ONLY, "outside"),
    ("see_interfaces_of_the_host", ("ENODEV",), "outside"),
    ("list_the_links_of_the_lab", FORBIDDEN, "privileged"),
    ("make_an_interface_in_the_fabric", FORBIDDEN, "privileged"),
    ("take_a_link_of_the_lab_away", FORBIDDEN, "privileged"),
    ("connect_to_an_abstract_socket", ("ECONNREFUSED",), "outside"),
    ("connect_to_the_hosts_loopback", ("ECONNREFUSED",), "outside"),
    ("open_shared_memory_of_the_host", HIDDEN, "outside"),
    ("talk_to_the_hypervisor", FORBIDDEN, "privileged"),
    # the node's own file tree
    ("write_to_the_host_tree", READ_ONLY, "outside"),
    ("change_a_file_of_the_host", READ_ONLY, "outside"),
    ("read_a_file_in_the_hosts_tmp", HIDDEN, "outside"),
    ("reach_the_lab_directory", HIDDEN, "outside"),
    ("connect_to_a_named_socket", HIDDEN, "outside"),
    ("chroot_and_climb_out", HIDDEN, "outside"),
    ("write_core_pattern", READ_ONLY, "outside"),
    ("write_a_vm_setting", READ_ONLY, "outside"),
    ("press_sysrq", READ_ONLY, "outside"),
    ("write_to_sys", READ_ONLY, "outside"),
    ("move_into_another_cgroup", READ_ONLY, "outside"),
    ("see_devices_of_the_host", HIDDEN, "outside"),
)


# Not every kernel has them, so nothing can be proven there.
NOT_EVERYWHERE = ("read_the_kernels_memory", "press_sysrq", "move_into_another_cgroup")


def program():
    with open(f"{TOP}/tests/support/attempts.py", encoding="utf-8") as file:
        return file.read()


class Host:
    """What there is outside to be reached."""

    SHM = 0x6e6c7365

    def __init__(self, lab):
        # neither in /etc or /var, of which a node has a copy, nor where the topology is, which it sees
        self.tree = tempfile.mkdtemp(prefix="netlab-security-", dir="/opt" if os.path.isdir("/opt") else "/usr/local")
        self.hidden = tempfile.mkdtemp(prefix="netlab-security-", dir="/tmp")
        with open(f"{self.tree}/file", "w", encoding="ascii") as file:
            file.write("the host's\n")
        hidden = os.path.join(self.hidden, "file")
        with open(hidden, "w", encoding="ascii") as file:
            file.write("hidden\n")
        self.listeners = [socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX), socket.socket()]
        for listener, address in zip(self.listeners, ("\0" + WORD, f"{self.hidden}/socket", ("127.0.0.1", 0))):
            listener.bind(address)
            listener.listen()
        self.shm = ctypes.CDLL(None).shmget(self.SHM, 4096, 0o1600)
        self.process = subprocess.Popen(["sh", "-c", "read line", WORD], stdin=subprocess.PIPE)
        macs = []
        for path in glob.glob("/sys/class/net/*/address"):
            with open(path, encoding="ascii") as file:
                macs.append(file.read().strip())
        self.told = json.dumps({
            "tree": self.tree, "hidden": hidden, "lab": f"{STATE}/{lab.name}", "socket": f"{self.hidden}/socket", "abstract": WORD,
            "port": self.listeners[2].getsockname()[1], "shm": self.SHM, "pid": self.process.pid, "word": WORD,
            "other_pid": lab.pid("b"), "macs": [mac for mac in macs if mac != "00:00:00:00:00:00"],
            "devices": [name for name in os.listdir("/dev")
                        if name in ("mem", "kmsg", "loop-control", "fuse", "rtc0", "kvm", "ttyS0", "tty0", "nvram") or
                        re.fullmatch(r"[svx]?v?d[a-z]\d*|nvme.*|loop\d+", name)]})

    def close(self):
        self.process.communicate()
        for listener in self.listeners:
            listener.close()
        ctypes.CDLL(None).shmctl(self.shm, 0, None)
        shutil.rmtree(self.tree)
        shutil.rmtree(self.hidden)


def try_all(prefix, host, names):
    return json.loads(run(*prefix, PYTHON, "-c", program(), host.told, *names).stdout)


def test_attempts():
    need_root()
    lab = Lab(topology({"a": {}, "b": {}, "p": {"privileged": True}}, [["a", "b"], ["b", "p"]]))
    host = Host(lab)
    command = [NETLAB, "--state-dir", STATE, "exec"]
    # on the host, with nothing that could be harmed but what ends with it
    outside = ["unshare", "--mount", "--uts"]
    try:
        names = [name for name, _, _ in ATTEMPTS]
        got = try_all([*command, f"{lab.name}:a", "--"], host, names)
        proof = {"privileged": try_all([*command, f"{lab.name}:p", "--"], host,
                                       [n for n, _, how in ATTEMPTS if how == "privileged"]),
                 "outside": try_all(outside, host, [n for n, _, how in ATTEMPTS if how == "outside"])}
        check(host.process.poll() is None, "the host's process is gone")
        wrong = []
        for name, refusals, how in ATTEMPTS:
            print(f"  {name:36} {got[name]:14} {how}: {proof[how][name]}")
            if got[name] == "no such call":
                continue
            if got[name] not in refusals:
                wrong.append(f"{name}: {got[name]}")
            if name in NOT_EVERYWHERE and proof[how][name] == "ENOENT":
                continue
            if proof[how][name] == got[name] or (how == "outside" and proof[how][name] != "done"):
                wrong.append(f"{name} proves nothing: {how} it comes to {proof[how][name]}")
        check(not wrong, *wrong)
    finally:
        host.close()


def test_with_sys_admin():
    """The filter does not follow the capabilities: who has this one for a daemon's sake still changes no mount, and stops none
    of the host's file systems."""
    need_root()
    lab = Lab(topology({"a": {"capabilities": {"add": ["sys_admin"]}, "share": ["user"]}, "p": {"privileged": True}}, [["a", "p"]]))
    names = [name for name, _, _ in ATTEMPTS if re.search("mount|freeze", name) and name != "make_a_mount_namespace"]
    check(len(names) >= 7, names)
    got, proof = ({name: result for name, result in
                   json.loads(lab.out(node, PYTHON, "-c", program(), "{}", *names)).items() if result != "no such call"}
                  for node in "ap")
    equal(got, {name: "EPERM" for name in proof})
    check("EPERM" not in proof.values(), proof)


def test_fabric():
    """The far ends of a node's links are out of its root's reach in every kind of lab; and in none where the node is told to
    share the lab's user namespace: so the attempts are real ones."""
    need_root()
    attempts = ("list_the_links_of_the_lab", "make_an_interface_in_the_fabric", "take_a_link_of_the_lab_away")
    file = topology({"a": {}, "b": {"share": ["user"]}}, [["a", "b"]])
    os.chmod(SCRATCH, 0o755)
    os.chmod(file, 0o644)
    user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    for who, prefix in (("root", []), ("user", user), ("unshare", [*user, "unshare", "-Ur"])):
        with tempfile.TemporaryDirectory(prefix="netlab-fabric-", dir="/tmp") as place:
            os.chmod(place, 0o777)
            got = {node: json.loads(run(*prefix, NETLAB, "--state-dir", f"{place}/state", "run", "--in", node, file, "--",
                                        PYTHON, "-c", program(), "{}", *attempts, cwd="/").stdout) for node in "ab"}
        print(f"  {who}: {got}")
        check(all(verdict in FORBIDDEN for verdict in got["a"].values()), who, got)
        check(all(verdict == "done" for verdict in got["b"].values()), who, "proves nothing", got)


def test_user_namespaces():
    """Nodes share one, which is not the lab's; who is to have what counts only there, or asks to, is in the lab's. Ids are the
    same in both."""
    need_root()
    nodes = {"a": {}, "b": {"services": [{"name": "s", "run": ["readlink", "/proc/self/ns/user"]}]}, "shares": {"share": ["user"]},
             "nice": {"capabilities": {"add": ["sys_nice"]}}, "zebra": {"capabilities": {"add": ["sys_admin"]}},
             "all": {"privileged": True}}
    lab = Lab(topology(nodes, [["a", node] for node in nodes if node != "a"]))
    shown = {name: node["namespaces"]["user"] for name, node in lab.show()["nodes"].items()}
    for node, inode in shown.items():
        equal(lab.out(node, "readlink", "/proc/self/ns/user"), f"user:[{inode}]\n", node)
    wait_for(lambda: f"user:[{shown['b']}]" in netlab("logs", f"{lab.name}:b/s").stdout, "its log")
    of_lab = int(re.search(r"\d+", os.readlink("/proc/self/ns/user"))[0])
    equal({node for node, inode in shown.items() if inode == of_lab}, {"shares", "nice", "all"}, "in the lab's")
    equal(len(set(shown.values())), 2, "user namespaces")
    equal(lab.out("a", "cat", "/proc/self/uid_map", "/proc/self/gid_map").split(), ["0", "0", "4294967295"] * 2, "ids")
    equal(lab.out("a", "stat", "-c", "%u %g", "/etc/shadow"), run("stat", "-c", "%u %g", "/etc/shadow").stdout, "an owner")
    # what was one of the lab's own is so after a restart, too
    netlab("restart", f"{lab.name}:a")
    equal(lab.out("a", "readlink", "/proc/self/ns/user"), f"user:[{shown['a']}]\n", "after a restart")


def test_without_user_namespaces():
    """Where there can be none more, the lab comes up all the same, and says what is not held back."""
    need_root()
    file = topology(["a", "b"], [["a", "b"]])
    script = 'echo 0 >/proc/sys/user/max_user_namespaces; exec "$@"'
    done = run("unshare", "--user", "--map-root-user", "sh", "-ec", script, "sh", NETLAB, "--state-dir", f"{STATE}-none", "run",
               "--in", "a", file, "--", "ping", "-nqc1", "-W5", "b")
    check("warning" in done.stderr and "user namespace" in done.stderr, done.stderr)


def test_descriptors_left_open():
    """What the caller's shell has open is nothing for the node."""
    need_root()
    lab = Lab(topology(["a", "b"], [["a", "b"]]))
    fd = fcntl.fcntl(os.open("/etc", os.O_RDONLY), fcntl.F_DUPFD, 200)  # what no program has by itself
    told = json.dumps({"fd": fd})
    words = [PYTHON, "-c", program(), told, "follow_a_descriptor_left_open"]
    inside = json.loads(run(NETLAB, "--state-dir", STATE, "exec", f"{lab.name}:a", "--", *words, pass_fds=[fd]).stdout)
    outside = json.loads(run(*words, pass_fds=[fd]).stdout)
    os.close(fd)
    equal(inside["follow_a_descriptor_left_open"], "ENOENT")
    equal(outside["follow_a_descriptor_left_open"], "done")


def test_setuid_programs():
    """A setuid program of root's makes nobody root."""
    need_root()
    lab = Lab(topology({"a": {}, "p": {"privileged": True}}, [["a", "p"]]))
    place = tempfile.mkdtemp(prefix="netlab-security-", dir="/var/lib")
    try:
        shutil.copy(shutil.which("id"), f"{place}/id")
        os.chmod(place, 0o755)
        os.chmod(f"{place}/id", 0o4755)
        uid = {node: lab.out(node, f"{place}/id", "-u", options=["-u", "nobody"]).strip() for node in "ap"}
        equal(uid, {"a": "65534", "p": "0"})
    finally:
        shutil.rmtree(place)


def test_control_socket():
    """A process in a node does not command the lab, even where it finds the socket: it has the host's files here, and only
    the node's processes and network."""
    need_root()
    lab = Lab(topology(["a", "b"], [["a", "b"]]))
    pid = lab.pid("a")
    words = [NETLAB, "--state-dir", STATE, "link", "down", f"{lab.name}:a--b"]
    inside = run("nsenter", f"--pid=/proc/{pid}/ns/pid", f"--net=/proc/{pid}/ns/net", *words, status=None)
    check(inside.returncode != 0, "a node has commanded its lab")
    lab.exec("a", "ping", "-nqc1", "-W5", "b")
    run("nsenter", f"--net=/proc/{pid}/ns/net", *words)  # from outside its processes: it can be done
    lab.exec("a", "ping", "-nqc1", "-W1", "b", status=1)


def test_kept_capabilities():
    """The three ways to say them, as the kernel tells them; services get what commands get."""
    need_root()
    status = ["sh", "-c", "grep -E '^(Cap|NoNew|Seccomp:)' /proc/self/status"]
    nodes = {"default": {}, "none": {"capabilities": []}, "one": {"capabilities": ["net_raw"]},
             "change": {"capabilities": {"add": ["sys_admin"], "drop": ["net_admin"]}}, "all": {"privileged": True}}
    for node in nodes.values():
        node["services"] = [{"name": "s", "run": status}]
    lab = Lab(topology(nodes, [["default", node] for node in nodes if node != "default"]))
    default = 0x20043dfb
    want = {"default": default, "none": 0, "one": 1 << 13, "change": (default | 1 << 21) & ~(1 << 12)}
    for node in nodes:
        told = lab.out(node, *status)
        wait_for(lambda: netlab("logs", f"{lab.name}:{node}/s").stdout.count("\n") >= told.count("\n"), "its log")
        log = netlab("logs", f"{lab.name}:{node}/s").stdout
        for line in told.splitlines():
            check(line in log, f"{node}: a service has other privileges than a command:", line, log)
        state = dict(line.split(":\t") for line in told.splitlines())
        equal(int(state["CapInh"], 16), 0, node)
        equal(int(state["CapAmb"], 16), 0, node)
        if node == "all":
            equal((state["NoNewPrivs"], state["Seccomp"]), ("0", "0"), node)
            continue
        for kind in ("CapPrm", "CapEff", "CapBnd"):
            equal(int(state[kind], 16), want[node], node, kind)
        equal((state["NoNewPrivs"], state["Seccomp"]), ("1", "2"), node)
    shown = lab.show()["nodes"]
    equal(shown["one"]["capabilities"], ["net_raw"])
    equal(shown["all"]["privileged"], True)


def test_lacking_capability():
    """What netlab has not got it cannot give, and says so."""
    need_root()
    file = topology({"a": {"capabilities": {"add": ["sys_nice"]}}, "b": {}}, [["a", "b"]])
    said = run("setpriv", "--bounding-set=-sys_nice", NETLAB, "--state-dir", STATE, "up", file, status=4).stderr
    check("node 'a': capability 'sys_nice' cannot be granted" in said, said)


def test_documented():
    """docs/security.md lists every attempt."""
    with open(f"{TOP}/docs/security.md", encoding="utf-8") as file:
        text = file.read()
    for name, _, _ in ATTEMPTS:
        check(f"| {name.replace('_', ' ')} |" in text, f"'{name.replace('_', ' ')}' is not in docs/security.md")


main(globals())
