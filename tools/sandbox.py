"""Hold back a process that runs a stranger's code: `restrict` cannot be taken back.

Everywhere but on Windows: time, size of written files. On Linux, without being root: memory; no
file but those named, and none to write; no network, no other program, no other process (Landlock
and seccomp, Linux 5.13). `restrict` returns what this system allowed.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import signal
import struct
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

# -- all of it --------------------------------------------------------------------------


def restrict(readable: Iterable[Path], memory: int, seconds: int) -> list[str]:
    """Hold this process back for good, and return what it is held back from.

    `readable` are files and folders that it may still read, `memory` the bytes that it may take
    besides those it has, `seconds` the CPU time. Its files stay open: close them before.
    """
    if os.name != "posix":
        return []
    held = ["time"]
    os.setsid()  # so that `stop` ends all that it starts
    limit_resources(memory, seconds)
    if not sys.platform.startswith("linux"):
        return held
    held.append("memory")
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    give_up_root(libc)
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if allow_reading(libc, readable):
        held.append("files")
    if refuse_system_calls(libc):
        held += ["network", "processes"]
    return held


def stop(pid: int) -> None:
    """End all processes of the session that a restricted process began."""
    if os.name == "posix":
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)


# -- resources --------------------------------------------------------------------------


def limit_resources(memory: int, seconds: int) -> None:
    """Limit memory (on Linux), CPU time, and the sizes of files: none may be written."""
    import resource

    limits = {
        resource.RLIMIT_CPU: seconds,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NOFILE: 256,
    }
    if sys.platform.startswith("linux"):
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        limits[resource.RLIMIT_AS] = pages * resource.getpagesize() + memory
    for kind, limit in limits.items():
        _, hard = resource.getrlimit(kind)
        most = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        resource.setrlimit(kind, (most, most))


# -- Linux: capabilities ----------------------------------------------------------------

PR_SET_PDEATHSIG, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS = 1, 22, 38
CAPABILITY_VERSION_3 = 0x20080522


def give_up_root(libc: ctypes.CDLL) -> None:
    """Root without capabilities may do no more than any other user."""
    header = struct.pack("=Ii", CAPABILITY_VERSION_3, 0)
    libc.capset(header, bytes(24))


# -- Linux: files -----------------------------------------------------------------------

LANDLOCK_CREATE_RULESET, LANDLOCK_ADD_RULE, LANDLOCK_RESTRICT_SELF = 444, 445, 446
WRITE_FILE, READ_FILE, READ_DIR = 2, 4, 8
FILE_RIGHTS = (13, 14, 15, 15, 16, 16, 16)  # how many, in each version of Landlock
CONNECTIONS, SCOPES = 3, 3  # TCP since version 4; abstract sockets and signals since 6


def allow_reading(libc: ctypes.CDLL, readable: Iterable[Path]) -> bool:
    """Refuse every file but those in `readable`, and writing even there. Not every Linux can."""
    version = libc.syscall(LANDLOCK_CREATE_RULESET, None, 0, 1)
    if version < 1:
        return False
    rights = (1 << FILE_RIGHTS[min(version, len(FILE_RIGHTS)) - 1]) - 1
    attributes = struct.pack(
        "=QQQ", rights, CONNECTIONS if version >= 4 else 0, SCOPES if version >= 6 else 0
    )
    size = 8 if version < 4 else 16 if version < 6 else 24
    ruleset = libc.syscall(LANDLOCK_CREATE_RULESET, attributes[:size], size, 0)
    if ruleset < 0:
        return False
    for path in readable:
        _allow(libc, ruleset, path, READ_FILE | (READ_DIR if path.is_dir() else 0))
    _allow(libc, ruleset, Path(os.devnull), READ_FILE | WRITE_FILE)
    held = libc.syscall(LANDLOCK_RESTRICT_SELF, ruleset, 0) == 0
    os.close(ruleset)
    return held


def _allow(libc: ctypes.CDLL, ruleset: int, path: Path, rights: int) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:  # not on this machine
        return
    libc.syscall(LANDLOCK_ADD_RULE, ruleset, 1, struct.pack("=Qi", rights, place), 0)
    os.close(place)


# -- Linux: system calls ----------------------------------------------------------------

# What a network needs no more than an exercise does: other programs and processes, sockets, signals
# to others, memory that no limit counts, rights and times of files. Their numbers on x86-64, and on
# 64-bit ARM, which has no fork.
REFUSED = """
    fork 57 -  vfork 58 -  execve 59 221  execveat 322 281  socket 41 198  socketpair 53 199
    io_uring_setup 425 425  kill 62 129  tkill 200 130  rt_sigqueueinfo 129 138
    rt_tgsigqueueinfo 297 240  pidfd_open 434 434  pidfd_send_signal 424 424  ptrace 101 117
    process_vm_readv 310 270  process_vm_writev 311 271  setpriority 141 140
    ioprio_set 251 30  sched_setattr 314 274  sched_setscheduler 144 119
    sched_setaffinity 203 122  unshare 272 97  setns 308 268  mount 165 40  umount2 166 39
    chroot 161 51  pivot_root 155 41  bpf 321 280  keyctl 250 219  add_key 248 217
    request_key 249 218  perf_event_open 298 241  userfaultfd 323 282  memfd_create 319 279
    memfd_secret 447 447  shmget 29 194  msgget 68 186  semget 64 190  mq_open 240 180
    truncate 76 45  chmod 90 -  fchmod 91 52  fchmodat 268 53  fchmodat2 452 452  chown 92 -
    fchown 93 55  lchown 94 -  fchownat 260 54  utimensat 280 88  utime 132 -  utimes 235 -
    futimesat 261 -  setxattr 188 5  lsetxattr 189 6  fsetxattr 190 7  removexattr 197 14
    lremovexattr 198 15  fremovexattr 199 16  flock 73 32  mknod 133 -  mknodat 259 33
"""
CLONE, CLONE3, TGKILL, PRLIMIT = (56, 220), (435, 435), (234, 131), (302, 261)
CLONE_THREAD = 0x10000
MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}  # column, number of its kind
NUMBER, KIND, FIRST = 0, 4, 16  # where a call's number, its machine and its first argument stand
LOAD, EQUAL, AT_LEAST, SHARES, ANSWER = 0x20, 0x15, 0x35, 0x45, 0x06
ALLOW, DENY, MISSING = 0x7FFF0000, 0x00050000 | errno.EPERM, 0x00050000 | errno.ENOSYS
X32 = 0x40000000  # a second set of numbers on x86-64

Instruction = tuple[int, int, int, int]  # operation, jumps if it holds and if not, operand


def refuse_system_calls(libc: ctypes.CDLL) -> bool:
    """Refuse the calls of REFUSED, and those of other machines; new threads are no processes."""
    if platform.machine() not in MACHINES:
        return False
    code = b"".join(struct.pack("=HBBI", *step) for step in _filter(*MACHINES[platform.machine()]))
    steps = ctypes.create_string_buffer(code)
    program = struct.pack("@HP", len(code) // 8, ctypes.addressof(steps))
    return libc.prctl(PR_SET_SECCOMP, 2, program, 0, 0) == 0


def _filter(column: int, kind: int) -> list[Instruction]:
    own = os.getpid()
    return [
        (LOAD, 0, 0, KIND),
        *_unless((EQUAL, 1, 0, kind), DENY),
        (LOAD, 0, 0, NUMBER),
        *_unless((AT_LEAST, 0, 1, X32), DENY),
        *(
            step
            for number in REFUSED.split()[1 + column :: 3]
            if number != "-"
            for step in _unless((EQUAL, 0, 1, int(number)), DENY)
        ),
        *_unless((EQUAL, 0, 1, CLONE3[column]), MISSING),  # the C library then takes clone
        *_only_with(CLONE[column], (SHARES, 0, 1, CLONE_THREAD)),
        *_only_with(TGKILL[column], (EQUAL, 0, 1, own)),
        *_only_with(PRLIMIT[column], (EQUAL, 1, 0, 0), (EQUAL, 0, 1, own)),
        (ANSWER, 0, 0, ALLOW),
    ]


def _unless(test: Instruction, answer: int) -> list[Instruction]:
    return [test, (ANSWER, 0, 0, answer)]


def _only_with(number: int, *tests: Instruction) -> list[Instruction]:
    """Allow a call if its first argument passes the tests, else deny it."""
    own = [(LOAD, 0, 0, FIRST), *tests, (ANSWER, 0, 0, ALLOW), (ANSWER, 0, 0, DENY)]
    return [(EQUAL, 0, len(own), number), *own]
