"""The node agent: what is said to it and by it, and where its folders are."""

import fcntl
import os
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch_emulator.node.agent import Messages
from batch_emulator.node.spread import make_top

GET_FLAGS = 0x80086601
TOP = 0x00020000
"""`FS_IOC_GETFLAGS` on a machine of 64 bits, and `FS_TOPDIR_FL`: from the headers of Linux 6.1."""

MESSAGES = st.lists(st.dictionaries(st.text(max_size=5), st.integers() | st.text(), max_size=3))


@given(messages=MESSAGES, size=st.integers(1, 40))
def test_messages_come_whole_however_a_socket_cuts_them(messages, size):
    sent = b"".join(map(Messages.pack, messages))
    read = Messages()
    parts = [sent[start : start + size] for start in range(0, len(sent), size)]
    assert [message for part in parts for message in read.unpack(part)] == messages


def test_a_task_s_environment_may_be_larger_than_one_reading(batch):
    job = batch.job(batch.pool(nodes=1))
    settings = [{"name": f"LARGE_{number}", "value": "x" * 50_000} for number in range(5)]
    task = batch.task(
        job, "/bin/sh -c 'echo ${#LARGE_0} ${#LARGE_4}'", environmentSettings=settings
    )
    assert batch.completed(job, task).execution_info.exit_code == 0
    assert batch.text(job, task) == "50000 50000\n"


def is_top(folder):
    opened = os.open(folder, os.O_RDONLY)
    try:
        (flags,) = struct.unpack("i", fcntl.ioctl(opened, GET_FLAGS, bytes(4)))
    except OSError:
        pytest.skip("tmp_path's file system has no flags")
    finally:
        os.close(opened)
    return bool(flags & TOP)


def test_folders_are_spread_over_a_disk_that_can(tmp_path):
    folder = tmp_path / "pools" / "pool"
    make_top(folder)
    make_top(folder)
    assert is_top(folder)
    small = os.statvfs(tmp_path).f_files <= 1 << 26
    make_top(tmp_path / "many", many=True)
    assert is_top(tmp_path / "many") is small


def test_so_are_nodes_and_a_job_s_tasks(emulator, tmp_path):
    batch = emulator("--boot-time=0.05", f"--state={tmp_path}")
    pool = batch.pool(nodes=1)
    job = batch.job(pool)
    task = batch.run("/bin/pwd", job)
    folder = Path(batch.text(job, task.id).strip()).parent
    assert is_top(tmp_path / "pools" / pool)
    assert is_top(folder.parent) is (os.statvfs(tmp_path).f_files <= 1 << 26)
    assert not is_top(folder)
