"""Why a shopper sees a coupon, as a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from config.kernel.bilingual import in_active_language
from coupons.enums import AffinityReason


def affinity_sentence(reason: str | None, data: Mapping[str, Any] | None) -> str:
    """Returns the sentence in the active language; an empty text for a coupon that nothing recommends.

    Args:
        reason: an `AffinityReason`.
        data: `name_en` and `name_zh` of the product type that it speaks of; a reason whose name is missing says less
            rather than something broken.
    """
    names = data if isinstance(data, Mapping) else {}
    name = in_active_language(str(names.get("name_zh") or ""), str(names.get("name_en") or ""))
    match reason:
        case AffinityReason.BOUGHT if name:
            return _("Because you buy %(product_type)s") % {"product_type": name}
        case AffinityReason.GOES_WITH if name:
            return _("Goes with the %(product_type)s you buy") % {"product_type": name}
        case AffinityReason.BOUGHT | AffinityReason.GOES_WITH:
            return _("Chosen by what you buy")
        case AffinityReason.ANYTHING:
            return _("Good for everything you buy")
        case AffinityReason.PEERS:
            return _("Shoppers like you go for it")
        case AffinityReason.POPULAR:
            return _("Many shoppers go for it")
        case _:
            return ""
