"""What was acknowledged is remembered by the data alone: PostgreSQL, Valkey and the web process all start anew."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from config.embedded import EmbeddedServers
from config.embedded.places import VAR, remove_folder, remove_outside_twin
from config.env import BASE_DIR

# Tables without the history of their migrations: this test is about data, and starts from an empty database.
SET_UP = """
import json, sys, django
django.setup()
from django.core.management import call_command
from coupons.models import Claim
from tests import factories
"""
CLAIM = """
call_command("migrate", verbosity=0)
client = factories.integrator_client()
body = {
    "coupon": str(factories.make_coupon().public_id),
    "shopper": str(factories.make_shopper().public_id),
}
authorization = client._credentials["HTTP_AUTHORIZATION"]
answer = client.post("/api/v1/claims", body, headers={"idempotency-key": "once"})
print(json.dumps({"status": answer.status_code, "body": answer.json(), "again": [authorization, body]}))
"""
CLAIM_AGAIN = """
from rest_framework.test import APIClient
authorization, body = json.loads(sys.argv[1])
headers = {"idempotency-key": "once", "authorization": authorization}
answer = APIClient().post("/api/v1/claims", body, headers=headers)
replayed = answer.headers.get("Idempotency-Replayed")
print(json.dumps({
    "status": answer.status_code, "body": answer.json(), "replayed": replayed, "claims": Claim.objects.count()
}))
"""


@pytest.fixture
def name() -> Iterator[str]:
    """A name for servers of this test's own; their data goes when it ends."""
    made = f"restart-{uuid.uuid4().hex[:8]}"
    yield made
    remove_folder(VAR / made)
    remove_outside_twin(VAR / made)


def run_on_fresh_servers(name: str, program: str, *arguments: str) -> dict[str, Any]:
    """Starts PostgreSQL and Valkey on the data of this name, runs a program, stops everything."""
    # Nothing given: the servers of the test run are not the ones to restart.
    with EmbeddedServers(name=name, given={}) as servers:
        finished = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", SET_UP + program, *arguments],
            env={**os.environ, **servers.environment, "DJANGO_SETTINGS_MODULE": "config.settings.test"},
            cwd=BASE_DIR,
            capture_output=True,
            text=True,
            check=False,
        )
    assert finished.returncode == 0, finished.stderr
    return json.loads(finished.stdout.splitlines()[-1])


@pytest.mark.reliability(18)
def test_a_retry_after_a_restart_of_everything_gets_the_first_answer(name: str) -> None:
    first = run_on_fresh_servers(name, CLAIM)
    assert first["status"] == 201
    second = run_on_fresh_servers(name, CLAIM_AGAIN, json.dumps(first["again"]))
    assert second == {"status": 201, "body": first["body"], "replayed": "true", "claims": 1}
