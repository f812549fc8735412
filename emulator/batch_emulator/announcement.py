"""What the emulator says when it is ready: a line for programs, or lines to paste for people."""

from __future__ import annotations

import json
import os
import shlex

from batch_emulator.account_key import AccountKey
from batch_emulator.admin.identity import PATH as IDENTITY
from batch_emulator.arm.place import Place
from batch_emulator.options import Options
from batch_emulator.server import Address


def json_line(options: Options, address: Address, key: AccountKey) -> str:
    """What a program needs that started the emulator."""
    line: dict[str, object] = {
        "endpoint": address.endpoint,
        "account": options.account,
        "pid": os.getpid(),
    }
    if key.made_up:
        line["key"] = key.value
    if options.arm:
        line["arm"] = options.arm.account_id(options.account)
    if address.identity:
        line["identity"] = dict(_identity(address))
    return json.dumps(line)


def paragraphs(options: Options, address: Address, key: AccountKey) -> str:
    """What a person needs, a paragraph a client."""
    parts = [
        "Azure Batch emulator\n"
        f"endpoint  {address.endpoint}\n"
        f"account   {options.account}\n"
        f"key       {key.note}"
    ]
    if options.tls_cert:
        title = "# Clients have to trust the certificate: name this file, or that of who signed it"
        trusted = str(options.tls_cert.absolute())
        names = ("REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS")
        parts.append(_exports(title, dict.fromkeys(names, trusted)))
    if options.shared_key:
        parts.append(_python(options.account, address, key))
        parts.append(_azure_cli(options.account, address, key))
        parts.append(_airflow(options.account, address, key))
    if address.identity:
        parts.append(_exports("# Microsoft Entra ID, by a managed identity", _identity(address)))
        parts.append(_python_by_identity(address))
    if options.arm:
        parts.append(_management(options.arm, options.account, address))
    return "\n\n".join([*parts, "Ctrl-C ends it."])


def _python(account: str, address: Address, key: AccountKey) -> str:
    lines = (
        "# Python",
        *key.imports,
        "from azure.batch import BatchClient",
        "from azure.core.credentials import AzureNamedKeyCredential",
        f"credential = AzureNamedKeyCredential({json.dumps(account)}, {key.python})",
        f"client = BatchClient({json.dumps(address.endpoint)}, credential)",
    )
    return "\n".join(lines)


def _python_by_identity(address: Address) -> str:
    return (
        "# Python, where these variables are set\n"
        "from azure.batch import BatchClient\n"
        "from azure.identity import DefaultAzureCredential\n"
        f"client = BatchClient({json.dumps(address.endpoint)}, DefaultAzureCredential())"
    )


def _management(place: Place, account: str, address: Address) -> str:
    lines = (
        "# Azure Resource Manager, where these variables are set",
        "from azure.identity import DefaultAzureCredential",
        "from azure.mgmt.batch import BatchManagementClient",
        "client = BatchManagementClient(",
        f'    DefaultAzureCredential(), "{place.subscription}",',
        f"    base_url={json.dumps(address.endpoint)},",
        '    credential_scopes=["https://management.azure.com/.default"],',
        ")",
        f'client.batch_account.get("{place.group}", {json.dumps(account)})',
    )
    return "\n".join(lines)


def _azure_cli(account: str, address: Address, key: AccountKey) -> str:
    return (
        "# Azure CLI: az batch pool list, with no login before\n"
        f"export AZURE_BATCH_ACCOUNT={shlex.quote(account)}\n"
        f'export AZURE_BATCH_ACCESS_KEY="{key.shell}"\n'
        f"export AZURE_BATCH_ENDPOINT={shlex.quote(address.endpoint)}"
    )


def _airflow(account: str, address: Address, key: AccountKey) -> str:
    """A connection of the type that apache-airflow-providers-microsoft-azure has for Batch."""
    # Out of single quotes and in again, so that the shell puts the key in its place.
    spliced = f"""'"{key.shell}"'""" if key.shell.startswith("$") else key.shell
    extra = json.dumps({"account_url": address.endpoint})
    fields = f'"login": "{account}", "password": "{spliced}", "extra": {extra}'
    connection = f'{{"conn_type": "azure_batch", {fields}}}'
    return f"# Airflow\nexport AIRFLOW_CONN_AZURE_BATCH_DEFAULT='{connection}'"


def _identity(address: Address) -> dict[str, str]:
    return {
        "IDENTITY_ENDPOINT": address.endpoint + IDENTITY,
        "IDENTITY_HEADER": address.identity,
    }


def _exports(title: str, variables: dict[str, str]) -> str:
    lines = [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
    return "\n".join([title, *lines])
