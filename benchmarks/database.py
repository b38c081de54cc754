"""A database of its own beside the one that DATABASE_URL names."""

from __future__ import annotations

import os
from urllib.parse import urlsplit, urlunsplit

import psycopg2

NAME = "quan_benchmark"


def use_own_database() -> str:
    """Makes an empty database and points DATABASE_URL to it; nothing outside it is touched.

    Call it before Django reads its settings.

    Returns:
        PostgreSQL's version.
    """
    address = os.environ["DATABASE_URL"]
    server = psycopg2.connect(address)
    server.autocommit = True
    with server.cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {NAME} WITH (FORCE)")
        cursor.execute(f"CREATE DATABASE {NAME}")
        cursor.execute("SHOW server_version")
        (version,) = cursor.fetchone()
    server.close()
    os.environ["DATABASE_URL"] = urlunsplit(urlsplit(address)._replace(path=f"/{NAME}"))
    return version
