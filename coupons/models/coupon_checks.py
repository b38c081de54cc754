"""Which figures each kind of benefit needs, as one CHECK of the database."""

from __future__ import annotations

from django.db.models import Q

from coupons.enums import Application, BenefitType, TierBasis

# Every column that belongs to some kinds of benefit only, with the test that a given figure must pass.
_FIGURES = {
    "amount_off": Q(amount_off__gt=0),
    "percent_off": Q(percent_off__gt=0, percent_off__lte=100),
    "discount_cap": Q(discount_cap__gt=0),
    "every_amount": Q(every_amount__gt=0),
    "unit_price": Q(unit_price__gte=0),
    "bundle_quantity": Q(bundle_quantity__gte=2),
    "bundle_price": Q(bundle_price__gte=0),
    "buy_quantity": Q(buy_quantity__gte=1),
    "get_quantity": Q(get_quantity__gte=1),
    "maximum_units": Q(maximum_units__gte=1),
    "maximum_sets": Q(maximum_sets__gte=1),
    "gift_product": Q(),
    "gift_quantity": Q(gift_quantity__gte=1),
}
_NEEDED: dict[BenefitType, set[str]] = {
    BenefitType.AMOUNT_OFF: {"amount_off"},
    BenefitType.PERCENT_OFF: {"percent_off"},
    BenefitType.EVERY_AMOUNT_OFF: {"every_amount", "amount_off"},
    BenefitType.TIERED: set(),
    BenefitType.FIXED_PRICE: {"unit_price"},
    BenefitType.BUNDLE_PRICE: {"bundle_quantity", "bundle_price"},
    BenefitType.BUY_X_GET_Y: {"buy_quantity", "get_quantity"},
    BenefitType.GIFT_ITEM: {"gift_product", "gift_quantity"},
    BenefitType.SHIPPING_OFF: set(),
    BenefitType.CASH: set(),
}
_ALLOWED: dict[BenefitType, set[str]] = {
    BenefitType.AMOUNT_OFF: {"maximum_units"},
    BenefitType.PERCENT_OFF: {"discount_cap", "maximum_units"},
    BenefitType.EVERY_AMOUNT_OFF: {"discount_cap"},
    BenefitType.TIERED: {"discount_cap"},
    BenefitType.FIXED_PRICE: {"maximum_units"},
    BenefitType.BUNDLE_PRICE: {"maximum_sets"},
    # Without a percentage the units are free.
    BenefitType.BUY_X_GET_Y: {"percent_off", "maximum_sets"},
    BenefitType.GIFT_ITEM: set(),
    # Neither an amount nor a percentage: shipping is free.
    BenefitType.SHIPPING_OFF: {"amount_off", "percent_off", "discount_cap"},
    # Without an amount each claim has one of its own, as the shares of a red packet do.
    BenefitType.CASH: {"amount_off"},
}
_WITH_APPLICATION = {BenefitType.AMOUNT_OFF, BenefitType.PERCENT_OFF}


def figures_of(benefit: BenefitType) -> set[str]:
    """Returns the columns that a kind of benefit reads, for forms that show only these."""
    figures = _NEEDED[benefit] | _ALLOWED[benefit]
    if benefit in _WITH_APPLICATION:
        figures = figures | {"application"}
    if benefit == BenefitType.TIERED:
        figures = figures | {"tier_basis"}
    if benefit == BenefitType.CASH:
        figures = figures | {"is_partly_usable"}
    return figures


def figures_needed_by(benefit: BenefitType) -> set[str]:
    """Returns the columns without which a kind of benefit gives nothing."""
    return _NEEDED[benefit]


def _check_of(benefit: BenefitType) -> Q:
    check = Q(benefit_type=benefit)
    for column, test in _FIGURES.items():
        if column in _NEEDED[benefit]:
            # A CHECK passes on NULL, so that "more than 0" alone would let a missing figure through.
            check &= Q(**{f"{column}__isnull": False}) & test
        elif column in _ALLOWED[benefit]:
            check &= Q(**{f"{column}__isnull": True}) | test
        else:
            check &= Q(**{f"{column}__isnull": True})
    if benefit == BenefitType.SHIPPING_OFF:
        check &= Q(amount_off__isnull=True) | Q(percent_off__isnull=True)
    if benefit in _WITH_APPLICATION:
        check &= Q(application__in=Application.values)
    else:
        check &= Q(application=Application.WHOLE)
    if benefit == BenefitType.TIERED:
        return check & Q(tier_basis__in=TierBasis.values)
    return check & Q(tier_basis="")


def _any_of_all() -> Q:
    checks = Q()
    for benefit in BenefitType:
        checks |= _check_of(benefit)
    return checks


BENEFIT_CHECK = _any_of_all()
