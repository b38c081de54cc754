"""The last fallback keeps the same promise: fifty threads, one coupon of a hundred, on SQLite."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from config.env import BASE_DIR

PROGRAM = """
import json, django
django.setup()
from functools import partial
from django.core.management import call_command
call_command("migrate", verbosity=0)
from coupons.enums import ClaimChannel
from coupons.services.claims import claim_create
from tests import factories
from tests.concurrency.crowd import rush, tally
from tests.invariants import assert_invariants
from users.models import User
coupon = factories.make_coupon(stock=100)
crowd = User.objects.bulk_create(User(username=f"crowd-{n}", password="!") for n in range(150))
calls = [
    partial(claim_create, shopper=each, coupon=coupon, channel=ClaimChannel.WEB, now=factories.NOW) for each in crowd
]
results = rush(calls, threads=50)
assert_invariants(coupon)
print(json.dumps({**tally(results), "remaining": coupon.stock.remaining()}))
"""


@pytest.mark.reliability(1)
def test_fifty_threads_and_a_coupon_of_a_hundred(tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "config.settings.test",
        "DATABASE_URL": f"sqlite:///{tmp_path / 'quan.sqlite3'}",
        "PYTHONPATH": str(BASE_DIR),
    }
    finished = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, cwd=BASE_DIR, capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stderr
    assert json.loads(finished.stdout.splitlines()[-1]) == {"done": 100, "SoldOut": 50, "remaining": 0}
