"""A store in a folder."""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import shutil
import tempfile
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from scenefleet.errors import NotAuthorisedError, NotInStoreError, StoreError
from scenefleet.store.base import Entry, NodeAccess, NodeFile

_ANOTHER = "Name another folder as `output.store`."


class FolderStore:
    """A folder of this machine, or one that nodes and client share."""

    def __init__(self, root: Path) -> None:
        # only where need be: a user's own names are what messages should have, be they links
        self.root = root.resolve() if ".." in root.parts else root.absolute()

    @property
    def address(self) -> str:
        """The folder's absolute path."""
        return str(self.root)

    def prepare(self) -> None:
        """Makes the folder and proves that a file can be written to it."""
        try:
            os.fsencode(self.root).decode("utf-8")
        except UnicodeDecodeError:
            raise StoreError(
                f"{self.root}: the name of this folder, or of one above it, is not UTF-8, so that "
                "tasks cannot be told of it. Rename it, or name another folder as `output.store`"
            ) from None
        self.check()
        with _say(self.root, "written"):
            self.root.mkdir(parents=True, exist_ok=True)
            _try_in(self.root)

    def check(self) -> None:
        """Checks that this can be a store, and makes nothing: a file without a name is tried.

        Raises:
            StoreError: if it is no folder, or none can be made there.
            NotAuthorisedError: if this user may not.
        """
        nearest = next((p for p in (self.root, *self.root.parents) if os.path.lexists(p)), None)
        if nearest is None or not nearest.is_dir():
            whose = "it is" if nearest == self.root else f"{nearest} is"
            what = "a link to nothing" if nearest and nearest.is_symlink() else "no folder"
            raise StoreError(f"{self.root}: cannot be a store: {whose} {what}. {_ANOTHER}")
        with _say(self.root, "written"):
            try:
                _try_in(nearest)
            except OSError as error:
                if error.errno not in (errno.ENOENT, errno.ENOTDIR, errno.EOPNOTSUPP, errno.EROFS):
                    raise
                why = f"{nearest} takes no new files"
                why += " (it is read-only)" if error.errno == errno.EROFS else ""
                raise StoreError(f"{self.root}: cannot be a store: {why}. {_ANOTHER}") from None

    def read(self, path: str) -> bytes:
        """The file's bytes."""
        with _say(self._at(path), "read"):
            return self._at(path).read_bytes()

    def write(self, path: str, data: bytes) -> None:
        """Writes beside the target, then renames, so that no reader meets half a file."""
        target = self._at(path)
        with _say(target, "written"):
            target.parent.mkdir(parents=True, exist_ok=True)
            with _whole(target) as part:
                part.write_bytes(data)

    def lines(self, path: str) -> Iterator[bytes]:
        """The file's lines without their ends."""
        with _say(self._at(path), "read"), self._at(path).open("rb") as file:
            for line in file:
                yield line.rstrip(b"\r\n")

    def write_lines(self, path: str, lines: Iterable[bytes]) -> None:
        """Writes beside the target, then renames, so that no reader meets half a file."""
        target = self._at(path)
        with _say(target, "written"):
            target.parent.mkdir(parents=True, exist_ok=True)
            with _whole(target) as part, part.open("wb") as file:
                for line in lines:
                    file.write(line)
                    file.write(b"\n")

    def fetch(self, path: str, target: Path) -> None:
        """Copies the file to a local path."""
        with _say(self._at(path), "read"):
            source = self._at(path).open("rb")
        with source, writing_to(target) as part, part.open("wb") as copy:
            shutil.copyfileobj(source, copy)

    def list(self, prefix: str) -> Iterator[Entry]:
        """Files below a folder; parts of files that are being written are passed over."""
        start = self._at(prefix)
        for folder, _, names in os.walk(start, onerror=_unreadable):
            for name in names:
                file = Path(folder, name)
                if not name.endswith(".part"):
                    path = file.relative_to(self.root).as_posix()
                    with _say(file, "read"):
                        yield Entry(path, file.stat().st_size, None)

    def folders(self, prefix: str) -> list[str]:
        """Names of the folders directly below one."""
        start = self._at(prefix)
        with _say(start, "read"):
            return sorted(p.name for p in start.iterdir() if p.is_dir()) if start.is_dir() else []

    def digest(self, path: str) -> str:
        """SHA-256 of the file's bytes."""
        with _say(self._at(path), "read"), self._at(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def node_access(self, hours: float) -> NodeAccess:  # noqa: ARG002 - a folder knows no time
        """The folder itself: nodes of the emulator see the same file system."""
        return NodeAccess({"SCENEFLEET_STORE": str(self.root)})

    def node_file(self, path: str, hours: float) -> NodeFile:  # noqa: ARG002 - as above
        """A `file://` address, which the emulator takes when started for a folder store."""
        return NodeFile(self._at(path).as_uri())

    def _at(self, path: str) -> Path:
        parts = PurePosixPath(path)
        if parts.is_absolute() or ".." in parts.parts or "\0" in path:
            raise StoreError(f"{path!r} is no path inside the store")
        return self.root / parts


def _try_in(folder: Path) -> None:
    """Writes to a file that has no name, or none for long."""
    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(b"x")
        file.flush()


@contextmanager
def writing_to(target: Path) -> Generator[Path]:
    """A path to write a local copy to, renamed to `target` at the end, removed on failure.

    Raises:
        StoreError: if it cannot be written there.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _whole(target) as part:
            yield part
    except OSError as error:
        raise StoreError(f"{target}: cannot be written: {error.strerror or error}") from None


@contextmanager
def _whole(target: Path) -> Generator[Path]:
    """A path beside `target` to write to, renamed to it at the end, removed on failure."""
    part = target.with_name(f".{secrets.token_hex(8)}.part")
    # made by `open`, so that it gets the permissions of the user's umask
    os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    try:
        yield part
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def _unreadable(error: OSError) -> None:
    # a folder that is not there is empty; one that cannot be read must not look so
    if not isinstance(error, FileNotFoundError | NotADirectoryError):
        raise NotAuthorisedError(f"{error.filename}: cannot be read: {error.strerror}")


@contextmanager
def _say(path: Path, verb: str) -> Generator[None]:
    try:
        yield
    except (FileNotFoundError, NotADirectoryError):
        raise NotInStoreError(f"{path}: there is no such file in the store") from None
    except PermissionError:
        raise NotAuthorisedError(
            f"{path}: may not be {verb} by this user. Give yourself the permission, or name "
            "another folder as `output.store`."
        ) from None
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StoreError(
                f"{path}: the disk is full. Nothing that was finished is lost: free some space, "
                "then give the same command again."
            ) from None
        raise StoreError(f"{path}: cannot be {verb}: {error.strerror or error}") from None
