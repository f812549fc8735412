"""Tokens that tasks are given for their job: what they open, and what they do not."""

import httpx
import pytest

VERSION = "2024-02-01.19.0"
ASKS = {"authenticationTokenSettings": {"access": ["job"]}}
TELL = '/bin/sh -c "echo $AZ_BATCH_AUTHENTICATION_TOKEN"'


def ask(batch, method, path, token, **rest):
    return httpx.request(
        method,
        f"{batch.running.endpoint}{path}",
        params={"api-version": VERSION},
        headers={"authorization": f"Bearer {token}".encode("latin-1")},
        **rest,
    )


def given(batch, job, **settings):
    """The token that a task of a job finds in its environment."""
    body = {"id": batch.name("task"), "commandLine": TELL, **settings}
    answer = batch.raw("POST", f"/jobs/{job}/tasks", json=body, version=VERSION)
    assert answer.status_code == 201, answer.text
    batch.completed(job, body["id"])
    return batch.text(job, body["id"]).strip()


@pytest.fixture
def job(batch):
    return batch.job(batch.pool(nodes=1))


def test_a_task_works_on_its_job_with_its_token(batch, job):
    token = given(batch, job, **ASKS)
    task = {"id": "more", "commandLine": "/bin/true"}
    assert ask(batch, "POST", f"/jobs/{job}/tasks", token, json=task).status_code == 201
    assert batch.completed(job, "more").execution_info.result == "success"
    assert ask(batch, "GET", f"/jobs/{job.upper()}", token).json()["id"] == job
    assert ask(batch, "GET", f"/jobs/{job}/tasks", token).status_code == 200
    assert ask(batch, "POST", f"/jobs/{job}/terminate", token).status_code == 202


def test_a_job_manager_is_given_one_too(batch):
    manager = {"id": "manager", "commandLine": TELL, "killJobOnCompletion": False, **ASKS}
    body = {
        "id": batch.name("job"),
        "poolInfo": {"poolId": batch.pool(nodes=1)},
        "jobManagerTask": manager,
    }
    answer = batch.raw("POST", "/jobs", json=body, version=VERSION)
    assert answer.status_code == 201, answer.text
    batch.completed(body["id"], "manager")
    token = batch.text(body["id"], "manager").strip()
    assert ask(batch, "GET", f"/jobs/{body['id']}", token).status_code == 200


@pytest.mark.parametrize("settings", [{}, {"authenticationTokenSettings": {"access": []}}])
def test_only_a_task_that_asks_is_given_one(batch, job, settings):
    assert given(batch, job, **settings) == ""


def test_a_token_opens_nothing_else(batch, job):
    token = given(batch, job, **ASKS)
    other = batch.job(batch.pools[0])
    similar = f"{job}0"
    batch.raw("POST", "/jobs", json={"id": similar, "poolInfo": {"poolId": "none"}})
    for path in ("/jobs", "/pools", f"/jobs/{other}", f"/jobs/{similar}", "/admin/clock", "/"):
        answer = ask(batch, "GET", path, token)
        closed = answer.status_code == 401 or path == "/"  # the page is open with the known key
        assert closed, f"{path}: {answer.text}"
        assert token not in answer.text


def test_a_later_job_of_the_same_id_stays_closed(batch, job):
    token = given(batch, job, **ASKS)
    batch.raw("DELETE", f"/jobs/{job}")
    batch.until(lambda: batch.raw("GET", f"/jobs/{job}").status_code == 404)
    assert ask(batch, "GET", f"/jobs/{job}", token).status_code == 401
    batch.raw("POST", "/jobs", json={"id": job, "poolInfo": {"poolId": "none"}})
    assert ask(batch, "GET", f"/jobs/{job}", token).status_code == 401


def test_a_token_that_was_made_up_or_changed_is_refused(batch, job):
    token = given(batch, job, **ASKS)
    kind, claims, signature = token.split(".")
    flipped = ("B" if signature[0] == "A" else "A") + signature[1:]
    for made_up in (f"{kind}.", f"{kind}..", f"{kind}.{claims}", f"{kind}.é.{signature}",
                    f"{kind}.{claims}.{flipped}", f"{kind}.{claims}.{signature}.x"):  # fmt: skip
        answer = ask(batch, "GET", f"/jobs/{job}", made_up)
        assert answer.status_code == 401, (made_up, answer.text)
        assert answer.json()["code"] == "AuthenticationFailed"
