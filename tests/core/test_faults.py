"""What is the machine's fault, and what is a bug."""

import errno

import pytest

from adtool.core import faults


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
        ImportError("libtorch_cpu.so: failed to map segment from shared object"),
        RuntimeError("can't start new thread"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 4 bytes"),
        BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable"),
    ],
)
def test_a_lack_of_memory_is_the_machines_fault_whoever_says_it(error):
    assert "ran out of memory" in str(faults.of_machine(error))


def test_a_lack_of_memory_behind_another_error_is_seen():
    try:
        try:
            raise MemoryError
        except MemoryError:
            raise ImportError("numpy can't be imported") from None
    except ImportError as error:
        assert "ran out of memory" in str(faults.of_machine(error))


def test_a_full_disk_is_said_with_its_file():
    error = OSError(errno.ENOSPC, "No space left on device", "maps/a.tiff")
    assert str(faults.of_machine(error)).startswith("The disk is full at maps/a.tiff.")


def test_a_bug_is_none():
    assert faults.of_machine(KeyError("x")) is None
    assert faults.of_machine(ImportError("No module named torch")) is None
