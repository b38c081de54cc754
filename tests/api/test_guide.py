"""The integrator's guide: its commands run as they stand, top to bottom."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from django.conf import settings
from pytest_django.live_server_helper import LiveServer

from coupons.enums import ClaimState, OrderState
from coupons.models import Claim, Order
from tests.factories import make_application, make_coupon, make_product
from users.models import BehaviourEvent, User

GUIDE = Path(settings.BASE_DIR, "docs", "integrator.md")


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_the_commands_of_the_guide_run(live_server: LiveServer) -> None:
    make_coupon(minimum_spend=99_00, title_en="10 off your basket")
    make_product()
    application = make_application()
    commands = "\n".join(re.findall(r"```sh\n(.*?)```", GUIDE.read_text(), flags=re.DOTALL))

    run = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands],
        env={
            "PATH": os.environ["PATH"],
            "QUAN": live_server.url,
            "CLIENT_ID": application.client_id,
            "CLIENT_SECRET": application.plain_secret,
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert run.returncode == 0, run.stdout + run.stderr
    shopper = User.objects.exclude(external_id=None).get()
    assert Claim.objects.get(shopper=shopper).state == ClaimState.AVAILABLE
    assert Order.objects.get(shopper=shopper).state == OrderState.REFUNDED
    assert BehaviourEvent.objects.filter(shopper=shopper, kind="view").count() == 1
