"""The pages of figures on the last fallback: they count what SQLite can, and say what it cannot."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from config.env import BASE_DIR

PROGRAM = """
import json, django
django.setup()
from datetime import timedelta
from django.core.management import call_command
from django.test.utils import setup_test_environment
call_command("migrate", verbosity=0)
setup_test_environment()
from django.test import Client
from analytics.errors import NeedsPostgreSQL
from analytics.selectors.metrics.repurchase import repurchase
from analytics.selectors.timing import population
from campaigns.models import Campaign, CampaignCoupon
from tests import factories
from tests.analytics.builders import make_order
from tests.analytics.metrics.makers import IN_JUNE, JUNE, in_june, use_coupon
coupon = factories.make_coupon(stock=None, limit_per_shopper=9)
campaign = Campaign.objects.create(key="june", title_en="June", starts_at=JUNE.start, ends_at=JUNE.end)
CampaignCoupon.objects.create(campaign=campaign, coupon=coupon)
again, once, open_still = (factories.make_shopper() for _ in range(3))
use_coupon(again, coupon, in_june(2))
make_order(again, in_june(32))
use_coupon(once, coupon, in_june(2))
make_order(once, in_june(32) + timedelta(microseconds=1))
use_coupon(open_still, coupon, in_june(20))
found = repurchase(IN_JUNE, known_until=in_june(45)).with_coupon
client = Client(raise_request_exception=False)
client.force_login(factories.make_shopper(is_staff=True, is_superuser=True), backend="users.backends.IdentifierBackend")
answers = {"repurchase": [found.shoppers, found.returned]}
urls = ["/admin/", "/admin/figures/expiry/", f"/admin/figures/campaigns/{campaign.pk}/report/"]
urls += [f"/admin/figures/{page}" for page in ("fairness/", "export/expiry.csv", "export/coupons.csv")]
for url in urls:
    for query in ({}, {"first": "2026-06-01", "last": "2026-06-30"}, {"campaign": str(10**30)}):
        answer = client.get(url, query)
        said = answer.getvalue().decode()
        answers.setdefault(url.replace(str(campaign.pk), "1"), []).append(
            [answer.status_code, "Only PostgreSQL can do this." in said])
try:
    population(as_of=in_june(60))
except NeedsPostgreSQL as refused:
    answers["timing"] = refused.code
print(json.dumps(answers))
"""


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder: Path = tmp_path_factory.mktemp("sqlite")
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "config.settings.test",
        "DATABASE_URL": f"sqlite:///{folder / 'quan.sqlite3'}",
        "PYTHONPATH": str(BASE_DIR),
    }
    finished = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, cwd=BASE_DIR, capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stderr
    found: dict[str, Any] = json.loads(finished.stdout.splitlines()[-1])
    return found


def test_who_bought_again_is_counted_to_the_instant(answers: dict[str, Any]) -> None:
    assert answers["repurchase"] == [2, 1]


@pytest.mark.parametrize("url", ["/admin/", "/admin/figures/fairness/", "/admin/figures/export/coupons.csv"])
def test_what_sqlite_can_count_is_shown(answers: dict[str, Any], url: str) -> None:
    assert answers[url] == [[200, False]] * 3


@pytest.mark.parametrize("url", ["/admin/figures/expiry/", "/admin/figures/campaigns/1/report/"])
def test_what_it_cannot_is_said_in_a_sentence(answers: dict[str, Any], url: str) -> None:
    assert answers[url] == [[200, True]] * 3


def test_a_table_that_cannot_be_made_is_no_file(answers: dict[str, Any]) -> None:
    assert answers["/admin/figures/export/expiry.csv"] == [[409, True]] * 3


def test_contact_plans_say_what_they_need(answers: dict[str, Any]) -> None:
    assert answers["timing"] == "needs_postgresql"
