"""The demo shopper's wallet: claims in the states that a wallet can show, all made by the real services."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta

from django.db import transaction

from campaigns.demo.offers import EVERYDAY, LOYAL_TAG
from campaigns.demo.showcase import coupon_of
from config.kernel.errors import DomainError
from coupons.enums import ClaimChannel
from coupons.models import Claim, Coupon, Order, Product
from coupons.offers import CartItem
from coupons.services.claims import claim_create
from coupons.services.expiry import expire_claims
from coupons.services.orders import order_lock, order_redeem
from users.enums import TagSource
from users.models import Tag, User

ORDER_REFERENCE = "demo-order-1"
CART_SIZE = 6
# Ends within a day, so that a reminder is due.
ENDS_SOON = timedelta(hours=24)


def ensure_wallet(*, shopper: User, now: datetime) -> int:
    """Gives the shopper what is missing of a wallet with something in every tab; returns how many claims."""
    before = Claim.objects.of(shopper.pk).count()
    with transaction.atomic():
        Tag.objects.get_or_create(
            shopper=shopper, name=LOYAL_TAG, defaults={"source": TagSource.MARKETER, "set_at": now}
        )
        _first_order(shopper, now)
        _claims_of_campaign(shopper, now)
        _claim_that_ends_soon(shopper, now)
    expire_claims(now=now)
    return Claim.objects.of(shopper.pk).count() - before


def _first_order(shopper: User, now: datetime) -> None:
    """Redeems the newcomer's coupon on an order of three days ago, unless that was done or is not possible."""
    if Order.objects.filter(reference=ORDER_REFERENCE).exists():
        return
    coupon = coupon_of(EVERYDAY, "newcomer")
    ordered_at = now - timedelta(days=3)
    if coupon is None or coupon.claim_starts_at > ordered_at:
        return
    items = _cart(coupon.minimum_spend)
    if not items:
        return
    claim = claim_create(shopper=shopper, coupon=coupon, channel=ClaimChannel.WEB, now=ordered_at)
    order = order_lock(
        shopper=shopper, reference=ORDER_REFERENCE, items=items, claim_ids=[claim.public_id], now=ordered_at
    )
    order_redeem(order=order, now=ordered_at + timedelta(minutes=2))


def _claims_of_campaign(shopper: User, now: datetime) -> None:
    """Makes the claims of a new campaign once: two that are usable, one to come, one that has expired."""
    if Claim.objects.of(shopper.pk).filter(coupon=coupon_of(EVERYDAY, "basket")).exists():
        return
    for key in ("basket", "shelf-percent", "later"):
        _claim_if_open(shopper, coupon_of(EVERYDAY, key), now)
    _claim_if_open(shopper, coupon_of(EVERYDAY, "one-day"), now - timedelta(hours=60))


def _claim_that_ends_soon(shopper: User, now: datetime) -> None:
    if not Claim.objects.of(shopper.pk).usable(now).filter(expires_at__lte=now + ENDS_SOON).exists():
        _claim_if_open(shopper, coupon_of(EVERYDAY, "one-day"), now - timedelta(hours=2))


def _claim_if_open(shopper: User, coupon: Coupon | None, moment: datetime) -> None:
    if coupon is None:
        return
    # A marketer may have paused it, or the person at the keyboard used up the limit: then it is left as it is.
    with suppress(DomainError), transaction.atomic():
        claim_create(shopper=shopper, coupon=coupon, channel=ClaimChannel.WEB, now=moment)


def _cart(minimum: int) -> list[CartItem]:
    """Returns a few products of the catalogue that reach an amount together."""
    products = list(Product.objects.filter(is_on_sale=True, price__gt=0).order_by("-price", "pk")[:2000])
    # From the middle of the dear ones: things of a weekly shop rather than the dearest bottle.
    chosen = products[len(products) // 2 :][:CART_SIZE]
    if not chosen:
        return []
    total = sum(product.price for product in chosen)
    quantity = -(-minimum // total)
    return [CartItem(sku=product.sku, quantity=max(1, quantity)) for product in chosen]
