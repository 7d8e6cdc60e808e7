# SPDX-License-Identifier: Apache-2.0
"""Makes a running process make a system call of our choice (x86-64), as code that took it over would.

A thread that waits in a system call is stopped by ptrace; its instruction pointer is set back by the two bytes of
the `syscall` instruction that it waits in, that one instruction is executed again with other registers, and then
everything is put back, so that the process goes on as if nothing had happened."""
import contextlib
import ctypes
import os
import signal

PTRACE_SINGLESTEP, PTRACE_GETREGS, PTRACE_SETREGS, PTRACE_ATTACH, PTRACE_DETACH = 9, 12, 13, 16, 17
WALL = 0x40000000
SYSCALL_BYTES = b"\x0f\x05"

REGISTERS = ("r15", "r14", "r13", "r12", "rbp", "rbx", "r11", "r10", "r9", "r8", "rax", "rcx", "rdx", "rsi", "rdi",
             "orig_rax", "rip", "cs", "eflags", "rsp", "ss", "fs_base", "gs_base", "ds", "es", "fs", "gs")
ARGUMENTS = ("rdi", "rsi", "rdx", "r10", "r8", "r9")

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)
libc.ptrace.restype = ctypes.c_long


class Registers(ctypes.Structure):
    _fields_ = [(name, ctypes.c_ulonglong) for name in REGISTERS]


def ptrace(request, thread, data=None):
    if libc.ptrace(request, thread, None, data) < 0:
        raise OSError(ctypes.get_errno(), f"ptrace {request} of {thread}")


def wait_for_stop(thread, expected):
    _, status = os.waitpid(thread, WALL)
    assert os.WIFSTOPPED(status) and os.WSTOPSIG(status) == expected, hex(status)


@contextlib.contextmanager
def stopped(thread):
    """The thread's registers while it is stopped; they are put back at the end."""
    ptrace(PTRACE_ATTACH, thread)
    wait_for_stop(thread, signal.SIGSTOP)
    registers = Registers()
    try:
        ptrace(PTRACE_GETREGS, thread, ctypes.addressof(registers))
        yield registers
        ptrace(PTRACE_SETREGS, thread, ctypes.addressof(registers))
    finally:
        ptrace(PTRACE_DETACH, thread)


def inject(process, thread, number, *arguments):
    """What the system call returned in that thread: a negative errno, or its result."""
    with stopped(thread) as registers:
        with open(f"/proc/{process}/mem", "rb") as memory:
            memory.seek(registers.rip - len(SYSCALL_BYTES))
            assert memory.read(len(SYSCALL_BYTES)) == SYSCALL_BYTES, "the thread waits in no system call"
        changed = Registers.from_buffer_copy(registers)
        changed.rip -= len(SYSCALL_BYTES)
        changed.rax = number
        changed.orig_rax = 2**64 - 1  # the kernel must not restart the call that was interrupted
        for name, value in zip(ARGUMENTS, [*arguments, *[0] * len(ARGUMENTS)]):
            setattr(changed, name, value & (2**64 - 1))
        ptrace(PTRACE_SETREGS, thread, ctypes.addressof(changed))
        ptrace(PTRACE_SINGLESTEP, thread)
        wait_for_stop(thread, signal.SIGTRAP)
        ptrace(PTRACE_GETREGS, thread, ctypes.addressof(changed))
        return ctypes.c_longlong(changed.rax).value
