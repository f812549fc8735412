"""A clock that is wrong is named where a service refuses, with the difference and the remedy."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from refusing_proxy import Refusal, proxy
from scenefleet.errors import NotAuthorisedError
from scenefleet.fleet import Fleet
from scenefleet.fleet.connection import Connection, connect
from scenefleet.settings import read_settings
from scenefleet.store.blob import BlobStore
from scenefleet.store.skew import explain_skew

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
KEY = "YS1rZXktb2YtdGhlLWVtdWxhdG9yLWZvci10ZXN0cw=="


@pytest.mark.parametrize(
    ("off", "words"),
    [
        (timedelta(minutes=42), "42 minutes ahead of the service's, which is why"),
        (timedelta(minutes=-42), "42 minutes behind the service's, which is why"),
        (timedelta(minutes=6), "6 minutes ahead of the service's, which may be why"),
        (timedelta(hours=5), "5 hours ahead"),
        (timedelta(days=400), "400 days ahead"),
    ],
)
def test_the_difference_is_told(off: timedelta, words: str) -> None:
    text = explain_skew(format_datetime(NOW - off, usegmt=True), NOW)
    assert text is not None
    assert words in text
    assert "Set the clock" in text


@pytest.mark.parametrize(
    "date",
    [
        None,
        "",
        "yesterday",
        format_datetime(NOW + timedelta(minutes=1), usegmt=True),
        "99999999999",
    ],
)
def test_a_clock_that_is_right_and_a_date_that_is_none_say_nothing(date: str | None) -> None:
    assert explain_skew(date, NOW) is None


@contextmanager
def emulator_of_another_time(seconds: float) -> Iterator[Connection]:
    """An emulator whose machine has another time than this one: it refuses what is signed here."""
    program = (
        "import time; real = time.time\n"
        f"time.time = lambda: real() + {seconds}\n"
        "import sys; sys.argv = ['batch_emulator', 'serve', '--port', '0', '--json']\n"
        "import runpy; runpy.run_module('batch_emulator', run_name='__main__')\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "BATCH_EMULATOR_KEY": KEY},
    ) as process:
        assert process.stdout is not None
        try:
            ready = json.loads(process.stdout.readline())
            yield Connection(ready["endpoint"], ready["account"], KEY)
        finally:
            process.terminate()
            process.wait(timeout=30)


@pytest.mark.parametrize(("minutes", "way"), [(40, "behind"), (-40, "ahead of")])
def test_batch_refuses_what_a_wrong_clock_signs(minutes: int, way: str) -> None:
    with (
        emulator_of_another_time(60 * minutes) as connection,
        connect(connection) as client,
        pytest.raises(NotAuthorisedError) as error,
    ):
        Fleet(client, here=False).job("any")
    said = str(error.value)
    assert f"This machine's clock is 40 minutes {way} the service's" in said
    assert "AuthenticationFailed" in said
    assert "batch_key" not in said, "the key is right"


def test_storage_refuses_what_a_wrong_clock_signs(azurite: Any) -> None:
    refusal = Refusal(403, "AuthenticationFailed", lambda _: True, hours=3)
    with proxy(azurite.blob_endpoint, refusal) as address:
        settings = read_settings(
            None,
            {
                "SCENEFLEET_AZURE_STORAGE_ENDPOINT": address,
                "SCENEFLEET_AZURE_STORAGE_KEY": azurite.key,
            },
        )
        with pytest.raises(NotAuthorisedError) as error:
            BlobStore("az://devstoreaccount1/skew", settings.azure).prepare()
    assert "clock is 3 hours behind the service's" in str(error.value)
    assert "storage_key" not in str(error.value)
