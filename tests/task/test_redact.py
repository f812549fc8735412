import pytest

from scenefleet_task.failure import TaskError
from scenefleet_task.redact import address, redact
from scenefleet_task.setting import Setting, read_setting
from scenefleet_task.spec import Exit

SIGNED = "https://a.blob.core.windows.net/c/x.tif?sv=2024-11-04&sp=rl&sig=TOPSECRET%2Babc%3D"


@pytest.mark.parametrize(
    "text",
    [
        f"/vsicurl/{SIGNED}: not recognized",
        f"'{SIGNED}' failed",
        f"({SIGNED}); then more",
        "st=2024&sig=TOPSECRET&se=2025",
        "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=TOPSECRET==;",
        "Authorization: Bearer TOPSECRET.abc",
        "Authorization: SharedKey a:TOPSECRET",
        "http://127.0.0.1:8000/x.tif?token=TOPSECRET",
    ],
)
def test_no_secret_is_left(text: str) -> None:
    assert "TOPSECRET" not in redact(text)
    assert "<redacted>" in redact(text)
    assert "TOPSECRET" not in str(TaskError(Exit.INTERNAL, text))


def test_what_helps_is_left() -> None:
    text = f"/vsicurl/{SIGNED}: not recognized"
    assert redact(text).startswith("/vsicurl/https://a.blob.core.windows.net/c/x.tif?")
    assert redact(text).endswith(" not recognized")
    plain = "item a, asset B04, /data/x.tif: 3 of 4 bytes"
    assert redact(plain) == plain


def test_an_address_as_messages_show_it() -> None:
    assert address(SIGNED) == "https://a.blob.core.windows.net/c/x.tif"
    assert address("https://me:word@host/x.tif#y") == "https://host/x.tif"


def test_a_setting_never_shows_its_sas() -> None:
    setting = read_setting({"SCENEFLEET_STORE": "https://a/c", "SCENEFLEET_STORE_SAS": "TOPSECRET"})
    assert setting.sas == "TOPSECRET"
    assert "TOPSECRET" not in repr(setting)


def test_a_store_with_its_sas_in_the_address_is_refused() -> None:
    with pytest.raises(TaskError, match="SCENEFLEET_STORE_SAS") as caught:
        read_setting({"SCENEFLEET_STORE": SIGNED})
    assert "TOPSECRET" not in str(caught.value)


def test_logs_go_nowhere_without_a_run() -> None:
    assert Setting(store="x", sas=None, identity=None, run=None).log_folder("t", "a") is None
