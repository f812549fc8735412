"""Who the user is to Azure: a settings file and the environment, read in this one place.

The file is TOML with one section, `[azure]`; every key can also be given by the environment as
`SCENEFLEET_AZURE_<KEY>`, which wins. Keys of accounts are held as secrets: no text of these values
shows them.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError

from scenefleet.errors import NotAuthorisedError, RecipeError
from scenefleet.inputs import cut, read_text

_PREFIX = "SCENEFLEET_AZURE_"
_MOST_BYTES = 1_000_000
"""Of a settings file."""


class AzureSettings(BaseModel):
    """The `[azure]` section."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    batch_endpoint: str | None = None
    """`https://<account>.<region>.batch.azure.com`, or the emulator's address."""
    batch_account: str | None = None
    """The Batch account's name; needed with `batch_key` only."""
    batch_key: SecretStr | None = None
    """Shared key of the Batch account; without it Entra ID is used (`az login`, an identity)."""
    storage_key: SecretStr | None = None
    """Shared key of the store's storage account; without it Entra ID is used."""
    storage_endpoint: str | None = None
    """Blob endpoint where it is not `https://<account>.blob.core.windows.net`, as Azurite's."""
    identity_client_id: str | None = None
    """Client id of the managed identity that the pool's nodes write to the store with."""
    identity_resource_id: str | None = None
    """Resource id of that identity: Batch fetches the code, and the image, as it."""
    subscription_id: str | None = None
    """The subscription of the Batch account, where `doctor` is to look for no other."""
    resource_manager: str | None = None
    """Azure Resource Manager's address where it is not `https://management.azure.com`: another
    cloud, an emulator."""
    image: str | None = None
    """The task's container image, used where the recipe names none."""


class Settings(BaseModel):
    """All settings."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    azure: AzureSettings = AzureSettings()
    path: Path
    """The file, whether or not it is there."""

    def need(self, *keys: str) -> None:
        """Checks that `[azure]` has these keys.

        Raises:
            NotAuthorisedError: names each that is missing and where to write it.
        """
        missing = [key for key in keys if getattr(self.azure, key) is None]
        if missing:
            rest = "`scenefleet doctor --recipe FILE` checks the rest."
            raise NotAuthorisedError(f"{self.lack(missing)} {rest}")

    def lack(self, missing: Sequence[str]) -> str:
        """Returns what to say of keys of `[azure]` that are missing."""
        wanted = " and ".join(f"`{key}`" for key in missing)
        variables = ", ".join(_PREFIX + key.upper() for key in missing)
        it = "it" if len(missing) == 1 else "them"
        return (
            f"{self.path}: section [azure] lacks {wanted}, needed for `backend: azure`. "
            f"Write {it} there, or set {variables}."
        )


def default_path() -> Path:
    """Where the settings file is looked for."""
    from platformdirs import user_config_path

    return user_config_path("scenefleet", appauthor=False) / "settings.toml"


def read_settings(path: Path | None, environment: Mapping[str, str]) -> Settings:
    """The settings of a file and of the environment.

    Args:
        path: the file; None for `SCENEFLEET_SETTINGS` or the user's own, which may be absent.
        environment: usually `os.environ`.

    Raises:
        RecipeError: if the file is not there though named, is no TOML, or has an unknown key.
    """
    named = path or (Path(text) if (text := environment.get("SCENEFLEET_SETTINGS")) else None)
    file = named or default_path()
    values = _read(file, optional=named is None)
    azure: dict[str, Any] = _section(values, file)
    for key in AzureSettings.model_fields:
        if text := environment.get(_PREFIX + key.upper()):
            azure[key] = text
    try:
        return Settings(azure=AzureSettings.model_validate(azure), path=file)
    except ValidationError as error:
        raise RecipeError("\n".join(_say(p, file) for p in error.errors())) from None


def _read(file: Path, *, optional: bool) -> dict[str, Any]:
    try:
        return tomllib.loads(read_text(file, _MOST_BYTES))
    except FileNotFoundError:
        if optional:
            return {}
        raise RecipeError(f"{file}: there is no such settings file") from None
    except OSError as error:
        raise RecipeError(f"{file}: cannot be read: {error.strerror}") from None
    except (RecursionError, ValueError) as error:
        # a TOMLDecodeError is a ValueError, and so is a number of too many digits
        what = "it is nested too deeply" if isinstance(error, RecursionError) else cut(str(error))
        raise RecipeError(f"{file}: this is no TOML: {what}") from None


def _section(values: dict[str, Any], file: Path) -> dict[str, Any]:
    if unknown := sorted(values.keys() - {"azure"}):
        raise RecipeError(f"{file}: unknown section or key {cut(unknown[0])!r}; allowed is [azure]")
    section = values.get("azure", {})
    if not isinstance(section, dict):
        raise RecipeError(f"{file}: `azure` must be a section: write [azure] on a line of its own")
    return dict(cast("dict[str, Any]", section))


def _say(problem: Any, file: Path) -> str:  # noqa: ANN401 - pydantic's own mapping
    key = str(problem["loc"][-1])
    if problem["type"] != "extra_forbidden":
        return f"{file}: [azure] {key}: {problem['msg']}"
    allowed = list(AzureSettings.model_fields)
    near = difflib.get_close_matches(key, allowed, n=1)
    hint = f"did you mean `{near[0]}`? " if near else ""
    return f"{file}: [azure] {cut(key)}: unknown key; {hint}Allowed: {', '.join(allowed)}"
