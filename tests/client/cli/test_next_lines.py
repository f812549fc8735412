"""What to do next is a command that can be pasted: it names the recipe's own file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from scenefleet.cli.ending import conclude
from scenefleet.cli.options import Desk
from scenefleet.plan import Plan
from scenefleet.recipe import RecipeFile, parse
from scenefleet.run import Ended, RunState, create
from scenefleet.run.model import TaskOutcome
from scenefleet.run.record import save
from scenefleet.settings import read_settings
from scenefleet.store.folder import FolderStore

Cli = Callable[..., CompletedProcess[str]]
TEXT = "version: 1\nname: fields\nsearch: {dates: 2023-06}\n"


def desk_and_ended(folder: Path, state: RunState, exit_name: str) -> tuple[Desk, Ended]:
    (folder / "settings.toml").write_text("")
    path = folder / "my fields.yaml"
    path.write_text(TEXT)
    source = RecipeFile(parse(TEXT, path), path, TEXT)
    store = FolderStore(folder / "results")
    run = create(store, source, Plan(name="fields", documents=(), left_out=()), [])
    failed = TaskOutcome(
        task="t", item="i", collection="c", datetime="2023-06-01T00:00:00Z", geometry={},
        state="failed", exit=exit_name,
    )  # fmt: skip
    ended = Ended(run.model_copy(update={"state": state}), (failed,))
    return Desk(store, read_settings(folder / "settings.toml", {}), source), ended


@pytest.mark.parametrize(
    ("state", "exit_name", "command"),
    [
        (RunState.CANCELLED, "failed", "scenefleet run {file}    (goes on"),
        (RunState.FAILED, "script", "scenefleet try {file}`, then `scenefleet run {file}`"),
        (RunState.FAILED, "radiometry", "scenefleet run {file} --radiometry trust"),
    ],
)
def test_the_end_of_a_run_names_the_recipe_s_file(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    state: RunState,
    exit_name: str,
    command: str,
) -> None:
    desk, ended = desk_and_ended(tmp_path, state, exit_name)
    conclude(desk, ended, "report.html", as_json=False)
    quoted = f"'{tmp_path / 'my fields.yaml'}'"
    assert command.format(file=quoted) in capsys.readouterr().err
    conclude(Desk(desk.store, desk.settings), ended, "report.html", as_json=False)
    assert command.format(file="FILE") in capsys.readouterr().err, "only the store is known"


def test_status_of_a_run_cut_off_names_the_recipe_s_file(cli: Cli, tmp_path: Path) -> None:
    desk, ended = desk_and_ended(tmp_path, RunState.RUNNING, "failed")
    save(desk.store, ended.run)
    done = cli("status", "--recipe", "my fields.yaml")
    assert done.returncode == 0, done.stderr
    assert "`scenefleet run 'my fields.yaml'` goes on" in done.stderr
