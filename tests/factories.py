"""Test people and things. Each factory makes a valid row out of nothing; keyword arguments override any field."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from oauth2_provider.models import AccessToken, Application
from rest_framework.test import APIClient

from coupons.enums import BenefitType, ClaimChannel, CouponState, CouponStatus, Handout, OrderState, RedPacketSplit
from coupons.models import Budget, Category, Claim, Code, Coupon, Envelope, Lottery, Order, Product, RedPacket
from coupons.offers import CartItem
from coupons.services.claims import claim_create
from coupons.services.lotteries import LotteryPlan, lottery_create
from coupons.services.red_packets import PacketPlan, red_packet_create
from coupons.services.stock import stock_open
from users.models import Profile, User

# A Saturday noon in Shanghai: far from every midnight. Windows made here are open at this moment and at the
# real clock's, so that a test may use services (which take `now`) and faces (which read the clock) alike.
NOW = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
THAT_MORNING = NOW - timedelta(hours=2)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
LONG_FROM_NOW = datetime(2100, 1, 1, tzinfo=UTC)
PASSWORD = "correct horse battery staple"  # of test accounts only

_number = itertools.count(1)


def make_shopper(*, password: str | None = None, with_profile: bool = False, **fields: Any) -> User:
    """A shopper with an e-mail address; `password=PASSWORD` for one who signs in through a page."""
    number = next(_number)
    fields.setdefault("username", f"shopper-{number}")
    fields.setdefault("email", f"shopper-{number}@example.com")
    fields.setdefault("language", "en")
    shopper = User.objects.create_user(password=password, **fields)
    if with_profile:
        Profile.objects.create(shopper=shopper)
    return shopper


def make_marketer(**fields: Any) -> User:
    """A member of staff who may do everything in the admin."""
    fields.setdefault("username", f"marketer-{next(_number)}")
    return make_shopper(is_staff=True, is_superuser=True, **fields)


def make_category(**fields: Any) -> Category:
    number = next(_number)
    fields.setdefault("key", f"category-{number}")
    fields.setdefault("name_en", f"Category {number}")
    fields.setdefault("name_zh", f"分类 {number}")
    return Category.objects.create(**fields)


def make_product(*, category: Category | None = None, **fields: Any) -> Product:
    """A product on sale at 100.00; `price` is in minor units."""
    number = next(_number)
    fields.setdefault("sku", f"SKU-{number}")
    fields.setdefault("name_en", f"Product {number}")
    fields.setdefault("name_zh", f"商品 {number}")
    fields.setdefault("price", 100_00)
    return Product.objects.create(category=category or make_category(), **fields)


def make_coupon(
    *,
    state: CouponState | str = CouponState.LIVE,
    stock: int | None = 100,
    reserve: int = 0,
    bucket_count: int = 1,
    **fields: Any,
) -> Coupon:
    """A coupon of 10.00 off without a minimum spend, in the state asked for.

    Args:
        state: a `CouponState`; it sets status and window unless these are given.
        stock: how many may be claimed; None for an unlimited coupon.
    """
    number = next(_number)
    status, starts_at, ends_at = _STATES[CouponState(state)]
    fields.setdefault("status", status)
    fields.setdefault("claim_starts_at", starts_at)
    fields.setdefault("claim_ends_at", ends_at)
    if status != CouponStatus.DRAFT:
        fields.setdefault("published_at", LONG_AGO)
    fields.setdefault("title_en", f"Coupon {number}")
    fields.setdefault("title_zh", f"优惠券 {number}")
    fields.setdefault("benefit_type", BenefitType.AMOUNT_OFF)
    if fields["benefit_type"] == BenefitType.AMOUNT_OFF:
        fields.setdefault("amount_off", 10_00)
    elif fields["benefit_type"] == BenefitType.PERCENT_OFF:
        fields.setdefault("percent_off", 10)
    if "usable_days" not in fields:
        fields.setdefault("usable_until", LONG_FROM_NOW + timedelta(days=1))
    coupon = Coupon.objects.create(**fields)
    stock_open(coupon=coupon, released=stock, reserve=reserve, bucket_count=bucket_count, actor=None, now=LONG_AGO)
    return coupon


_STATES = {
    CouponState.DRAFT: (CouponStatus.DRAFT, LONG_AGO, LONG_FROM_NOW),
    CouponState.SCHEDULED: (CouponStatus.PUBLISHED, LONG_FROM_NOW - timedelta(days=365), LONG_FROM_NOW),
    CouponState.LIVE: (CouponStatus.PUBLISHED, LONG_AGO, LONG_FROM_NOW),
    CouponState.PAUSED: (CouponStatus.PAUSED, LONG_AGO, LONG_FROM_NOW),
    CouponState.ENDED: (CouponStatus.ENDED, LONG_AGO, LONG_FROM_NOW),
}


def make_budget(**fields: Any) -> Budget:
    """A budget of 1,000.00 of which nothing is spent; amounts are in minor units."""
    fields.setdefault("name", f"Budget {next(_number)}")
    fields.setdefault("cap", 1_000_00)
    return Budget.objects.create(**fields)


def make_envelope(*, coupon: Coupon) -> Envelope:
    """Limits that make a coupon one to be fitted: 5.00 to 30.00 off for 1 to 14 days."""
    return Envelope.objects.create(
        coupon=coupon, amount_minimum=5_00, amount_maximum=30_00, amount_step=1_00, spend_maximum=240_00
    )


def make_claim(
    *,
    shopper: User | None = None,
    coupon: Coupon | None = None,
    channel: ClaimChannel = ClaimChannel.WEB,
    now: datetime = THAT_MORNING,
    **coupon_fields: Any,
) -> Claim:
    """A claim made as a shopper makes one, two hours before `NOW`, so that it is usable then.

    Further keyword arguments describe the coupon when none is given.
    """
    return claim_create(
        shopper=shopper or make_shopper(), coupon=coupon or make_coupon(**coupon_fields), channel=channel, now=now
    )


def make_code(*, coupon: Coupon | None = None, text: str = "WELCOME2026", **fields: Any) -> Code:
    """A code that everybody may share."""
    fields.setdefault("kind", "shared")
    return Code.objects.create(coupon=coupon or make_coupon(handout="code"), text=text, **fields)


def make_red_packet(
    *, owners: Iterable[User] = (), opens_at: datetime = LONG_AGO, ends_at: datetime = LONG_FROM_NOW, **changes: Any
) -> RedPacket:
    """An open red packet: 20.00 in ten equal shares, usable for 14 days.

    Args:
        owners: by purchase, for whom the shares are; each gets an order of 10.00 more than the one before.
        changes: any other field of `PacketPlan`.
    """
    number = next(_number)
    plan: dict[str, Any] = {
        "title_en": f"Red packet {number}",
        "title_zh": f"红包 {number}",
        "split": RedPacketSplit.EQUAL,
        "total": 20_00,
        "share_count": 10,
        "usable_days": 14,
    }
    for place, owner in enumerate(owners, start=1):
        make_paid_order(shopper=owner, payable=place * 10_00)
        plan |= {
            "split": RedPacketSplit.BY_PURCHASE,
            "share_count": None,
            "bought_since": LONG_AGO,
            "bought_until": LONG_FROM_NOW,
        }
    plan |= {"opens_at": opens_at, "ends_at": ends_at, **changes}
    return red_packet_create(plan=PacketPlan(**plan), actor=None, now=LONG_AGO, rng=random.Random(number))


def make_lottery(
    *,
    coupon: Coupon | None = None,
    opens_at: datetime = LONG_AGO,
    closes_at: datetime = LONG_FROM_NOW,
    **changes: Any,
) -> Lottery:
    """An open lottery with three winners of a coupon of its own, which has stock for a hundred.

    Args:
        changes: any other field of `LotteryPlan`.
    """
    number = next(_number)
    plan: dict[str, Any] = {
        "coupon": coupon or make_coupon(handout=Handout.LOTTERY),
        "title_en": f"Lottery {number}",
        "title_zh": f"抽奖 {number}",
        "opens_at": opens_at,
        "closes_at": closes_at,
        "winner_count": 3,
        **changes,
    }
    return lottery_create(plan=LotteryPlan(**plan), now=LONG_AGO)


def make_paid_order(*, shopper: User, payable: int, refunded: int = 0, paid_at: datetime = THAT_MORNING) -> Order:
    """An order without coupons that was paid that morning; amounts in minor units."""
    return Order.objects.create(
        reference=f"SO-{next(_number)}",
        shopper=shopper,
        state=OrderState.REDEEMED,
        subtotal=payable,
        discount=0,
        payable=payable,
        refunded=refunded,
        placed_at=paid_at,
        redeemed_at=paid_at,
    )


def api_client_for(shopper: User, *, enforce_csrf_checks: bool = False) -> APIClient:
    """An API client with this shopper's session."""
    client = APIClient(enforce_csrf_checks=enforce_csrf_checks)
    client.force_login(shopper, backend="users.backends.IdentifierBackend")
    return client


def make_application(**fields: Any) -> Application:
    """The credentials of a shop backend; its secret is `application.plain_secret`."""
    secret = f"secret-{next(_number)}"
    fields.setdefault("name", "Shop backend")
    application = Application(
        client_type=Application.CLIENT_CONFIDENTIAL,
        authorization_grant_type=Application.GRANT_CLIENT_CREDENTIALS,
        client_secret=secret,
        **fields,
    )
    application.save()
    application.plain_secret = secret
    return application


ALL_SCOPES = (
    "coupons:read",
    "claims:read",
    "claims:write",
    "quotes:write",
    "orders:read",
    "orders:write",
    "events:write",
    "shoppers:write",
)


def integrator_client(scopes: Iterable[str] = ALL_SCOPES, *, application: Application | None = None) -> APIClient:
    """An API client of a shop backend whose token has these scopes."""
    token = AccessToken.objects.create(
        application=application or make_application(),
        token=f"token-{next(_number)}",
        scope=" ".join(scopes),
        expires=LONG_FROM_NOW,
    )
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token.token}")
    return client


def cart_item(product: Product | None = None, quantity: int = 1, unit_price: int | None = None) -> CartItem:
    """One line of a cart; a new product at 100.00 unless one is given."""
    return CartItem(sku=(product or make_product()).sku, quantity=quantity, unit_price=unit_price)
