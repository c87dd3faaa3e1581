"""Denies a process AMX, so that a machine with it can be measured as one without.

Linux hands out AMX's tile registers on request, a call of arch_prctl(ARCH_REQ_XCOMP_PERM) a process; every library asks
and does without where it is refused. So one seccomp filter that refuses the call works for all engines alike, without
switches of their own (oneDNN has ONEDNN_MAX_CPU_ISA, OpenVINO and llama.cpp have none). Source: the kernel's
Documentation/arch/x86/xstate.rst and Documentation/userspace-api/seccomp_filter.rst.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct

PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, SECCOMP_MODE_FILTER = 22, 38, 2
ALLOW, REFUSE = 0x7FFF0000, 0x00050000 | errno.EPERM
X86_64, ARCH_PRCTL, ARCH_REQ_XCOMP_PERM = 0xC000003E, 158, 0x1023
LOAD, EQUAL, RETURN = 0x20, 0x15, 0x06
NUMBER, ARCHITECTURE, FIRST_ARGUMENT = 0, 4, 16
"""Offsets in struct seccomp_data."""

FILTER = (
    (LOAD, 0, 0, ARCHITECTURE),
    (EQUAL, 0, 4, X86_64),
    (LOAD, 0, 0, NUMBER),
    (EQUAL, 0, 2, ARCH_PRCTL),
    (LOAD, 0, 0, FIRST_ARGUMENT),
    (EQUAL, 1, 0, ARCH_REQ_XCOMP_PERM),
    (RETURN, 0, 0, ALLOW),
    (RETURN, 0, 0, REFUSE),
)
"""(code, jump if true, jump if false, value), jumps counted from the next line."""


def deny_amx() -> None:
    """Refuse AMX to this process and all that it starts. Raises OSError where the kernel has no seccomp."""
    program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in FILTER))
    header = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", len(FILTER), ctypes.addressof(program)))
    libc = ctypes.CDLL(None, use_errno=True)
    for arguments in ((PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, header, 0, 0)):
        if libc.prctl(*arguments):
            number = ctypes.get_errno()
            raise OSError(number, f"this kernel does not let AMX be denied: {os.strerror(number)}")
