"""Warnings that tell nobody anything, silenced once and for the whole process.

`warnings.catch_warnings` puts the process's filters aside and back: two threads in it undo each
other's. rasterio is in it whenever it rasterizes, and a task rasterizes in several threads, so
that its warning came through now and then. What is silenced before the threads begin, and stays
so, is in every copy that any of them puts back. Nothing in the task uses `catch_warnings`.
"""

from __future__ import annotations

import warnings


def quieten() -> None:
    """Silences, of this process: to be called before there are threads."""
    # rasterio, of rasters in memory that get their place a line later, and of a source without a
    # place or with a header that could not be read: of these the task tells itself, and more
    warnings.filterwarnings("ignore", message="Dataset has no geotransform")
    # rasterio 1.4, of the one way in which a file object may be closed by any thread
    warnings.filterwarnings("ignore", message="FilePath is supplanted")
    # planetary-computer 1.0.0 still uses pydantic's old ways when it is imported
    warnings.filterwarnings("ignore", module="planetary_computer")
