"""Why an offer does not apply: a code that never changes, and the data to act on it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

RefusalData = Mapping[str, int | str | datetime]


class RefusalCode(StrEnum):
    """Machine-stable reasons. Conditions are checked in the order in which the offer has them.

    ===============================  =================================================================
    code                             data
    ===============================  =================================================================
    ``duplicate_offer``              (none)
    ``expired``                      ``expired_at``
    ``not_yet_valid``                ``usable_from``
    ``no_eligible_products``         (none)
    ``threshold_not_met``            ``required_amount``, ``eligible_amount``, ``missing_amount``
    ``quantity_not_met``             ``required_quantity``, ``eligible_quantity``, ``missing_quantity``
    ``too_few_products``             the same three, counting different products
    ``required_product_missing``     ``required_quantity``, ``missing_quantity``
    ``required_spend_missing``       ``required_amount``, ``eligible_amount``, ``missing_amount``
    ``forbidden_product_present``    ``sku``
    ``too_few_orders``               ``minimum_order_number``, ``order_number``, ``missing_orders``
    ``too_many_orders``              ``maximum_order_number``, ``order_number``
    ``not_a_new_shopper``            ``days``
    ``not_in_audience``              (none)
    ``outside_hours``                ``opens_at``
    ``channel_not_allowed``          ``channels``
    ``region_not_allowed``           ``regions``
    ``exclusive_conflict``           ``conflicting_offer_id``, ``conflicting_coupon_id``
    ``group_taken``                  the same two, and ``stacking_group``
    ``nothing_to_discount``          (none)
    ``claim_not_usable``             ``state``
    ``budget_exhausted``             (none)
    ===============================  =================================================================
    """

    DUPLICATE_OFFER = "duplicate_offer"
    EXPIRED = "expired"
    NOT_YET_VALID = "not_yet_valid"
    NO_ELIGIBLE_PRODUCTS = "no_eligible_products"
    THRESHOLD_NOT_MET = "threshold_not_met"
    QUANTITY_NOT_MET = "quantity_not_met"
    TOO_FEW_PRODUCTS = "too_few_products"
    REQUIRED_PRODUCT_MISSING = "required_product_missing"
    REQUIRED_SPEND_MISSING = "required_spend_missing"
    FORBIDDEN_PRODUCT_PRESENT = "forbidden_product_present"
    TOO_FEW_ORDERS = "too_few_orders"
    TOO_MANY_ORDERS = "too_many_orders"
    NOT_A_NEW_SHOPPER = "not_a_new_shopper"
    NOT_IN_AUDIENCE = "not_in_audience"
    OUTSIDE_HOURS = "outside_hours"
    CHANNEL_NOT_ALLOWED = "channel_not_allowed"
    REGION_NOT_ALLOWED = "region_not_allowed"
    EXCLUSIVE_CONFLICT = "exclusive_conflict"
    GROUP_TAKEN = "group_taken"
    NOTHING_TO_DISCOUNT = "nothing_to_discount"
    # What only the shop's books know: the engine itself never says these.
    CLAIM_NOT_USABLE = "claim_not_usable"
    BUDGET_EXHAUSTED = "budget_exhausted"


@dataclass(frozen=True, slots=True)
class Unmet:
    """One reason why an offer does not apply. Amounts in ``data`` are in minor units."""

    code: RefusalCode
    data: RefusalData = field(default_factory=dict)
