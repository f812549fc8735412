"""Output files' patterns, as the docstring of `OutputFile.filePattern` has them."""

import time

import pytest

from batch_emulator.node.patterns import expand, find, is_wild, split

FILES = ("a.txt", "b.TXT", "abc", "abcdef", "x1", "xa", ".hidden.gif", "seen.gif", "abc*", "abc2",
         "sub/c.txt", "sub/deep/d.txt", "sub/.secret/e.txt", ".git/f.txt",
         "sub/deep/log")  # fmt: skip


@pytest.fixture
def tree(tmp_path):
    for name in FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    return tmp_path


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("abc*", ["abc", "abc*", "abc2", "abcdef"]),
        ("abc[*]", ["abc*"]),
        ("abc?", ["abc*", "abc2"]),
        ("x[abc]", ["xa"]),
        ("x[0-9]", ["x1"]),
        ("x[!0-9]", ["xa"]),
        ("*.gif", ["seen.gif"]),
        (".*.gif", [".hidden.gif"]),
        ("*.txt", ["a.txt"]),
        ("**/*.txt", ["a.txt", "sub/c.txt", "sub/deep/d.txt"]),
        ("sub/**/*.txt", ["sub/c.txt", "sub/deep/d.txt"]),
        ("sub/**/**/d.txt", ["sub/deep/d.txt"]),
        ("**/deep/*", ["sub/deep/d.txt", "sub/deep/log"]),
        ("sub/.*/*.txt", ["sub/.secret/e.txt"]),
        ("*/*.txt", ["sub/c.txt"]),
        ("sub/**", ["sub/c.txt", "sub/deep/d.txt", "sub/deep/log"]),
        ("**/.git/*", [".git/f.txt"]),
        ("nothing*", []),
    ],
)
def test_matches(tree, pattern, expected):
    fixed, names = split(pattern)
    base = tree / fixed
    found = sorted(path.relative_to(tree).as_posix() for path, _ in find(base, names))
    assert found == sorted(expected)
    assert is_wild(pattern)


@pytest.mark.parametrize("pattern", ["a.txt", "sub/c.txt", "../x", "/mnt/x"])
def test_plain_names(pattern):
    assert not is_wild(pattern)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [("../std*.txt", ("..", ("std*.txt",))), ("/mnt/x*/y", ("/mnt", ("x*", "y"))),
     ("/x*", ("/", ("x*",))), ("out/a/**/b*", ("out/a", ("**", "b*"))), ("*", ("", ("*",)))],
)  # fmt: skip
def test_the_part_before_the_first_wildcard(pattern, expected):
    assert split(pattern) == expected


def test_variables():
    environment = {"A": "one", "AB": "two"}
    assert expand("$A/${A}b/$AB/$NONE/x$", environment) == "one/oneb/two/$NONE/x$"


def test_links_in_circles_and_many_stars_end(tmp_path):
    for name in ("p", "q", "r", "s"):
        (tmp_path / name).symlink_to(tmp_path)
    deep = tmp_path / "/".join(["d"] * 30)
    deep.mkdir(parents=True)
    (deep / ("a" * 200)).touch()
    start = time.monotonic()
    for pattern in ("**/*/**/*/**/*/**/*/**/x", "**/" + "*a" * 60 + "b", "**/d/" * 20 + "x"):
        assert list(find(tmp_path, split(pattern)[1])) == []
    assert time.monotonic() - start < 5
