"""Random carts and wallets for the search, with every kind of benefit and small sums, so that ties abound."""

from datetime import timedelta

from hypothesis import strategies as st

from coupons.pricing import (
    EVERYTHING,
    AmountOff,
    Application,
    Benefit,
    BundlePrice,
    BuyXGetY,
    Cart,
    CartLine,
    Cash,
    Condition,
    Contains,
    ContainsNone,
    ContainsWorth,
    EveryAmountOff,
    FixedPrice,
    FixedTotal,
    GiftItem,
    MinimumQuantity,
    MinimumSpend,
    Offer,
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

amounts = st.integers(1, 60)
shares = st.sampled_from([500, 1000, 2500, 3333, 5000, 10_000])
caps = st.none() | amounts
few = st.none() | st.integers(1, 3)
scopes = st.just(EVERYTHING) | st.builds(
    Scope,
    include_skus=st.frozensets(st.sampled_from(SKUS), max_size=2),
    include_categories=st.frozensets(st.sampled_from(CATEGORIES), max_size=1),
    exclude_skus=st.frozensets(st.sampled_from(SKUS), max_size=1),
    minimum_unit_price=st.none() | st.integers(0, 20),
)
conditions: st.SearchStrategy[Condition] = st.one_of(
    st.builds(MinimumSpend, st.integers(1, 120)),
    st.builds(MinimumSpend, st.integers(1, 120)),
    st.builds(MinimumQuantity, st.integers(1, 5), st.booleans()),
    st.builds(Contains, scopes),
    st.builds(ContainsWorth, scopes, st.integers(1, 60)),
    st.builds(ContainsNone, scopes),
)
tiers = st.lists(
    st.tuples(st.integers(0, 120), amounts, st.none() | shares), min_size=1, max_size=3, unique_by=lambda tier: tier[0]
).map(
    lambda drawn: tuple(
        Tier(minimum=minimum, amount=amount) if share is None else Tier(minimum=minimum, basis_points=share)
        for minimum, amount, share in drawn
    )
)

# Benefits of sums: the search knows their arithmetic by heart.
of_sums: st.SearchStrategy[Benefit] = st.one_of(
    st.builds(AmountOff, amounts),
    st.builds(PercentOff, shares, caps),
    st.builds(PercentOff, shares, caps, of_list_price=st.just(True)),
    st.builds(EveryAmountOff, amounts, st.integers(1, 20), caps),
    st.builds(Tiered, tiers, cap=caps),
    st.builds(Tiered, tiers, counts=st.just(TierBasis.QUANTITY)),
    st.builds(FixedTotal, st.integers(0, 120)),
    st.builds(Cash, amounts),
)
of_units: st.SearchStrategy[Benefit] = st.one_of(
    st.builds(
        AmountOff,
        st.integers(1, 15),
        application=st.sampled_from(Application),
        maximum_units=few,
        maximum_units_per_line=few,
    ),
    st.builds(
        PercentOff,
        shares,
        caps,
        application=st.sampled_from(Application),
        maximum_units=few,
        maximum_units_per_line=few,
        of_list_price=st.booleans(),
    ),
    st.builds(FixedPrice, st.integers(0, 20), maximum_units=few),
    st.builds(BundlePrice, st.integers(1, 3), st.integers(0, 60), maximum_sets=few),
    st.builds(
        BuyXGetY,
        st.integers(1, 2),
        st.integers(1, 2),
        st.sampled_from([5000, 10_000]),
        maximum_sets=few,
        get_scope=st.none() | scopes,
    ),
)
of_nothing_bought: st.SearchStrategy[Benefit] = st.one_of(
    st.just(GiftItem("mug")),
    st.just(ShippingOff()),
    st.builds(ShippingOff, amount=amounts),
    st.builds(ShippingOff, basis_points=shares),
    st.builds(ShippingOff, price=st.integers(0, 40)),
)
all_benefits = st.one_of(of_sums, of_sums, of_units, of_nothing_bought)


@st.composite
def carts(draw: st.DrawFn, *, has_floors: bool = True) -> Cart:
    """A few lines of cheap products, with tax on top in some shops."""
    lines = tuple(
        CartLine(
            line_id=f"line-{number}",
            sku=draw(st.sampled_from(SKUS)),
            categories=draw(st.frozensets(st.sampled_from(CATEGORIES))),
            unit_price=draw(st.integers(0, 40)),
            quantity=draw(st.integers(1, 4)),
            floor_price=draw(st.sampled_from([0, 0, 5, 30])) if has_floors else 0,
            tax_rate=draw(st.sampled_from([0, 700, 2000])),
        )
        for number in range(draw(st.integers(1, 5)))
    )
    return Cart(
        lines=lines,
        shipping=draw(st.sampled_from([0, 9, 30])),
        shipping_tax_rate=draw(st.sampled_from([0, 2000])),
        prices_include_tax=draw(st.integers(0, 3)) > 0,
    )


@st.composite
def wallets(
    draw: st.DrawFn,
    benefits: st.SearchStrategy[Benefit] = all_benefits,
    *,
    phases: tuple[Phase, ...] = tuple(Phase),
    at_most: int = 6,
) -> list[Offer]:
    """Offers of which some are automatic, some exclusive, some alike, and many share a group."""
    offers: list[Offer] = []
    for number in range(draw(st.integers(1, at_most))):
        twin = draw(st.sampled_from(offers)) if offers and draw(st.integers(0, 6)) == 0 else None
        offers.append(
            Offer(
                offer_id=f"offer-{number}",
                coupon_id="coupon",
                benefit=twin.benefit if twin else draw(benefits),
                phase=twin.phase if twin else draw(st.sampled_from(phases)),
                conditions=twin.conditions if twin else tuple(draw(st.lists(conditions, max_size=1))),
                scope=twin.scope if twin else draw(scopes),
                priority=draw(st.sampled_from([0, 0, 0, 1])),
                stacking_group=twin.stacking_group if twin else draw(st.sampled_from(["", "", "brand", "bank"])),
                exclusive=draw(st.integers(0, 7)) == 0,
                threshold_base=draw(st.sampled_from(ThresholdBase)),
                is_automatic=draw(st.integers(0, 6)) == 0,
                consumes_units=benefits is all_benefits and draw(st.integers(0, 9)) == 0,
                expires_at=draw(st.sampled_from([None, NOW, *(NOW + timedelta(days=days) for days in (1, 2, 2, 3))])),
            )
        )
    return offers
