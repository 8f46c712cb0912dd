"""What a process that decodes is kept from, by the kernel: files, the network, and other processes.

Landlock (Linux 5.13 and later; landlock(7)) leaves it the program's own files to read, and nothing else: no
other scan, no other process's environment in /proc. A seccomp filter (seccomp(2)) refuses sockets, new
processes and programs, and what reaches into other processes. What it was handed (the upload, the file for
the slices, its socket) it goes on using. Where the system has neither, `missing` says so.
"""

import ctypes
import errno
import os
import platform
import struct
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
LIBC: Any = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
PR_SET_NO_NEW_PRIVS, PR_GET_SECCOMP, PR_SET_SECCOMP, FILTER_MODE = 38, 21, 22, 2  # prctl(2)

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446  # of Landlock; system calls of all machines
VERSION, PATH_BENEATH = 1, 1
READ_FILE, READ_DIR = 1 << 2, 1 << 3
FS_RIGHTS = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}  # by version
TCP, SCOPES = 0b11, 0b11  # bind and connect; abstract sockets and signals
READABLE = (  # besides the program's own
    "/usr/lib",
    "/usr/lib64",
    "/lib",
    "/lib64",
    "/etc/ld.so.cache",
    "/dev/null",
    "/dev/urandom",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/sys/devices/system/cpu",
)

# System calls by number on x86_64 and aarch64; None where the machine has no such call.
DENIED = {
    "socket": (41, 198),
    "connect": (42, 203),
    "accept": (43, 202),
    "accept4": (288, 242),
    "bind": (49, 200),
    "listen": (50, 201),
    "fork": (57, None),
    "vfork": (58, None),
    "execve": (59, 221),
    "execveat": (322, 281),
    "tkill": (200, 130),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438),
    "pidfd_send_signal": (424, 424),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "kcmp": (312, 272),
    "setrlimit": (160, 164),
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "open_tree": (428, 428),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "kexec_load": (246, 104),
    "shmget": (29, 194),
    "msgget": (68, 186),
}
CLONE, CLONE3, KILL, TGKILL, PRLIMIT = (56, 220), (435, 435), (62, 129), (234, 131), (302, 261)
CLONE_THREAD = 0x10000
MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}  # column above, and AUDIT_ARCH_…
X32 = 0x40000000  # system calls of another kind, which x86_64 has too
ALLOW, KILL_PROCESS, ERROR = 0x7FFF0000, 0x80000000, 0x00050000
LOAD, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06  # of BPF
NUMBER, ARCHITECTURE, ARGUMENTS = 0, 4, 16  # where they lie in struct seccomp_data

Step = tuple[int, int, int, int]  # of a program of BPF: code, jumps if true and if false, constant


def missing() -> tuple[str, ...]:
    """Which of the two this system does not have; names for a sentence, in a tuple."""
    if sys.platform != "linux":
        return ("Landlock", "seccomp")
    return (*(() if _landlock_version() else ("Landlock",)), *(() if _has_seccomp() else ("seccomp",)))


def ruleset(weights: str | Path) -> int | None:
    """What may be read, made once for all processes that are to be kept to it.

    Returns
    -------
    int or None
        A descriptor for `enter`; None where there is no Landlock.
    """
    if not (version := _landlock_version()):
        return None
    handled = FS_RIGHTS[max(known for known in FS_RIGHTS if known <= version)]
    words = [handled, *([TCP] if version >= 4 else []), *([SCOPES] if version >= 6 else [])]
    attributes = struct.pack(f"={len(words)}Q", *words)
    rules = LIBC.syscall(
        ctypes.c_long(CREATE_RULESET), attributes, ctypes.c_size_t(len(attributes)), ctypes.c_uint32(0)
    )
    if rules < 0:
        return None
    own = [path for path in sys.path if path and Path(path).resolve() != ROOT]
    for path in (*READABLE, *own, ROOT / "models", weights):
        with suppress(OSError):  # it is not there
            _let_read(rules, path)
    return rules


def enter(rules: int | None) -> None:
    """Keep this process, which must have one thread, from all else; there is no way back.

    Where the kernel refuses, the process goes on as it is: `missing` has said what a system does not have.

    Parameters
    ----------
    rules
        Of `ruleset`.
    """
    one, none = ctypes.c_ulong(1), ctypes.c_ulong(0)
    LIBC.prctl(PR_SET_NO_NEW_PRIVS, one, none, none, none)
    if rules is not None:
        LIBC.syscall(ctypes.c_long(RESTRICT_SELF), ctypes.c_int(rules), ctypes.c_uint32(0))
        os.close(rules)
    if platform.machine() in MACHINES:
        program = ctypes.create_string_buffer(_filter(os.getpid()))
        header = ctypes.create_string_buffer(
            struct.pack("@HP", (len(program) - 1) // 8, ctypes.addressof(program))
        )
        LIBC.prctl(PR_SET_SECCOMP, ctypes.c_ulong(FILTER_MODE), header, none, none)


def _landlock_version() -> int:
    """0 where there is none, or it is switched off."""
    version = LIBC.syscall(ctypes.c_long(CREATE_RULESET), None, ctypes.c_size_t(0), ctypes.c_uint32(VERSION))
    return max(version, 0)


def _has_seccomp() -> bool:
    """Whether filters can be set, and this machine's system calls are known."""
    return platform.machine() in MACHINES and LIBC.prctl(PR_GET_SECCOMP, 0, 0, 0, 0) >= 0


def _let_read(rules: int, path: str | Path) -> None:
    """Allow what lies beneath a path to be read; OSError where there is no such path."""
    descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        rights = READ_FILE | READ_DIR if os.path.isdir(path) else READ_FILE
        rule = struct.pack("=Qi", rights, descriptor)
        LIBC.syscall(
            ctypes.c_long(ADD_RULE), ctypes.c_int(rules), ctypes.c_int(PATH_BENEATH), rule, ctypes.c_uint32(0)
        )
    finally:
        os.close(descriptor)


def _filter(process: int) -> bytes:
    """The program of BPF: what is denied fails with EPERM, all else goes on."""
    column, architecture = MACHINES[platform.machine()]
    refuse = (RETURN, 0, 0, ERROR | errno.EPERM)
    program: list[Step] = [
        (LOAD, 0, 0, ARCHITECTURE),
        (EQUAL, 1, 0, architecture),
        (RETURN, 0, 0, KILL_PROCESS),
        (LOAD, 0, 0, NUMBER),
        (AT_LEAST, 0, 1, X32),
        refuse,
        (EQUAL, 0, 1, CLONE3[column]),  # its flags cannot be looked at; C libraries then take clone
        (RETURN, 0, 0, ERROR | errno.ENOSYS),
    ]
    for numbers in DENIED.values():
        if (number := numbers[column]) is not None:
            program += [(EQUAL, 0, 1, number), refuse]
    program += _unless(CLONE[column], 0, ANY_BIT, CLONE_THREAD, refuse)
    for call in (KILL, TGKILL):  # a process may end itself
        program += _unless(call[column], 0, EQUAL, process, refuse)
    program += _unless(PRLIMIT[column], 2, EQUAL, 0, refuse)  # limits may be asked for
    program.append((RETURN, 0, 0, ALLOW))
    return b"".join(struct.pack("=HBBI", *step) for step in program)


def _unless(call: int, argument: int, test: int, value: int, refuse: Step) -> list[Step]:
    """Refuse a call unless an argument's lower half is as it must be; loads the number again after it."""
    return [
        (EQUAL, 0, 4, call),
        (LOAD, 0, 0, ARGUMENTS + 8 * argument),
        (test, 1, 0, value),
        refuse,
        (LOAD, 0, 0, NUMBER),
    ]
