"""Copies a run's report out of the store, with links that still lead to the store's files."""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePosixPath
from posixpath import normpath
from urllib.parse import quote

from scenefleet.results.text import escape
from scenefleet.store.base import Store
from scenefleet.store.folder import writing_to

LINKS_NOTE = "links to rasters work where it lies in its store."
"""The end of the report's last sentence, which a copy says otherwise."""
_LINK = re.compile(r'<a href="([^"#][^"]*)">(.*?)</a>', re.DOTALL)
"""A link to a file: text never has a quotation mark or `<` of its own in the report."""


def copy_report(store: Store, path: str, target: Path) -> bool:
    """Copies the report at `path` in the store to a local file, whole or not at all.

    In a store on this machine links are written anew, relative to the copy. Nothing opens a link to
    a file in Azure: there a copy has plain names in place of links, and says so.

    Returns:
        Whether the copy's links lead to the files.

    Raises:
        StoreError: if the report cannot be read, or the target not written.
    """
    page = store.read(path).decode()
    here = "://" not in store.address
    with writing_to(target) as part:
        text = _linked(page, store, path, target) if here else _bare(page, store.address)
        part.write_text(text, encoding="utf-8")
    return here


def _linked(page: str, store: Store, path: str, target: Path) -> str:
    root = Path(store.address).resolve()
    # a browser takes `..` off the name that the copy was opened by, whatever that is a link to
    way = os.path.relpath(root, target.parent.absolute())
    start = quote(os.fsencode(Path(way).as_posix())) if way != "." else "."

    def moved(found: re.Match[str]) -> str:
        place = normpath(PurePosixPath(path).parent / found[1])
        return f'<a href="{start}/{place}">{found[2]}</a>'

    told = (
        f"links lead from this copy to the store, {escape(store.address)}, until either is moved."
    )
    return _LINK.sub(moved, page).replace(LINKS_NOTE, told)


def _bare(page: str, address: str) -> str:
    told = f"it is a copy without links: the files are in the store, {escape(address)}."
    return _LINK.sub(r"\2", page).replace(LINKS_NOTE, told)
