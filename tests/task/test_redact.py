import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenefleet_task.failure import TaskError
from scenefleet_task.redact import (
    WORDS_OF_MESSAGES,
    address,
    cleaned,
    names_secret,
    redact,
)
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
        "https://h/x.tif;sig=TOPSECRET",
        "https://h/x.tif#sig=TOPSECRET",
        "https://h/x.tif?a=1&amp;sig=TOPSECRET",
        "x.tif?a=1&amp;sig=TOPSECRET",
        "https://h/x.tif%3Fsig%3DTOPSECRET",
        "https%3A%2F%2Fh%2Fx.tif%3Fsig%3DTOPSECRET",
        "https%253A%252F%252Fh%252Fx.tif%253Fsig%253DTOPSECRET",
        '{"u":"https:\\/\\/h\\/x?sig=TOPSECRET"}',
        '{"u":"a\\u0026sig=TOPSECRET"}',
        "s%69g=TOPSECRET",
        "&#115;ig=TOPSECRET",
        "https://me:TOPSECRET@h/x",
        "//me:TOPSECRET@h/x",
        "'//me:TOPSECRET@h/x' failed",
        "https://h/x.tif%u003Fsig=TOPSECRET",
        "https://h/x.tif%u003Fsig%u003DTOPSECRET",
        '{"api_key": "TOPSECRET"}',
        "X-Api-Key: TOPSECRET",
        "Ocp-Apim-Subscription-Key: TOPSECRET",
        "Authorization: Basic TOPSECRET",
        "Cookie: TOPSECRET",
        "a?code=TOPSECRET",
        "a=1&key=TOPSECRET",
        "subscription_key=TOPSECRET",
        "api-key=TOPSECRET",
        "password: 'TOPSECRET'",
        "jwt=TOPSECRET",
        "sas=TOPSECRET",
        "my_token_2=TOPSECRET",
        "X-Amz-Security-Token=TOPSECRET",
        "X-Amz-Credential: TOPSECRET",
        "eyJhbGciOiTOPSECRET.eyJzdWIiOiTOPSECRET.TOPSECRET",
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


@pytest.mark.parametrize(
    "text",
    [
        "Copernicus Sentinel data 2023; see https://x.example/a",
        "code=404 key: B04 exit code: 12",
        "https://h/year=2023/month=01/x.tif",
        "token expired, sign again",
        "HTTP 403 (AuthenticationFailed: Signature did not match)",
        "Basic operations, 100% done & more",
        "/etc/passwd: not a raster",
        "/etc/passwd: No such file or directory",
        "'/etc/passwd': no such file",
        "/home/me/.aws/credentials: Permission denied",
        "/data/token.tif: its CRS names a file",
        "C:\\data\\my_secret: the raster has no CRS",
        "s3://bucket/credentials: HTTP 404",
        "cannot open passwd: is a directory",
        "Signature: did not match",
    ],
)
def test_other_words_are_left(text: str) -> None:
    assert redact(text) == cleaned(text) == text


NAMES = [
    *("token", "my_secret", "password", "passwd", "pwd", "passphrase", "signature", "credentials"),
    *("sig", "sas", "api-key", "AccountKey", "Authorization", "Cookie", "session-id"),
]
BEFORE = ["", "/etc/", "https://h/a/", "'", '"', "the ", "C:\\data\\", "a, ", "not a "]
WORDS = ["not", "the", "no", "Permission", "is", "HTTP"]


@given(
    st.sampled_from(BEFORE),
    st.sampled_from(NAMES),
    st.sampled_from([": ", ":", "=", " = ", ": '", '": "', "':", ":  "]),
    st.sampled_from(["", *WORDS]),
    st.text("ABCXYZ0189_-+/.", min_size=4, max_size=40).map("{}TOPSECRET".format),
    st.sampled_from(["", " a raster", "\n", ": not a raster", "; b"]),
)
def test_a_value_is_redacted_though_it_begins_with_a_word_of_messages(
    before: str, name: str, equals: str, word: str, value: str, after: str
) -> None:
    value = value.replace("/", "", 1) if value.startswith("//") else value
    assert "TOPSECRET" not in redact(f"{before}{name}{equals}{word}{value}{after}")


@given(st.sampled_from(BEFORE), st.sampled_from(NAMES), st.text(max_size=12))
def test_what_stands_after_a_name_is_redacted_or_a_message(
    before: str, name: str, word: str
) -> None:
    known = {w.casefold() for w in WORDS_OF_MESSAGES}
    text = redact(f"{before}{name}: {word} raster")
    first = word.split(" ", maxsplit=1)[0]
    plain = first.isascii() and first.isalnum()
    assert "<redacted>" in text or not plain or first.casefold() in known


@pytest.mark.parametrize(
    "text",
    [
        "passphrase: the quick brown fox",
        "password: 'not a raster'",
        '{"password": "the value"}',
        "password=not a raster",
        "/etc/passwd: hunter2 is it",
        "/etc/passwd: not",
        "token: nothing",
        "password:not a raster",
        "password: no-one knows",
        "password: the: value",
    ],
)
def test_where_it_is_open_whether_words_are_a_value_they_are_redacted(text: str) -> None:
    assert "<redacted>" in redact(text)


@pytest.mark.parametrize(
    "text", ["key=TOPSECRET", "code=TOPSECRET&a=1", "s%2569g%253DTOPSECRET", "%" + "25" * 9 + "3D"]
)
def test_a_value_that_hides_something_goes_as_a_whole(text: str) -> None:
    assert cleaned(text) == "<redacted>"


@pytest.mark.parametrize(
    "name",
    [
        "sas",
        "code",
        "key",
        "api-key",
        "subscription_key",
        "password",
        "jwt",
        "sig",
        "Access_Token",
        "tokens",
        "amp;sig",
        "apikey",
        "X-Amz-Signature",
        "x-amz-security-token",
        "sharedSecret",
        "auth:token",
        "AWSAccessKeyId",
        "Policy",
        "X-Goog-Credential",
        "Authorization",
        "Key-Pair-Id",
    ],
)
def test_names_of_secrets(name: str) -> None:
    assert names_secret(name)


@pytest.mark.parametrize("name", ["file", "band", "v", "proj:epsg", "keyword", "signal", "se", ""])
def test_other_names(name: str) -> None:
    assert not names_secret(name)
    assert not names_secret("proj:code", in_address=False)


@pytest.mark.parametrize("part", ["a", "a.", "?a", "&", "%", "token", "?token", "a=", "://", "&#1"])
def test_long_texts_take_no_long_time(part: str) -> None:
    assert len(cleaned(part * 100_000)) > 0


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
