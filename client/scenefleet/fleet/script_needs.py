"""Tells what a script imports that tasks will not find: in the image, or on this machine."""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from scenefleet.recipe import PoolId, RecipeFile
from scenefleet.recipe.script_imports import Import, imports
from scenefleet.settings import Settings

OUR_IMAGE = "scenefleet-task"
"""The name that docker/README.md gives the image; one of another name may hold more."""
IMAGE = frozenset(
    (
        "affine", "annotated_types", "attr", "attrs", "azure.core", "azure.identity",
        "azure.storage", "certifi", "cffi", "charset_normalizer", "click", "click_plugins", "cligj",
        "cryptography", "dateutil", "dotenv", "idna", "imagecodecs", "isodate", "jwt", "msal",
        "msal_extensions", "numpy", "packaging", "pip", "planetary_computer", "pycparser",
        "pydantic", "pydantic_core", "pyparsing", "pystac", "pystac_client", "pytz", "rasterio",
        "requests", "scenefleet_task", "typing_extensions", "typing_inspection", "tzdata",
        "urllib3",
    )
)  # fmt: skip
"""Modules of the task's image beside the standard library: those of requirements/task.txt."""
_NOT_IN_IMAGE = frozenset(
    (
        # removed by 3.13, the image's Python (PEP 594, PEP 632, "What's New In Python 3.12, 3.13")
        "aifc", "asynchat", "asyncore", "audioop", "cgi", "cgitb", "chunk", "crypt", "distutils",
        "imghdr", "imp", "lib2to3", "mailcap", "msilib", "nis", "nntplib", "ossaudiodev", "pipes",
        "smtpd", "sndhdr", "spwd", "sunau", "telnetlib", "uu", "xdrlib",
        # of 3.14
        "annotationlib", "compression",
        # of Windows, or in need of a screen
        "idlelib", "msvcrt", "nt", "tkinter", "turtle", "turtledemo", "winreg", "winsound",
    )
)  # fmt: skip
"""Modules of some standard library that the image's own has not."""
_PACKAGES = {
    "bs4": "beautifulsoup4",
    "Crypto": "pycryptodome",
    "cv2": "opencv-python-headless",
    "dateutil": "python-dateutil",
    "fitz": "PyMuPDF",
    "netCDF4": "netCDF4",
    "osgeo": "GDAL",
    "PIL": "pillow",
    "pywt": "PyWavelets",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "whittaker_eilers": "whittaker-eilers",
    "yaml": "PyYAML",
}
"""Packages by the modules that they bring, where the names differ."""
_MOST = 5
"""Modules that a note names."""


def script_notes(source: RecipeFile, settings: Settings) -> tuple[str, ...]:
    """Returns notes on what the recipe's script imports and tasks may not find.

    Args:
        source: the recipe.
        settings: name the image where the recipe does not.
    """
    script = source.recipe.process.script
    if script is None:
        return ()
    found = imports(script.text)
    name = Path(script.file).name
    relative = [one for one in found if one.name.startswith(".")]
    notes = [f"{name} imports {_listed(relative)}: {_ALONE}"] if relative else []
    outright = [one for one in found if one not in relative]
    compute = source.recipe.compute
    folder = (source.base / script.file).parent
    beside = [one for one in outright if _is_beside(one, folder) and not _is_installed(one)]
    if beside:
        notes.append(f"{name} imports {_listed(beside)}, which lies beside it: {_ALONE}")
    rest = [one for one in outright if one not in beside]
    gone = [one for one in rest if _top(one) in _NOT_IN_IMAGE and not _has(one, compute.backend)]
    if gone:
        notes.append(
            f"{name} imports {_listed(gone)}, which the standard library of the tasks' Python does "
            "not have: use another module"
        )
    rest = [one for one in rest if one not in gone]
    if compute.backend == "local":
        return (*notes, *_lacking_here(name, rest))
    image = compute.image or settings.azure.image
    pool = compute.pool.id if isinstance(compute.pool, PoolId) else None
    return (*notes, *_lacking_there(name, rest, image, pool))


_ALONE = (
    "a script goes to the tasks as one file, and they find nothing that lies beside it. Write what "
    "it needs into the script"
)


def _has(one: Import, backend: str) -> bool:
    return _is_installed(one) if backend == "local" else _in_image(one)


def _lacking_here(name: str, found: Sequence[Import]) -> list[str]:
    lacking = [one for one in found if not _is_installed(one)]
    if not lacking:
        return []
    return [
        f"{name} imports {_listed(lacking)}, which the Python that tasks on this machine run in "
        f"does not have. Install it:  {sys.executable} -m pip install {_packages(lacking)}"
    ]


def _lacking_there(
    name: str, found: Sequence[Import], image: str | None, pool: str | None
) -> list[str]:
    lacking = [one for one in found if not _in_image(one)]
    if not lacking:
        return []
    what = f"{name} imports {_listed(lacking)}"
    if image is None:
        return [
            f"{what}: whether the nodes of {pool or 'the pool'} have it cannot be told from here"
        ]
    if _repository(image) != OUR_IMAGE:
        modules = ", ".join(dict.fromkeys(one.name for one in lacking))
        return [
            f"{what}: whether the image {image} has it cannot be told from here. This tells it:  "
            f'docker run --rm {image} python3 -c "import {modules}"'
        ]
    return [
        f"{what}, which the task's image does not have, so that every task would fail. Build an "
        f"image on it that has {_packages(lacking)} (docker/README.md: three lines), give it a "
        "name of its own, and name it by `compute.image`"
    ]


def _repository(image: str) -> str:
    """The last part of an image's name, without tag and digest."""
    return re.split(r"[@:]", image.rpartition("/")[2])[0]


def _top(one: Import) -> str:
    return one.name.partition(".")[0]


def _in_image(one: Import) -> bool:
    top = _top(one)
    if top in sys.stdlib_module_names:
        return top not in _NOT_IN_IMAGE
    return any(
        one.name == known or one.name.startswith(f"{known}.") or known.startswith(f"{one.name}.")
        for known in IMAGE
    )


def _is_installed(one: Import) -> bool:
    """Tells whether this Python finds a module, other than in the current folder."""
    top = _top(one)
    try:
        found = importlib.util.find_spec(top)
    except (ImportError, ValueError):  # of a module that has been made by hand
        return True
    if found is None:
        return False
    # a task looks for modules where packages are installed, and not in its client's folder
    places = [found.origin, *(found.submodule_search_locations or ())]
    here = Path.cwd().resolve()
    return not any(
        place and Path(place).resolve() in (here / top, here / f"{top}.py") for place in places
    )


def _is_beside(one: Import, folder: Path) -> bool:
    top = _top(one)
    return (folder / f"{top}.py").is_file() or (folder / top / "__init__.py").is_file()


def _listed(found: Sequence[Import]) -> str:
    texts = [f"`{one.name}` (line {one.line})" for one in found[:_MOST]]
    if len(found) > _MOST:
        texts.append(f"{len(found) - _MOST} more")
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}"


def _packages(found: Sequence[Import]) -> str:
    return " ".join(dict.fromkeys(_package(one.name) for one in found))


def _package(module: str) -> str:
    top = module.partition(".")[0]
    if top in ("azure", "google"):  # names that many packages share
        return "-".join(module.split(".")[:2])
    return _PACKAGES.get(top, top.replace("_", "-"))
