"""A small archive, drawn once for the tests that only read it."""

from pathlib import Path

import pytest

from scenefleet.demo.archive import make_archive

SIZE = 300


@pytest.fixture(scope="session")
def archive(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("archive")
    make_archive(folder, size=SIZE)
    return folder
