"""Why an offer does not apply: a code that never changes, and the data to act on it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

RefusalData = Mapping[str, int | str | datetime]


class RefusalCode(StrEnum):
    """Machine-stable reasons, in the order in which they are looked for.

    ==========================  =============================================================
    code                        data
    ==========================  =============================================================
    ``duplicate_offer``         (none)
    ``expired``                 ``expired_at``
    ``not_yet_valid``           ``usable_from``
    ``no_eligible_products``    (none)
    ``threshold_not_met``       ``required_amount``, ``eligible_amount``, ``missing_amount``
    ``exclusive_conflict``      ``conflicting_offer_id``, ``conflicting_coupon_id``
    ``group_taken``             the same two, and ``stacking_group``
    ``nothing_to_discount``     (none)
    ==========================  =============================================================
    """

    DUPLICATE_OFFER = "duplicate_offer"
    EXPIRED = "expired"
    NOT_YET_VALID = "not_yet_valid"
    NO_ELIGIBLE_PRODUCTS = "no_eligible_products"
    THRESHOLD_NOT_MET = "threshold_not_met"
    EXCLUSIVE_CONFLICT = "exclusive_conflict"
    GROUP_TAKEN = "group_taken"
    NOTHING_TO_DISCOUNT = "nothing_to_discount"


@dataclass(frozen=True, slots=True)
class Unmet:
    """One reason why an offer does not apply. Amounts in ``data`` are in minor units."""

    code: RefusalCode
    data: RefusalData = field(default_factory=dict)
