"""Users of nodes, and how to log in."""

import sqlite3
from datetime import UTC, datetime, timedelta

import pytest
from azure.batch import models

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f ann@home"
PASSWORD = "Pa55-word-that-nobody-sees"


@pytest.fixture
def place(batch):
    pool = batch.pool()
    return pool, batch.ready(pool, 1)[0].id


def send(batch, place, body, method="POST", name=""):
    pool, node = place
    path = f"/pools/{pool}/nodes/{node}/users" + (f"/{name}" if name else "")
    return batch.raw(method, path, json=body)


def test_users_are_added_replaced_and_deleted(batch, place, refused):
    pool, node = place
    user = models.BatchNodeUserCreateOptions(
        name="ann", is_admin=True, password=PASSWORD, ssh_public_key=KEY
    )
    batch.client.create_node_user(pool, node, user)
    error = refused(lambda: batch.client.create_node_user(pool, node, user))
    assert (error.status_code, error.error.code) == (409, "NodeUserExists")
    options = models.BatchNodeUserReplaceOptions(
        ssh_public_key=KEY, expiry_time=datetime.now(UTC) + timedelta(days=3)
    )
    batch.client.replace_node_user(pool, node, "ann", options)
    batch.client.delete_node_user(pool, node, "ann")
    for attempt in (
        lambda: batch.client.delete_node_user(pool, node, "ann"),
        lambda: batch.client.replace_node_user(pool, node, "ann", options),
    ):
        error = refused(attempt)
        assert (error.status_code, error.error.code) == (404, "NodeUserNotFound")
    batch.client.create_node_user(pool, node, user)


def test_the_answer_names_the_user(batch, place):
    answer = send(batch, place, {"name": "bob", "sshPublicKey": KEY})
    assert (answer.status_code, answer.text) == (201, "")
    assert answer.headers["dataserviceid"].endswith("/users/bob")
    assert "etag" in answer.headers


def test_names_may_be_in_any_script(batch, place):
    pool, node = place
    user = models.BatchNodeUserCreateOptions(name="名前", ssh_public_key=KEY)
    batch.client.create_node_user(pool, node, user)
    options = models.BatchNodeUserReplaceOptions(ssh_public_key=KEY)
    batch.client.replace_node_user(pool, node, "名前", options)
    batch.client.delete_node_user(pool, node, "名前")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"sshPublicKey": KEY}, "MissingRequiredProperty"),
        ({"name": "bob", "sshPublicKey": "rubbish"}, "InvalidPropertyValue"),
        ({"name": "bob", "sshPublicKey": "ssh-rsa not+base64="}, "InvalidPropertyValue"),
        ({"name": "bob", "sshPublicKey": KEY, "isAdmin": "yes"}, "InvalidPropertyValue"),
        ({"name": "bob", "sshPublicKey": KEY, "password": 1}, "InvalidPropertyValue"),
        ({"name": "bob", "sshPublicKey": KEY, "shell": "/bin/sh"}, "InvalidRequestBody"),
    ],
)  # fmt: skip
def test_users_that_the_service_would_not_add(batch, place, body, code):
    answer = send(batch, place, body)
    assert (answer.status_code, answer.json()["code"]) == (400, code), answer.text


def test_windows_nodes_need_a_password_and_take_no_key(batch):
    machine = {
        "imageReference": {"publisher": "a", "offer": "b", "sku": "c"},
        "nodeAgentSKUId": "batch.node.windows amd64",
    }
    pool = batch.pool(virtualMachineConfiguration=machine)
    place = pool, batch.ready(pool, 1)[0].id
    answer = send(batch, place, {"name": "bob", "sshPublicKey": KEY})
    assert answer.json()["code"] == "MissingRequiredProperty"
    answer = send(batch, place, {"name": "bob", "sshPublicKey": KEY, "password": PASSWORD})
    assert answer.json()["code"] == "InvalidPropertyValue"
    assert send(batch, place, {"name": "bob", "password": PASSWORD}).status_code == 201
    again = send(batch, place, {"name": "BOB", "password": PASSWORD})
    assert again.json()["code"] == "NodeUserExists"
    settings = batch.client.get_node_remote_login_settings(*place)
    assert settings.remote_login_port == 3389


def test_users_need_a_node_that_is_up(emulator):
    batch = emulator("--boot-time=600")
    pool = batch.pool()
    batch.running.admin.advance(timedelta(seconds=300))
    place = pool, batch.until(lambda: batch.nodes(pool, "creating"))[0].id
    answer = send(batch, place, {"name": "bob", "sshPublicKey": KEY})
    assert (answer.status_code, answer.json()["code"]) == (409, "NodeBeingCreated")


def test_a_password_is_neither_shown_nor_saved(emulator, tmp_path):
    batch = emulator("--boot-time=0.05", f"--state={tmp_path}")
    pool = batch.pool()
    node = batch.ready(pool, 1)[0].id
    secret = [PASSWORD, 1]
    wrong = send(batch, (pool, node), {"name": "ann", "password": secret})
    assert wrong.status_code == 400
    assert PASSWORD not in wrong.text
    answer = send(batch, (pool, node), {"name": "ann", "password": PASSWORD, "sshPublicKey": KEY})
    assert answer.status_code == 201
    assert PASSWORD not in batch.raw("GET", f"/pools/{pool}/nodes/{node}").text
    assert PASSWORD not in answer.text
    batch.running.process.kill()
    batch.running.process.wait(10)
    kept = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert any(b'"ann"' in file.read_bytes() for file in kept)
    assert not any(PASSWORD.encode() in file.read_bytes() for file in kept)
    with sqlite3.connect(tmp_path / "state.sqlite") as database:
        rows = database.execute("SELECT state FROM resources WHERE kind = 'node'").fetchall()
    database.close()
    assert PASSWORD not in str(rows)


def test_users_outlast_a_kill_and_a_reboot(emulator, tmp_path):
    batch = emulator("--boot-time=0.05", f"--state={tmp_path}")
    pool = batch.pool()
    place = pool, batch.ready(pool, 1)[0].id
    assert send(batch, place, {"name": "ann", "sshPublicKey": KEY}).status_code == 201
    batch.running.process.kill()
    batch.running.process.wait(10)
    batch = emulator("--boot-time=0.05", f"--state={tmp_path}")
    batch.ready(pool, 1)
    assert batch.raw("POST", f"/pools/{pool}/nodes/{place[1]}/reboot").status_code == 202
    batch.ready(pool, 1)
    assert send(batch, place, {"name": "ann", "sshPublicKey": KEY}).status_code == 409
    assert send(batch, place, None, "DELETE", "ann").status_code == 200


def test_one_logs_in_to_the_machine_that_the_node_is(batch, place):
    settings = batch.client.get_node_remote_login_settings(*place)
    assert (settings.remote_login_ip_address, settings.remote_login_port) == ("127.0.0.1", 22)
