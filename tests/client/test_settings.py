"""Settings come from a file and the environment; what is missing is named; keys never show."""

from pathlib import Path

import pytest

from scenefleet.errors import NotAuthorisedError, RecipeError
from scenefleet.settings import read_settings

KEY = "c2VjcmV0LWtleQ=="


def write(folder: Path, text: str) -> Path:
    path = folder / "settings.toml"
    path.write_text(text)
    return path


def test_environment_wins_over_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, '[azure]\nbatch_account = "file"\nimage = "one"\n')
    settings = read_settings(path, {"SCENEFLEET_AZURE_BATCH_ACCOUNT": "environment"})
    assert settings.azure.batch_account == "environment"
    assert settings.azure.image == "one"


def test_a_missing_value_is_named_with_where_to_write_it(tmp_path: Path) -> None:
    path = write(tmp_path, "[azure]\n")
    settings = read_settings(path, {})
    with pytest.raises(NotAuthorisedError) as caught:
        settings.need("batch_endpoint", "batch_account")
    message = str(caught.value)
    assert str(path) in message
    assert "`batch_endpoint` and `batch_account`" in message
    assert "SCENEFLEET_AZURE_BATCH_ENDPOINT" in message


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("[azure]\nbatch_acount = 'x'\n", "did you mean `batch_account`"),
        ("[azuer]\n", "azuer"),
        ("azure = 3\n", "section"),
        ("[azure\n", "TOML"),
        (f"[azure]\nbatch_key = 12\nstorage_key = '{KEY}'\n", "batch_key"),
    ],
)
def test_a_bad_file_is_refused(tmp_path: Path, text: str, word: str) -> None:
    with pytest.raises(RecipeError) as caught:
        read_settings(write(tmp_path, text), {})
    assert word in str(caught.value)
    assert KEY not in str(caught.value)


def test_a_file_that_is_named_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="no such settings file"):
        read_settings(None, {"SCENEFLEET_SETTINGS": str(tmp_path / "none.toml")})


def test_keys_never_show(tmp_path: Path) -> None:
    settings = read_settings(write(tmp_path, f"[azure]\nbatch_key = '{KEY}'\n"), {})
    assert KEY not in repr(settings)
    assert KEY not in str(settings.azure)
    assert KEY not in settings.model_dump_json()
