"""A shop with mailings: some shoppers buy one thing again and again, and use the coupon for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from campaigns.enums import CampaignKind, CampaignStatus
from campaigns.models import Campaign, CampaignCoupon, CampaignRecipient
from coupons.enums import ClaimChannel, ClaimState, OrderState
from coupons.models import Claim, Coupon, Order, OrderLine, Product, Redemption, ScopeEntry
from tests import factories
from users.models import User

DAY = timedelta(days=1)
COUPONS = 4
PRICE = 20_00


@dataclass(frozen=True, slots=True)
class Shop:
    """What `make_response_shop` made; shopper `i` is fond of product `i % COUPONS`."""

    shoppers: list[User]
    products: list[Product]
    ended: list[Campaign]
    live: Campaign


def make_response_shop(now: datetime, *, each: int = 20, mailings: int = 4, seed: int = 3) -> Shop:
    """Shoppers with weekly orders of what they are fond of, ended mailings with answers, and a live one to everybody.

    Half of those who bought a product lately use its coupon, hardly anybody else does.
    """
    random = np.random.default_rng(seed)
    shelf = factories.make_category()
    products = [factories.make_product(category=shelf, price=PRICE) for _ in range(COUPONS)]
    shoppers = User.objects.bulk_create(
        User(username=f"fond-{number}", joined_at=now - 300 * DAY) for number in range(each * COUPONS)
    )
    # The last quarter of each kind hardly ever comes.
    for number, shopper in enumerate(shoppers):
        gap = 60 if number >= len(shoppers) * 3 // 4 else 9
        moments = [now - (day + random.uniform(0, 3)) * DAY for day in range(2, 280, gap)]
        make_orders(shopper, products[number % COUPONS], moments)
    ended = [
        make_mailing(products, shoppers, starts_at=now - (200 - 50 * number) * DAY, key=f"mailing-{number}")
        for number in range(mailings)
    ]
    for campaign in ended:
        answer(campaign, shoppers, random)
    live = make_mailing(
        products, (), starts_at=now - 2 * DAY, key="live", status=CampaignStatus.PUBLISHED, ends_at=now + 20 * DAY
    )
    return Shop(shoppers=shoppers, products=products, ended=ended, live=live)


def make_orders(
    shopper: User,
    product: Product,
    moments: Sequence[datetime],
    *,
    discount: int = 0,
    closed_at: datetime | None = None,
) -> list[Order]:
    """Paid orders of one unit each; refunded at `closed_at` if that is given."""
    start = Order.objects.count()
    orders = Order.objects.bulk_create(
        Order(
            reference=f"fond-{shopper.pk}-{start + number}",
            shopper=shopper,
            state=OrderState.REFUNDED if closed_at else OrderState.REDEEMED,
            subtotal=PRICE,
            discount=discount,
            payable=PRICE - discount,
            refunded=PRICE - discount if closed_at else 0,
            placed_at=moment,
            redeemed_at=moment,
            closed_at=closed_at,
        )
        for number, moment in enumerate(moments)
    )
    OrderLine.objects.bulk_create(
        OrderLine(
            order=order,
            number=1,
            product=product,
            unit_price=PRICE,
            quantity=1,
            discount=discount,
            payable=PRICE - discount,
        )
        for order in orders
    )
    return orders


def make_mailing(
    products: Sequence[Product],
    recipients: Sequence[User],
    *,
    starts_at: datetime,
    key: str,
    ends_at: datetime | None = None,
    status: CampaignStatus = CampaignStatus.ENDED,
) -> Campaign:
    """A campaign of 30 days with one coupon for each product."""
    ends_at = ends_at or starts_at + 30 * DAY
    campaign = Campaign.objects.create(
        key=key, kind=CampaignKind.DROP, title_en=key, status=status, starts_at=starts_at, ends_at=ends_at
    )
    for position, product in enumerate(products):
        coupon = factories.make_coupon(
            stock=None,
            amount_off=(position + 1) * 1_00,
            claim_starts_at=starts_at,
            claim_ends_at=ends_at,
            usable_until=ends_at,
        )
        ScopeEntry.objects.create(coupon=coupon, product=product)
        CampaignCoupon.objects.create(campaign=campaign, coupon=coupon, position=position)
    CampaignRecipient.objects.bulk_create(
        CampaignRecipient(campaign=campaign, shopper=shopper, addressed_at=starts_at) for shopper in recipients
    )
    return campaign


def coupons_of(campaign: Campaign) -> list[Coupon]:
    """The coupons of a campaign in its order."""
    return [link.coupon for link in campaign.campaign_coupons.select_related("coupon")]


def use(shopper: User, coupon: Coupon, product: Product, at: datetime) -> Redemption:
    """A coupon used on an order of its product."""
    (order,) = make_orders(shopper, product, [at], discount=coupon.amount_off or 0)
    claim = Claim.objects.create(
        coupon=coupon,
        shopper=shopper,
        ordinal=Claim.objects.filter(coupon=coupon, shopper=shopper).count() + 1,
        state=ClaimState.REDEEMED,
        channel=ClaimChannel.WEB,
        claimed_at=at,
        usable_from=at,
        expires_at=at + 30 * DAY,
        order=order,
    )
    return Redemption.objects.create(
        coupon=coupon, claim=claim, order=order, amount=coupon.amount_off or 0, redeemed_at=at
    )


def answer(campaign: Campaign, shoppers: Sequence[User], random: np.random.Generator) -> None:
    """Half of the busy shoppers use the coupon for what they are fond of."""
    coupons = coupons_of(campaign)
    products = [entry.product for coupon in coupons for entry in coupon.scope_entries.all()]
    busy = len(shoppers) * 3 // 4
    for number, shopper in enumerate(shoppers[:busy]):
        if random.random() < 0.5:
            place = number % COUPONS
            use(shopper, coupons[place], products[place], campaign.starts_at + (1 + 20 * random.random()) * DAY)
