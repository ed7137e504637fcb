# SPDX-License-Identifier: MIT
"""Attempts to get out of a node, or to do harm from within. Runs in the node (as `python3 -c`, so it needs no file there), and
outside to prove that the same attempt succeeds where nothing holds it back. argv[1]: JSON, what the test made on the host to be
reached. Prints {attempt: "done" or the name of the errno it met}. An attempt is a function; it raises OSError when refused."""
import ctypes
import errno
import fcntl
import glob
import json
import os
import platform
import pty
import resource
import signal
import socket
import struct
import sys
import termios

LIBC = ctypes.CDLL(None, use_errno=True)
SYSCALLS = {  # of x86_64 and of all newer architectures: asm/unistd_64.h, asm-generic/unistd.h
    "x86_64": {"init_module": 175, "finit_module": 313, "delete_module": 176, "kexec_load": 246, "kexec_file_load": 320,
               "reboot": 169, "clock_settime": 227, "settimeofday": 164, "clock_adjtime": 305, "swapon": 167, "bpf": 321,
               "perf_event_open": 298, "userfaultfd": 323, "add_key": 248, "keyctl": 250, "unshare": 272, "clone3": 435,
               "ioperm": 173, "iopl": 172, "syslog": 103, "acct": 163, "quotactl": 179, "fanotify_init": 300, "mount": 165,
               "umount2": 166, "pivot_root": 155, "open_tree": 428, "fsopen": 430, "move_mount": 429, "setns": 308,
               "name_to_handle_at": 303, "open_by_handle_at": 304, "ptrace": 101, "process_vm_readv": 310,
               "pidfd_open": 434, "pidfd_getfd": 438, "shmget": 29, "clone": 56},
    "aarch64": {"init_module": 105, "finit_module": 273, "delete_module": 106, "kexec_load": 104, "kexec_file_load": 294,
                "reboot": 142, "clock_settime": 112, "settimeofday": 170, "clock_adjtime": 266, "swapon": 224, "bpf": 280,
                "perf_event_open": 241, "userfaultfd": 282, "add_key": 217, "keyctl": 219, "unshare": 97, "clone3": 435,
                "syslog": 116, "acct": 89, "quotactl": 60, "fanotify_init": 262, "mount": 40, "umount2": 39,
                "pivot_root": 41, "open_tree": 428, "fsopen": 430, "move_mount": 429, "setns": 268,
                "name_to_handle_at": 264, "open_by_handle_at": 265, "ptrace": 117, "process_vm_readv": 270,
                "pidfd_open": 434, "pidfd_getfd": 438, "shmget": 194, "clone": 220},
}[platform.machine()]
SYSCALLS["open_tree_attr"] = 467  # the same on all architectures, as all that came after Linux 5.1
AT_FDCWD, NEWUSER, NEWNS, INIT = -100, 0x10000000, 0x20000, 1
BIND, REMOUNT, DETACH = 4096, 32, 2


def call(name, *arguments):
    # a pointer given as a number would be cut to 32 bits
    words = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    result = LIBC.syscall(ctypes.c_long(SYSCALLS[name]), *words)
    if result < 0:
        raise OSError(ctypes.get_errno(), name)
    return result


def open_for_writing(path):
    os.close(os.open(path, os.O_WRONLY))  # opened, nothing written


# --- files ---

def write_to_the_host_tree(host):
    os.close(os.open(f"{host['tree']}/new", os.O_WRONLY | os.O_CREAT))
    os.unlink(f"{host['tree']}/new")


def change_a_file_of_the_host(host):
    open_for_writing(f"{host['tree']}/file")


def remount_read_write(_):
    call("mount", None, b"/", None, REMOUNT | BIND, None)


def remount_by_the_new_calls(_):
    os.close(call("open_tree", AT_FDCWD, b"/", 1))  # OPEN_TREE_CLONE


def remount_by_the_youngest_call(_):
    attributes = struct.pack("4Q", 0, 1, 0, 0)  # MOUNT_ATTR_RDONLY is to be cleared
    os.close(call("open_tree_attr", AT_FDCWD, b"/", 0, attributes, len(attributes)))


def read_a_file_in_the_hosts_tmp(host):
    os.close(os.open(host["hidden"], os.O_RDONLY))


def reach_the_lab_directory(host):
    os.listdir(host["lab"])


def chroot_and_climb_out(host):
    place = f"/tmp/jail{os.getpid()}"
    os.mkdir(place)
    above = os.open("/", os.O_RDONLY)
    os.chroot(place)
    os.fchdir(above)
    for _ in range(64):
        os.chdir("..")
    os.chroot(".")
    os.close(os.open(host["hidden"], os.O_RDONLY))


def mount_a_proc(_):
    call("mount", b"x", b"/mnt", b"proc", 0, None)


def mount_the_hosts_devices(_):
    call("mount", b"x", b"/mnt", b"devtmpfs", 0, None)


def mount_a_cgroup_tree(_):
    """And with it, of version 1, release_agent: a program that the kernel starts on the host."""
    call("mount", b"x", b"/mnt", b"cgroup2", 0, None)


def take_away_mounts(_):
    call("umount2", b"/proc", DETACH)


def pivot_to_another_root(_):
    call("pivot_root", b".", b".")


def make_a_disk_device(_):
    place = f"/tmp/disk{os.getpid()}"
    os.mknod(place, 0o60600, os.makedev(8, 0))
    os.unlink(place)


def open_a_file_by_handle(_):
    handle = ctypes.create_string_buffer(struct.pack("Ii", 128, 0), 136)
    mount = ctypes.c_int()
    call("name_to_handle_at", AT_FDCWD, b"/tmp", handle, ctypes.byref(mount), 0)
    fd = os.open("/tmp", os.O_RDONLY)
    os.close(call("open_by_handle_at", fd, handle, os.O_RDONLY))


def watch_all_files_opened(_):
    os.close(call("fanotify_init", 0, os.O_RDONLY))


def follow_a_descriptor_left_open(host):
    os.readlink(f"/proc/self/fd/{host['fd']}")


# --- /proc, /sys, /dev ---

def write_core_pattern(_):
    open_for_writing("/proc/sys/kernel/core_pattern")


def write_a_vm_setting(_):
    open_for_writing("/proc/sys/vm/drop_caches")


def press_sysrq(_):
    open_for_writing("/proc/sysrq-trigger")


def read_the_kernels_memory(_):
    with open("/proc/kcore", "rb") as file:
        file.read(64)


def write_to_sys(_):
    open_for_writing("/sys/kernel/mm/transparent_hugepage/enabled")


def move_into_another_cgroup(_):
    found = glob.glob("/sys/fs/cgroup/cgroup.procs") + glob.glob("/sys/fs/cgroup/*/cgroup.procs")
    if not found:
        raise FileNotFoundError(errno.ENOENT, "cgroup.procs")
    open_for_writing(found[0])


def see_devices_of_the_host(host):
    if not any(os.path.exists(f"/dev/{name}") for name in host["devices"]):
        raise FileNotFoundError(errno.ENOENT, "/dev")


# --- processes ---

def signal_a_process_of_the_host(host):
    os.kill(host["pid"], 0)


def signal_a_process_of_another_node(host):
    os.kill(host["other_pid"], 0)


def see_processes_of_others(host):
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            with open(path, "rb") as file:
                words = file.read().split(b"\0")
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended meanwhile
        if host["word"].encode() in words:
            return
    raise ProcessLookupError(errno.ESRCH, "no such process")


def trace_the_init(_):
    call("ptrace", 0x4206, INIT, None, None)  # PTRACE_SEIZE, which does not stop it


def read_the_inits_memory(_):
    os.close(os.open(f"/proc/{INIT}/mem", os.O_RDWR))


def read_the_inits_memory_by_call(_):
    word = ctypes.create_string_buffer(8)
    here = (ctypes.c_void_p * 2)(ctypes.addressof(word), 8)
    there = (ctypes.c_void_p * 2)(4096, 8)
    call("process_vm_readv", INIT, here, 1, there, 1, 0)


def look_at_the_inits_descriptors(_):
    os.readlink(f"/proc/{INIT}/fd/1")


def take_a_descriptor_of_the_init(_):
    os.close(call("pidfd_getfd", call("pidfd_open", INIT, 0), 1, 0))


def go_through_the_inits_root(_):
    os.listdir(f"/proc/{INIT}/root/")


def join_the_inits_namespaces(_):
    os.close(os.open(f"/proc/{INIT}/ns/mnt", os.O_RDONLY))


def join_a_namespace(_):
    call("setns", os.open("/proc/self/ns/net", os.O_RDONLY), 0)


def make_a_user_namespace(_):
    call("unshare", NEWUSER)


def clone_into_a_user_namespace(_):
    pid = call("clone", NEWUSER | signal.SIGCHLD, None, None, None, None)
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)


def clone_with_flags_in_memory(_):
    arguments = struct.pack("11Q", NEWUSER, 0, 0, 0, signal.SIGCHLD, 0, 0, 0, 0, 0, 0)
    pid = call("clone3", arguments, len(arguments))
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)


def make_a_mount_namespace(_):
    call("unshare", NEWNS)


def type_into_the_callers_terminal(_):
    _master, terminal = pty.openpty()
    os.setsid()
    fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
    fcntl.ioctl(terminal, termios.TIOCSTI, b"x")


def take_a_better_priority(_):
    os.setpriority(os.PRIO_PROCESS, 0, -5)


def take_real_time_priority(_):
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))


def take_all_memory_into_ram(_):
    resource.setrlimit(resource.RLIMIT_MEMLOCK, (0, 0))
    if LIBC.mlockall(1) < 0:
        raise OSError(ctypes.get_errno(), "mlockall")


# --- the machine ---

def load_a_module(_):
    call("init_module", b"no module", 9, b"")


def load_a_module_from_a_file(_):
    call("finit_module", os.open("/proc/self/exe", os.O_RDONLY), b"", 0)


def unload_a_module(_):
    call("delete_module", b"netlab_no_such_module", os.O_NONBLOCK)


def start_another_kernel(_):
    call("kexec_load", 0, 1 << 20, None, 0)


def restart_the_machine(_):
    call("reboot", 1, 2, 3, None)  # no magic: what may restart gets EINVAL


def set_the_clock(_):
    call("clock_settime", -1, struct.pack("qq", 0, 0))  # no such clock


def bend_the_clock(_):
    timex = struct.pack("I4x4qi4x3qi4xq4q", 0x4000, *([0] * 14)) + bytes(128)  # ADJ_TICK, a tick of 0
    call("clock_adjtime", 0, timex)


def swap_to_a_file(_):
    call("swapon", b"/nonexistent", 0)


def account_processes(_):
    call("acct", b"/nonexistent/file")


def change_quotas(_):
    call("quotactl", 0x800002 << 8, b"/nonexistent", 0, None)


def load_a_bpf_program(_):
    os.close(call("bpf", 0, struct.pack("5I", 2, 4, 4, 1, 0) + bytes(100), 120))  # a map: array of one


def count_the_processors_events(_):
    os.close(call("perf_event_open", struct.pack("IIQ", 1, 112, 0) + bytes(96), 0, -1, -1, 0))


def handle_page_faults(_):
    os.close(call("userfaultfd", 0))


def keep_a_key_in_the_kernel(_):
    call("add_key", b"user", b"netlab-test", b"x", 1, -2)  # the process keyring


def read_the_kernel_log(_):
    call("syslog", 3, ctypes.create_string_buffer(64), 64)


def talk_to_ports(_):
    call("ioperm", 0x80, 1, 1)


def freeze_a_file_system(_):
    """One in memory, which cannot be frozen: where this is let through, the kernel says so (EOPNOTSUPP)."""
    fcntl.ioctl(os.open("/tmp", os.O_RDONLY), 0xC0045877, 0)  # FIFREEZE


# --- network and IPC ---

def see_interfaces_of_the_host(host):
    found = set()
    for path in glob.glob("/sys/class/net/*/address"):
        with open(path, encoding="ascii") as file:
            found.add(file.read().strip())
    if not found & set(host["macs"]):
        raise OSError(errno.ENODEV, "none of the host's")


def rtnetlink(kind, flags, ifindex=0, *attributes):
    """One request about a link; its answers, of which an error is raised."""
    body = struct.pack("BBHiII", 0, 0, 0, ifindex, 0, 0) + b"".join(
        struct.pack("HH", 4 + len(value), name) + value + bytes(-len(value) % 4) for name, value in attributes)
    answers = []
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as s:
        s.send(struct.pack("IHHII", 16 + len(body), kind, 1 | flags, 1, 0) + body)
        while True:
            data = s.recv(1 << 18)
            while data:
                length, what = struct.unpack_from("IH", data)
                if what in (2, 3):  # NLMSG_ERROR, which may be 0; NLMSG_DONE
                    error = struct.unpack_from("i", data, 16)[0]
                    if error:
                        raise OSError(-error, "rtnetlink")
                    return answers
                answers.append(data[16:length])
                data = data[(length + 3) & ~3:]


NEWLINK, DELLINK, GETLINK, DUMP, ACK, CREATE = 16, 17, 18, 0x300, 4, 0x600
IFNAME, LINK, LINKINFO, LINK_NETNSID, TARGET_NETNSID = 3, 5, 18, 37, 46


def link_attributes(answer):
    found, at = {}, 16
    while at + 4 <= len(answer):
        length, name = struct.unpack_from("HH", answer, at)
        found[name & 0x3fff] = answer[at + 4:at + length]
        at += (length + 3) & ~3
    return found


def far_ends():
    """Where the links of this node lead: the id of a network namespace, the number of an interface there. For all may ask."""
    found = [(link[LINK_NETNSID], struct.unpack("I", link[LINK])[0])
             for link in map(link_attributes, rtnetlink(GETLINK, DUMP)) if LINK_NETNSID in link]
    if not found:
        raise LookupError("no link leads out of here")
    return found


def list_the_links_of_the_lab(host):
    for there in {there for there, _ in far_ends()}:
        if len(rtnetlink(GETLINK, DUMP, 0, (TARGET_NETNSID, there))) < 3:
            raise LookupError("that is no fabric")


def list_the_links_of_the_host(host):
    """From an uplink's node, whose links lead to the fabric and to the host."""
    seen = [link_attributes(link)[IFNAME] for there in {there for there, _ in far_ends()}
            for link in rtnetlink(GETLINK, DUMP, 0, (TARGET_NETNSID, there))]
    if not any(name.startswith(b"nl") for name in seen):
        raise LookupError("that is not the host")


def make_an_interface_in_the_fabric(host):
    for there, _ in far_ends():
        kind = struct.pack("HH4s", 8, 1, b"veth")
        rtnetlink(NEWLINK, ACK | CREATE, 0, (TARGET_NETNSID, there), (LINKINFO, kind))


def take_a_link_of_the_lab_away(host):
    for there, ifindex in far_ends():
        rtnetlink(DELLINK, ACK, ifindex, (TARGET_NETNSID, there))


def connect_to_an_abstract_socket(host):
    with socket.socket(socket.AF_UNIX) as s:
        s.connect("\0" + host["abstract"])


def connect_to_a_named_socket(host):
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(host["socket"])


def connect_to_the_hosts_loopback(host):
    with socket.socket() as s:
        s.connect(("127.0.0.1", host["port"]))


def open_shared_memory_of_the_host(host):
    call("shmget", host["shm"], 0, 0)


def talk_to_the_hypervisor(_):
    socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM).close()


def attempt(function, host):
    """In a child: some change it for ever."""
    receive, send = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            function(host)
            verdict = "done"
        except OSError as error:
            verdict = errno.errorcode[error.errno]
        except KeyError:
            verdict = "no such call"
        except Exception as error:  # a fault of this program
            verdict = f"{type(error).__name__}: {error}"
        os.write(send, verdict.encode())
        os._exit(0)
    os.close(send)
    with os.fdopen(receive) as file:
        verdict = file.read()
    os.waitpid(pid, 0)
    return verdict or "died"


def main():
    host = json.loads(sys.argv[1])
    wanted = sys.argv[2:]
    print(json.dumps({name: attempt(globals()[name], host) for name in wanted}))


main()
