"""The computing process: one scene from document to STAC item, and a result for the supervisor.

It is a process of its own (`computing`) that was given no secret: the supervisor signs its sources
and puts its files. Whatever happens in Python ends in a result; what does not (a kill) is the
supervisor's to tell. numpy and rasterio are imported late, so that one that is missing ends as a
result that says so.
"""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from scenefleet_task import spec
from scenefleet_task.access import Access, Brokered, Unsigned
from scenefleet_task.attempt import usage
from scenefleet_task.conceal import confine
from scenefleet_task.drivers import keep_few
from scenefleet_task.failure import TaskError
from scenefleet_task.gdal_settings import apply_settings
from scenefleet_task.hand import Asks, Files, HandedUpload
from scenefleet_task.line import Json, Line
from scenefleet_task.log import log, start_log
from scenefleet_task.names import names_of
from scenefleet_task.order import Order
from scenefleet_task.quiet import quieten
from scenefleet_task.result import Output
from scenefleet_task.spec import Exit, TaskDocument
from scenefleet_task.whole import document_of

if TYPE_CHECKING:
    from scenefleet_task.put import Digest
    from scenefleet_task.read import Raster


def main(parent: int, answered: int, ask: int, noted: int, hand: int) -> None:
    """Waits for an order, carries it out, and ends the process.

    Args:
        parent: process id of the supervisor.
        answered: descriptor of the supervisor's answers.
        ask: of questions to it.
        noted: of what it says of files.
        hand: of files.
    """
    confine(parent)  # before anything is read that others wrote
    # A read that blocks in GDAL would sit on Python's own handler until it is over.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    for number in (answered, ask, noted, hand):
        os.set_inheritable(number, False)  # what a script starts has no part in it
    line = Line(answered, ask)
    message = line.receive()
    if message is None:  # there is nothing to do
        return
    quieten()
    order = Order.of(*message)
    apply_settings(os.environ, order.memory)  # before rasterio and numpy are imported
    files = Files(Line(noted, hand))
    result = work(order, Asks(line), files)
    files.end(result)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(Exit[result["exit"]].value)  # whatever a script has left running


def work(order: Order, asks: Asks, files: Files) -> Json:
    """Does the task; gives what became of it."""
    brief = order.trial is not None and not order.trial.explain
    start_log(brief=brief)
    exit_, message, found = Exit.DONE, "", Json()
    try:
        document = document_of(order.text)
        log.info("task %s, item %s", document.id, document.source.id)
        found = _try(document, order, asks) if order.trial else _do(document, order, asks, files)
    except TaskError as error:
        exit_, message = error.exit, error.message
    except MemoryError:
        exit_, message = Exit.KILLED, "out of memory: use nodes with more, or fewer task slots"
    except ImportError as error:
        exit_ = Exit.INTERNAL
        message = f"the node's image lacks a package: {error}. Use the project's task image."
    except Exception as error:  # noqa: BLE001 - the last line of defence: told, never swallowed
        exit_ = Exit.INTERNAL
        message = f"{type(error).__name__}: {error}. This is a bug; please report the log."
        log.error("%s", traceback.format_exc())
    if message and not order.trial:  # whoever tries a window is told by the result
        log.error("%s: %s", exit_.name.lower(), message)
    cost = usage()
    log.info(
        "%s after %.1f s, %.1f s of CPU, %.0f MB", exit_.name.lower(),
        time.time() - order.started, cost.cpu_seconds, cost.peak_memory_mb,
    )  # fmt: skip
    return Json(exit=exit_.name, message=message, found=found)


def _access(document: TaskDocument, asks: Asks) -> Access:
    return Unsigned() if document.access == "none" else Brokered(asks)


def _script(document: TaskDocument, order: Order, asks: Asks) -> Path | None:
    """The script's file, in this attempt's own folder."""
    if document.script is None:
        return None
    _, text = asks.ask({"script": True})
    file = order.scratch / document.script.file_name
    file.write_bytes(text)
    return file


def _try(document: TaskDocument, order: Order, asks: Asks) -> Json:
    from scenefleet_task.trial import attempt

    assert order.trial
    return attempt(
        document,
        order.trial,
        access=_access(document, asks),
        script=_script(document, order, asks),
        budget=order.budget,
    )


def _do(document: TaskDocument, order: Order, asks: Asks, files: Files) -> Json:
    from scenefleet_task.heads import asked

    access, names = _access(document, asks), names_of(document)
    with asked(names, access) as heads:  # the rest is loaded while they come
        keep_few(os.environ, vrt=any(name.vrt for name in names))
        import rasterio

        from scenefleet_task.read import opened

        # Env sends what GDAL complains of to the log, not to the screen
        with cast("Any", rasterio).Env(), opened(names, access, heads) as sources:
            return _compute(document, sources, order, _script(document, order, asks), files)


def _compute(
    document: TaskDocument,
    sources: Sequence[Raster],
    order: Order,
    script: Path | None,
    files: Files,
) -> Json:
    # Imported when the sources answer: who starts many tasks waits for less before the first read.
    from scenefleet_task.item import Put, make_item
    from scenefleet_task.scene import process
    from scenefleet_task.thumbnail import picture

    def begin(name: str) -> HandedUpload:
        return files.begin(name)

    def output(name: str, file: str, digest: Digest) -> Output:
        path = f"products/{document.product}/{document.folder}/{file}"
        log.info("put %s, %.1f MB", path, digest.size / 1e6)
        return Output(name=name, path=path, size=digest.size, sha256=digest.sha256)

    rasters = process(document, sources, order.scratch, begin, script=script, budget=order.budget)
    first = rasters.made[0]
    thumbnail = files.put(picture(first.small, first.output), "thumbnail.png")
    put = {name: output(name, f"{name}.tif", digest) for name, digest in rasters.files.items()}
    outputs = Put(
        reason=put.pop("reason"),
        rasters=put,
        thumbnail=output("thumbnail", "thumbnail.png", thumbnail),
    )
    # last: an item that is there says that all the rest is
    item = f"{document.folder}.json"
    output("item", item, files.put(spec.dump(make_item(document, rasters, outputs)), item))
    told = (*outputs.rasters.values(), outputs.reason, outputs.thumbnail)
    return Json(
        valid_percent=rasters.valid_percent,
        reasons={reason.name.lower(): count for reason, count in rasters.reasons.items()},
        outputs=[
            {key: getattr(o, key) for key in ("name", "path", "size", "sha256")} for o in told
        ],
    )
