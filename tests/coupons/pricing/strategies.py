"""Random carts and wallets of every kind of benefit and condition, for hypothesis."""

from datetime import timedelta

from hypothesis import strategies as st

from coupons.pricing import (
    EVERYTHING,
    AmountOff,
    Application,
    Audience,
    Benefit,
    BundlePrice,
    Buyer,
    BuyXGetY,
    Cart,
    CartLine,
    Cash,
    Channel,
    Condition,
    Contains,
    ContainsNone,
    EveryAmountOff,
    FixedPrice,
    FixedTotal,
    GiftItem,
    MinimumQuantity,
    MinimumSpend,
    Offer,
    OrderNumber,
    PercentOff,
    Phase,
    Scope,
    ShippingOff,
    ThresholdBase,
    Tier,
    TierBasis,
    Tiered,
)
from tests.coupons.pricing.builders import NOW

SKUS = ("apple", "fig", "kiwi", "pear")
CATEGORIES = ("fruit", "fresh")

# Small sums make ties, floors that bite and coupons without effect frequent; large ones find
# what a float would lose.
sums = st.integers(0, 60) | st.integers(0, 10**12)
positive_sums = st.integers(1, 80) | st.integers(1, 10**12)
shares = st.integers(1, 10_000) | st.sampled_from([1000, 5000, 10_000])
limits = st.none() | st.integers(1, 5)
caps = st.none() | st.integers(1, 80)
scopes = st.just(EVERYTHING) | st.builds(
    Scope,
    include_skus=st.frozensets(st.sampled_from(SKUS), max_size=2),
    include_categories=st.frozensets(st.sampled_from(CATEGORIES), max_size=1),
    exclude_skus=st.frozensets(st.sampled_from(SKUS), max_size=1),
    exclude_categories=st.frozensets(st.sampled_from(CATEGORIES), max_size=1),
    maximum_unit_price=st.none() | st.none() | st.integers(0, 60),
)
applications = st.sampled_from(Application)


@st.composite
def tiers(draw: st.DrawFn) -> Tiered:
    minimums = draw(st.lists(st.integers(0, 90), min_size=1, max_size=3, unique=True))
    return Tiered(
        tuple(
            Tier(minimum=minimum, amount=draw(positive_sums))
            if draw(st.booleans())
            else Tier(minimum=minimum, basis_points=draw(shares))
            for minimum in minimums
        ),
        draw(st.sampled_from(TierBasis)),
        draw(caps),
    )


shipping_benefits = st.one_of(
    st.builds(ShippingOff, cap=caps),
    st.builds(ShippingOff, amount=positive_sums, cap=caps),
    st.builds(ShippingOff, basis_points=shares, cap=caps),
    st.builds(ShippingOff, price=sums),
)
# Those that lie in proportion on the lines, whatever single units cost.
proportional_benefits: st.SearchStrategy[Benefit] = st.one_of(
    st.builds(AmountOff, positive_sums),
    st.builds(PercentOff, shares, caps),
    st.builds(FixedTotal, sums),
    st.builds(Cash, positive_sums),
)
benefits: st.SearchStrategy[Benefit] = st.one_of(
    st.builds(AmountOff, positive_sums),
    st.builds(AmountOff, positive_sums, applications, limits, limits),
    st.builds(PercentOff, shares, caps),
    st.builds(PercentOff, shares, caps, applications, limits, limits, st.booleans()),
    st.builds(EveryAmountOff, st.integers(1, 60), st.integers(1, 20), caps),
    tiers(),
    st.builds(FixedPrice, sums, limits),
    st.builds(FixedTotal, sums),
    st.builds(BundlePrice, st.integers(1, 5), sums, limits),
    st.builds(BuyXGetY, st.integers(1, 3), st.integers(1, 3), shares, limits, st.none() | scopes),
    st.builds(GiftItem, st.sampled_from(SKUS), st.integers(1, 3)),
    st.builds(Cash, positive_sums),
    shipping_benefits,
)
conditions: st.SearchStrategy[Condition] = st.one_of(
    st.builds(MinimumSpend, st.integers(1, 200)),
    st.builds(MinimumSpend, st.integers(1, 200)),
    st.builds(MinimumQuantity, st.integers(1, 6), st.booleans()),
    st.builds(Contains, scopes, st.integers(1, 3)),
    st.builds(ContainsNone, scopes),
    st.builds(OrderNumber, st.integers(1, 2)),
    st.builds(Audience, st.just(frozenset({"vip"}))),
    st.builds(Channel, st.just(frozenset({"app"}))),
)
moments = st.none() | st.sampled_from([NOW - timedelta(days=1), NOW, NOW + timedelta(days=1)])


@st.composite
def carts(draw: st.DrawFn) -> Cart:
    is_taxed = draw(st.booleans())
    lines = tuple(
        CartLine(
            line_id=f"line-{number}",
            sku=draw(st.sampled_from(SKUS)),
            categories=draw(st.frozensets(st.sampled_from(CATEGORIES))),
            unit_price=draw(sums),
            quantity=draw(st.integers(1, 4) | st.integers(1, 9_999)),
            floor_price=draw(st.just(0) | st.integers(0, 40)),
            tax_rate=draw(st.sampled_from([0, 500, 2000])) if is_taxed else 0,
        )
        for number in range(draw(st.integers(0, 6)))
    )
    return Cart(
        lines=lines,
        shipping=draw(sums),
        shipping_tax_rate=500 if is_taxed else 0,
        prices_include_tax=draw(st.booleans()),
        buyer=Buyer(order_count=draw(st.integers(0, 1)), tags=draw(st.frozensets(st.just("vip")))),
        channel=draw(st.sampled_from(["", "app"])),
    )


@st.composite
def wallets(
    draw: st.DrawFn, *, least: int = 0, most: int = 5, giving: st.SearchStrategy[Benefit] = benefits
) -> list[Offer]:
    return [
        Offer(
            offer_id=f"offer-{number}",
            coupon_id=f"coupon-{draw(st.integers(1, 3))}",
            benefit=draw(giving),
            phase=draw(st.sampled_from(Phase)),
            conditions=tuple(draw(st.just([]) | st.lists(conditions, max_size=2))),
            scope=draw(scopes),
            priority=draw(st.integers(0, 2)),
            stacking_group=draw(st.sampled_from(["", "", "brand", "bank"])),
            exclusive=draw(st.integers(0, 5).map(lambda roll: roll == 5)),
            threshold_base=draw(st.sampled_from(ThresholdBase)),
            is_automatic=draw(st.booleans()),
            consumes_units=draw(st.integers(0, 3).map(lambda roll: roll == 3)),
            usable_from=draw(st.none() | moments),
            expires_at=draw(st.none() | st.none() | moments),
        )
        for number in range(draw(st.integers(least, most)))
    ]
