"""The computing process: one scene from document to STAC item, and a result for the supervisor.

Whatever happens in Python ends in a `Result`; what does not (a kill) is the supervisor's to tell.
"""

from __future__ import annotations

import resource
import traceback
from pathlib import Path
from typing import Any, cast

from scenefleet_task import spec
from scenefleet_task.attempt import Attempt, Findings, conclude, usage_of
from scenefleet_task.failure import TaskError
from scenefleet_task.keep import keep
from scenefleet_task.log import log, start_log
from scenefleet_task.result import Output, to_line
from scenefleet_task.setting import Setting
from scenefleet_task.spec import Exit, TaskDocument


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
    import rasterio

    from scenefleet_task.access import access_for
    from scenefleet_task.item import Put, make_item
    from scenefleet_task.put import Target, target_for
    from scenefleet_task.scene import process
    from scenefleet_task.thumbnail import write_picture

    target = target_for(setting)
    picture = folder / "thumbnail.png"
    with cast("Any", rasterio).Env():  # sends what GDAL complains of to the log, not to the screen
        rasters = process(document, access_for(document.access), folder, script=setting.script)
        write_picture(rasters.made[0].file, picture, rasters.made[0].output)
    root = f"products/{document.product}/{document.folder}"

    def put(name: str, file: Path, to: Target = target) -> Output:
        path = f"{root}/{file.name}"
        digest = to.put(file, path)
        file.unlink()
        log.info("put %s, %.1f MB", path, digest.size / 1e6)
        return Output(name=name, path=path, size=digest.size, sha256=digest.sha256)

    outputs = Put(
        rasters={name: put(name, file) for name, file in rasters.files.items()},
        reason=put("reason", rasters.reason),
        thumbnail=put("thumbnail", picture),
    )
    item = folder / f"{document.folder}.json"
    item.write_bytes(spec.dump(make_item(document, rasters, outputs)))
    put("item", item)  # last: an item that is there says that all the rest is
    return Findings(
        valid_percent=rasters.valid_percent,
        reasons={reason.name.lower(): count for reason, count in rasters.reasons.items()},
        outputs=(*outputs.rasters.values(), outputs.reason, outputs.thumbnail),
    )
