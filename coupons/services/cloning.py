"""Making a new coupon from an old one."""

from __future__ import annotations

from copy import copy
from datetime import datetime, timedelta
from typing import TypeVar

from django.db import transaction
from django.utils.translation import gettext, override

from config.kernel.history import set_history
from config.kernel.ids import uuid7
from coupons.enums import CouponStatus
from coupons.models import Coupon, Envelope, ReleaseBatch, ScopeEntry, Stock, StockPolicy, Tier
from coupons.services.stock import stock_open
from users.models import User

Row = TypeVar("Row", ScopeEntry, Tier, Envelope, ReleaseBatch, StockPolicy)

TITLE_LENGTH = Coupon._meta.get_field("title_en").max_length or 0


def coupon_clone(*, coupon: Coupon, actor: User, now: datetime) -> Coupon:
    """Makes a draft with the same terms, tiers, limits, scope, budgets, stock and stock policy; the old one stays.

    A claim window that has begun already starts now and lasts as long as it did. Fixed dates of use and the times of
    release batches move with it; the batches are all to be opened again, so what they had added is not released now.

    Returns:
        the draft; codes and campaigns are not taken along. Of its budgets the clone shares what is left: a copy
        must not be a way around a cap.
    """
    scope = list(coupon.scope_entries.all())
    tiers = list(coupon.tiers.all())
    envelope = Envelope.objects.filter(coupon=coupon).first()
    stock = Stock.objects.filter(coupon=coupon).first()
    batches = list(coupon.release_batches.all())
    policy = StockPolicy.objects.filter(coupon=coupon).first()
    opened = sum(batch.quantity for batch in batches if batch.opened_at is not None)
    shift = max(now - coupon.claim_starts_at, timedelta(0))
    clone = Coupon.objects.get(pk=coupon.pk)
    clone.pk = None
    clone._state.adding = True
    clone.public_id = uuid7()
    clone.status = CouponStatus.DRAFT
    clone.published_at = None
    # The campaign that the clone joins draws its own lots.
    clone.holdout_salt = clone.holdout_below = ""
    clone.created_at = now
    clone.title_zh = _copy_title(coupon.title_zh, "zh-hans")
    clone.title_en = _copy_title(coupon.title_en, "en")
    clone.claim_starts_at += shift
    clone.claim_ends_at += shift
    clone.usable_from = clone.usable_from and clone.usable_from + shift
    clone.usable_until = clone.usable_until and clone.usable_until + shift
    with transaction.atomic():
        set_history(clone, actor=actor, reason=f"cloned from {coupon.public_id}")
        clone.save(force_insert=True)
        ScopeEntry.objects.bulk_create(_copy_of(entry, clone) for entry in scope)
        clone.budgets.set(coupon.budgets.all())
        Tier.objects.bulk_create(_copy_of(tier, clone) for tier in tiers)
        if envelope is not None:
            _copy_of(envelope, clone).save(force_insert=True)
        if stock is not None:
            stock_open(
                coupon=clone,
                released=None if stock.is_unlimited else max(0, stock.released - opened),
                reserve=stock.reserve,
                bucket_count=stock.bucket_count,
                actor=actor,
                now=now,
                reason="cloned",
            )
        ReleaseBatch.objects.bulk_create(_batch_of(batch, clone, shift) for batch in batches)
        if policy is not None:
            made = _copy_of(policy, clone)
            made.is_low = False
            made.is_short = False
            made.save(force_insert=True)
    return clone


def _copy_of(row: Row, clone: Coupon) -> Row:
    """Returns the same row of another coupon, not saved yet."""
    made = copy(row)
    made.pk = None
    made._state.adding = True
    made.coupon = clone
    return made


def _batch_of(batch: ReleaseBatch, clone: Coupon, shift: timedelta) -> ReleaseBatch:
    made = _copy_of(batch, clone)
    made.opens_at += shift
    made.opened_at = None
    return made


def _copy_title(title: str, language: str) -> str:
    if not title:
        return ""
    with override(language):
        suffix = gettext(" (copy)")
    return title[: TITLE_LENGTH - len(suffix)] + suffix
