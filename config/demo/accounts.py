"""Who to be in the demo: the accounts that `manage.py load_demo` wrote down."""

import json
from pathlib import Path
from typing import TypedDict

FILE_NAME = "accounts.json"


class Account(TypedDict, total=False):
    """One way in. `password` belongs to a person, `token` to the shop's own backend."""

    role: str
    login: str
    password: str
    token: str
    url: str


def read_accounts(folder: Path) -> list[Account]:
    """Return the demo accounts kept in `folder`."""
    accounts: list[Account] = json.loads((folder / FILE_NAME).read_text(encoding="utf-8"))
    return accounts


def welcome(folder: Path, *, address: str) -> str:
    """Return what a person needs to look around: the address and one line per account.

    Args:
        folder: where `load_demo` wrote the accounts.
        address: where the web process listens; relative `url`s are completed with it.
    """
    rule = "─" * 78
    lines = [rule, f"  Quan is ready:  {address}/", ""]
    for account in read_accounts(folder):
        url = account.get("url", "/")
        where = f"{address}{url}" if url.startswith("/") else url
        lines += [f"  {account['role']:<13} {where}", f"  {'':<13} {_credentials(account)}"]
    return "\n".join([*lines, "", "  Ctrl-C stops everything; the data stays in var/demo.", rule])


def _credentials(account: Account) -> str:
    if "token" in account:
        return f"Authorization: Bearer {account['token']}"
    return f"{account['login']}  /  {account['password']}"
