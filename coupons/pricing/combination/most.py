"""The most that an offer can take in any state that may follow: the ground under the search's bound.

Amounts, free units and their prices only ever fall while offers are applied, so a figure that could not
rise with them holds for every later state too.
"""

from coupons.pricing.benefits import (
    AmountOff,
    Application,
    BundlePrice,
    BuyXGetY,
    FixedPrice,
    GiftItem,
    PercentOff,
    ShippingOff,
    Tiered,
)
from coupons.pricing.benefits.base import EligiblePart
from coupons.pricing.benefits.units import UnitGroup, count_units, dearest_first, first_units, free_units
from coupons.pricing.combination.whole import looks_at_sums_only, tier_amounts, whole_amount
from coupons.pricing.offer import Offer
from coupons.pricing.running_order import RunningOrder
from coupons.pricing.whole_numbers import share_of


def most_of_sums(offer: Offer, *, now: int, listed: int, base: int, units: int) -> int:
    """The most that a benefit which looks at sums only can take, were there room enough."""
    if isinstance(offer.benefit, Tiered):
        # With less spent a lower tier is reached, and a shop may have made it the better one.
        return max(tier_amounts(offer.benefit, now=now, base=base, units=units).values(), default=0)
    return whole_amount(offer.benefit, now=now, listed=listed, base=base, units=units)


def most_of_shipping(offer: Offer, fee: int) -> int:
    """The most that it can take off a shipping fee, in minor units."""
    if isinstance(offer.benefit, ShippingOff):
        return offer.benefit.grant(EligiblePart((), 0, fee)).shipping_amount
    is_known = looks_at_sums_only(offer.benefit) or isinstance(
        offer.benefit, AmountOff | PercentOff | BundlePrice | BuyXGetY | FixedPrice | GiftItem
    )
    return 0 if is_known else fee


def most_of_units(offer: Offer, order: RunningOrder) -> int:
    """The most that any other benefit can take off the lines, in minor units."""
    benefit = offer.benefit
    if isinstance(benefit, ShippingOff | GiftItem):
        return 0
    part = order.part(offer)
    limit = sum([order.amounts[i] for i in order.reached_by(offer)])
    if isinstance(benefit, AmountOff | PercentOff):
        return min(limit, _most_by_application(benefit, offer, order))
    if isinstance(benefit, FixedPrice):
        groups = [group for group in dearest_first(free_units(part)) if group.unit_price > benefit.unit_price]
        groups = _dearest(groups, benefit.maximum_units)
        return min(limit, sum([(group.unit_price - benefit.unit_price) * group.units for group in groups]))
    if isinstance(benefit, BundlePrice):
        maximum = None if benefit.maximum_sets is None else benefit.maximum_sets * benefit.quantity
        groups = _dearest(dearest_first(free_units(part)), maximum)
        # As if every unit above the set's price per unit were in a set.
        surplus = sum([max(0, group.unit_price * benefit.quantity - benefit.price) * group.units for group in groups])
        return min(limit, surplus // benefit.quantity)
    if isinstance(benefit, BuyXGetY):
        return min(limit, _most_given(benefit, part))
    return limit


def _most_by_application(benefit: AmountOff | PercentOff, offer: Offer, order: RunningOrder) -> int:
    """Units may end up at other prices than their line's average, but never above their list price."""
    by_line, dearest = [], 0
    for i in order.covered_by(offer):
        line, amount = order.lines[i], order.amounts[i]
        if not amount:
            continue
        dearest = max(dearest, line.unit_price)
        if benefit.application is Application.EACH_UNIT:
            by_line.append(min(amount, line.quantity * _off(benefit, line.unit_price, line.unit_price)))
        else:
            by_line.append(_off(benefit, amount, line.amount))
    limit = 1 if benefit.application is Application.CHEAPEST_UNIT else benefit.maximum_units
    most = sum(by_line)
    if benefit.application in (Application.WHOLE, Application.CHEAPEST_UNIT):
        covered = order.covered_by(offer)
        now, listed = sum([order.amounts[i] for i in covered]), sum([order.lines[i].amount for i in covered])
        most = _off(benefit, now, listed)
        if limit is not None:
            most = min(most, _off(benefit, dearest * limit, dearest * limit))
    elif benefit.application is Application.EACH_UNIT and limit is not None:
        most = min(most, limit * _off(benefit, dearest, dearest))
    cap = benefit.cap if isinstance(benefit, PercentOff) else None
    return most if cap is None else min(most, cap)


def _off(benefit: AmountOff | PercentOff, now: int, listed: int) -> int:
    if isinstance(benefit, AmountOff):
        return benefit.amount
    return share_of(listed if benefit.of_list_price else now, benefit.basis_points)


def _dearest(groups: list[UnitGroup], limit: int | None) -> list[UnitGroup]:
    return groups if limit is None else first_units(groups, limit)


def _most_given(benefit: BuyXGetY, part: EligiblePart) -> int:
    """As many sets as there can be, of which the dearest units but the first bought ones are given.

    Units that cost nothing any more or were used up leave dearer ones to be given, so the cheapest units
    of now are no bound.
    """
    groups = dearest_first(free_units(part))
    get_scope = benefit.get_scope
    if get_scope is None:
        counted = count_units(groups)
        sets, passed_over = counted // (benefit.buy + benefit.get), benefit.buy
    else:
        groups = [group for group in groups if get_scope.covers(part.lines[group.position].line)]
        sets, passed_over = count_units(groups) // benefit.get, 0
    if benefit.maximum_sets is not None:
        sets = min(sets, benefit.maximum_sets)
    given = sets * benefit.get
    with_bought = sum([group.unit_price * group.units for group in first_units(groups, passed_over + given)])
    bought = sum([group.unit_price * group.units for group in first_units(groups, passed_over)]) if given else 0
    return share_of(with_bought - bought, benefit.basis_points) if given else 0
