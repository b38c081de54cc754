"""Coupons that a browser works for: made and worked for in tests."""

from __future__ import annotations

from typing import Any

from pytest_django import Settings
from rest_framework.test import APIClient

from coupons.models import Coupon
from tests import factories
from tests.api.calls import get
from tests.proofs import solve


def easy_proofs(settings: Settings) -> None:
    """Makes every proof a matter of a moment."""
    settings.PROOF_OF_WORK_NUMBERS = 200


def working_coupon(**fields: Any) -> Coupon:
    """A coupon that asks for work, and may be claimed again and again."""
    return factories.make_coupon(needs_proof_of_work=True, limit_per_shopper=50, **fields)


def body_of(coupon: Coupon, **more: Any) -> dict[str, Any]:
    return {"coupon": str(coupon.public_id), **more}


def worked(client: APIClient, coupon: Coupon, **query: str) -> str:
    """What a client works out for a coupon."""
    return solve(get(client, f"coupons/{coupon.public_id}/challenge", **query).json())
