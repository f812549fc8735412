"""The computing process: one scene from document to STAC item, and a result for the supervisor.

Whatever happens in Python ends in a `Result`; what does not (a kill) is the supervisor's to tell.
"""

from __future__ import annotations

import os
import resource
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from scenefleet_task import spec
from scenefleet_task.attempt import Attempt, Findings, conclude, usage_of
from scenefleet_task.drivers import keep_few
from scenefleet_task.failure import TaskError
from scenefleet_task.keep import keep
from scenefleet_task.log import log, start_log
from scenefleet_task.result import Output, to_line
from scenefleet_task.setting import Setting
from scenefleet_task.spec import Exit, TaskDocument

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scenefleet_task.read import Raster


def work(document: TaskDocument, attempt: Attempt, setting: Setting) -> int:
    """Does the task, keeps log and result, and gives the exit code."""
    kept = start_log()
    exit_, message, findings = Exit.DONE, "", Findings()
    log.info("task %s, item %s", document.id, document.source.id)
    try:
        findings = _do(document, attempt.scratch, setting)
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
    if message:
        log.error("%s: %s", exit_.name.lower(), message)
    result = conclude(attempt, exit_, message, usage_of(resource.RUSAGE_SELF), findings)
    log.info(
        "%s after %.1f s, %.1f s of CPU, %.0f MB",
        result.exit, result.seconds, result.cpu_seconds, result.peak_memory_mb,
    )  # fmt: skip
    attempt.result_file.write_text(to_line(result))
    try:
        keep(attempt, setting, kept.text(), result)
        attempt.kept_mark.touch()
    except TaskError as error:
        log.error("log and result are not in the store: %s", error.message)
    return exit_.value


def _do(document: TaskDocument, folder: Path, setting: Setting) -> Findings:
    # Imported late, so that a missing package ends as a result that says so.
    from scenefleet_task.access import access_for
    from scenefleet_task.heads import asked
    from scenefleet_task.names import names_of

    access, names = access_for(document.access), names_of(document)
    with asked(names, access) as heads:  # the rest is loaded while they come
        keep_few(os.environ, vrt=any(name.vrt for name in names))
        import rasterio

        from scenefleet_task.read import opened

        # Env sends what GDAL complains of to the log, not to the screen
        with cast("Any", rasterio).Env(), opened(names, access, heads) as sources:
            return _compute(document, sources, folder, setting)


def _compute(
    document: TaskDocument,
    sources: Sequence[Raster],
    folder: Path,
    setting: Setting,
) -> Findings:
    # Imported when the sources answer: who starts many tasks waits for less before the first read.
    from scenefleet_task.item import Put, make_item
    from scenefleet_task.put import Digest, Upload, target_for
    from scenefleet_task.scene import process
    from scenefleet_task.thumbnail import picture

    target = target_for(setting)
    root = f"products/{document.product}/{document.folder}"

    def begin(name: str) -> Upload:
        return target.begin(f"{root}/{name}", folder)

    def output(name: str, file: str, digest: Digest) -> Output:
        path = f"{root}/{file}"
        log.info("put %s, %.1f MB", path, digest.size / 1e6)
        return Output(name=name, path=path, size=digest.size, sha256=digest.sha256)

    budget = setting.budget.less(target.memory)
    rasters = process(document, sources, folder, begin, script=setting.script, budget=budget)
    first = rasters.made[0]
    thumbnail = target.put(picture(first.small, first.output), f"{root}/thumbnail.png")
    put = {name: output(name, f"{name}.tif", digest) for name, digest in rasters.files.items()}
    outputs = Put(
        reason=put.pop("reason"),
        rasters=put,
        thumbnail=output("thumbnail", "thumbnail.png", thumbnail),
    )
    # last: an item that is there says that all the rest is
    item = f"{document.folder}.json"
    output(
        "item", item, target.put(spec.dump(make_item(document, rasters, outputs)), f"{root}/{item}")
    )
    return Findings(
        valid_percent=rasters.valid_percent,
        reasons={reason.name.lower(): count for reason, count in rasters.reasons.items()},
        outputs=(*outputs.rasters.values(), outputs.reason, outputs.thumbnail),
    )
