"""Shoppers who are signed in, and a fresh coupon for every measurement."""

from __future__ import annotations

from datetime import timedelta
from importlib import import_module

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.base import VALID_KEY_CHARS
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.db import connection
from django.utils.crypto import get_random_string

from config.kernel.clock import database_now
from config.kernel.progress import progress
from coupons.enums import BenefitType, CouponStatus
from coupons.models import Claim, Coupon
from coupons.services.stock import stock_open
from users.models import User

AUTHENTICATION_BACKEND = "users.backends.IdentifierBackend"


def sign_in_shoppers(count: int) -> list[list[str]]:
    """Makes shoppers who are signed in; returns a session key and a CSRF token for each."""
    cache.clear()
    shoppers = User.objects.bulk_create(
        [User(username=f"bench-{number}", password="!", language="en") for number in range(count)], batch_size=1000
    )
    store = import_module(settings.SESSION_ENGINE).SessionStore()
    sessions = [
        Session(
            session_key=get_random_string(32, VALID_KEY_CHARS),
            session_data=store.encode(
                {
                    SESSION_KEY: str(shopper.pk),
                    BACKEND_SESSION_KEY: AUTHENTICATION_BACKEND,
                    HASH_SESSION_KEY: shopper.get_session_auth_hash(),
                }
            ),
            expire_date=database_now() + timedelta(days=1),
        )
        for shopper in progress(shoppers, label="Signing in", unit="shopper")
    ]
    Session.objects.bulk_create(sessions, batch_size=1000)
    return [[session.session_key, get_random_string(32)] for session in sessions]


def open_coupon(*, stock: int, bucket_count: int, is_queued: bool = False) -> Coupon:
    """Makes a live coupon, one for each shopper, and brings the planner's statistics up to date."""
    now = database_now()
    coupon = Coupon.objects.create(
        title_en="20 off",
        status=CouponStatus.PUBLISHED,
        benefit_type=BenefitType.AMOUNT_OFF,
        amount_off=20_00,
        claim_starts_at=now - timedelta(hours=1),
        claim_ends_at=now + timedelta(days=1),
        usable_days=7,
        is_queued=is_queued,
        published_at=now,
    )
    stock_open(coupon=coupon, released=stock, bucket_count=bucket_count, actor=None, now=now)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    return coupon


def assert_exact(coupon: Coupon, *, claimed: int) -> None:
    """Asserts that every acknowledged claim exists, no other does, and the stock adds up.

    Raises:
        AssertionError: a figure measured on a platform that miscounts is worth nothing.
    """
    found = Claim.objects.filter(coupon=coupon).count()
    remaining = coupon.stock.remaining() or 0
    assert found == claimed, f"{claimed} claims were acknowledged, {found} exist"
    assert found + remaining == coupon.stock.released, f"{found} claims and {remaining} left"
