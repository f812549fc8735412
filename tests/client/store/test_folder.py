"""A folder store writes whole files, stays inside itself, and says what stops it."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from scenefleet.errors import NotAuthorisedError, NotInStoreError, StoreError
from scenefleet.store import write_once
from scenefleet.store.folder import FolderStore


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    made = FolderStore(tmp_path / "results")
    made.prepare()
    return made


def test_what_is_written_is_read_and_listed(store: FolderStore, tmp_path: Path) -> None:
    store.write("runs/a/run.json", b"{}")
    store.write("runs/a/run.json", b"{ }")
    store.write("runs/b/run.json", b"{}")
    assert store.read("runs/a/run.json") == b"{ }"
    found = sorted((entry.path, entry.size) for entry in store.list("runs"))
    assert found == [("runs/a/run.json", 3), ("runs/b/run.json", 2)]
    assert store.folders("runs") == ["a", "b"]
    assert store.folders("products") == []
    store.fetch("runs/a/run.json", tmp_path / "copy" / "run.json")
    assert (tmp_path / "copy" / "run.json").read_bytes() == b"{ }"


def test_lines_are_written_and_read_one_by_one(store: FolderStore, tmp_path: Path) -> None:
    store.write_lines("runs/a/x.jsonl", (str(n).encode() for n in range(3)))
    assert store.read("runs/a/x.jsonl") == b"0\n1\n2\n"
    assert list(store.lines("runs/a/x.jsonl")) == [b"0", b"1", b"2"]
    store.write("runs/a/y.jsonl", b"a\r\n\nb")
    assert list(store.lines("runs/a/y.jsonl")) == [b"a", b"", b"b"]
    with pytest.raises(NotInStoreError, match=r"none\.jsonl"):
        next(store.lines("runs/a/none.jsonl"))

    def broken() -> Iterator[bytes]:
        yield b"new"
        raise RuntimeError

    with pytest.raises(RuntimeError):
        store.write_lines("runs/a/x.jsonl", broken())
    assert store.read("runs/a/x.jsonl") == b"0\n1\n2\n"
    assert len(list((tmp_path / "results/runs/a").iterdir())) == 2


def test_a_missing_file_is_named(store: FolderStore) -> None:
    with pytest.raises(NotInStoreError, match=r"runs/none\.json"):
        store.read("runs/none.json")
    assert list(store.list("products")) == []


@pytest.mark.parametrize("path", ["../x", "a/../../x", "/etc/passwd", "a\0b"])
def test_a_path_never_leaves_the_store(store: FolderStore, path: str) -> None:
    with pytest.raises(StoreError, match="inside the store"):
        store.write(path, b"x")


def test_files_get_the_permissions_of_the_umask(store: FolderStore) -> None:
    store.write("a.txt", b"x")
    mask = os.umask(0)
    os.umask(mask)
    assert (store.root / "a.txt").stat().st_mode & 0o777 == 0o666 & ~mask


def test_a_full_disk_keeps_the_old_file(small_disk: Callable[[str], Path]) -> None:
    store = FolderStore(small_disk("64k"))
    store.write("a.txt", b"old")
    with pytest.raises(StoreError, match="disk is full"):
        store.write("a.txt", b"x" * 200_000)
    assert store.read("a.txt") == b"old"
    assert [entry.path for entry in store.list("")] == ["a.txt"]


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[Path]:
    """A folder that this process may not write to; root acts as nobody meanwhile."""
    tmp_path.chmod(0o500)
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    yield tmp_path
    if root:
        os.seteuid(0)
    tmp_path.chmod(0o700)


def test_a_folder_without_permission_says_so(locked: Path) -> None:
    with pytest.raises(NotAuthorisedError, match="may not be written"):
        FolderStore(locked / "results").prepare()


def test_a_store_that_is_a_file_says_so(tmp_path: Path) -> None:
    (tmp_path / "results").write_text("x")
    for check in (FolderStore.check, FolderStore.prepare):
        with pytest.raises(StoreError, match="cannot be a store: it is no folder"):
            check(FolderStore(tmp_path / "results"))
        with pytest.raises(StoreError, match=f"store: {tmp_path}/results is no folder"):
            check(FolderStore(tmp_path / "results" / "of" / "mine"))


def test_a_store_where_nothing_can_be_made_says_so(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "nothing")
    with pytest.raises(StoreError, match="it is a link to nothing"):
        FolderStore(tmp_path / "link").check()
    for path in ("/proc/x", "/proc/x/y"):
        with pytest.raises(StoreError, match=f"{path}: cannot be a store: /proc takes no new"):
            FolderStore(Path(path)).prepare()


def test_a_check_makes_nothing(tmp_path: Path) -> None:
    FolderStore(tmp_path / "a" / "b").check()
    assert not list(tmp_path.iterdir())


def test_what_is_there_is_not_written_again_unless_it_is_broken(
    store: FolderStore, tmp_path: Path
) -> None:
    assert write_once(store, "code/a.pyz", b"code")
    before = (tmp_path / "results/code/a.pyz").stat()
    assert not write_once(store, "code/a.pyz", b"code")
    after = (tmp_path / "results/code/a.pyz").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    (tmp_path / "results/code/a.pyz").write_bytes(b"co")
    assert write_once(store, "code/a.pyz", b"code")
    assert store.read("code/a.pyz") == b"code"


def test_messages_have_the_folder_without_detours(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    assert FolderStore(tmp_path / "own/../moved/products").address == f"{tmp_path}/moved/products"
    # a link is left as the user has it, unless a detour goes through it
    (tmp_path / "deep/er").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "deep/er")
    assert FolderStore(tmp_path / "link/a").address == f"{tmp_path}/link/a"
    assert FolderStore(tmp_path / "link/../a").address == f"{tmp_path}/deep/a"
