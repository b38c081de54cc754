"""How often a code may be used."""

from __future__ import annotations

from django.db import transaction

from config.kernel.locks import busy_when_locked
from coupons.models import Code
from coupons.selectors.codes import times_used


def code_limit(*, code: Code, maximum_uses: int | None) -> Code:
    """Sets how often a code may be used, in all.

    Args:
        maximum_uses: None for as often as the coupon allows. Where it was used more often already, it is used up.
    """
    with busy_when_locked(), transaction.atomic():
        # Waits for whoever is using it, and counts what nobody counted while there was no limit.
        code = Code.objects.select_for_update().get(pk=code.pk)
        code.used = times_used([code])[code.pk]
        code.maximum_uses = None if maximum_uses is None else max(maximum_uses, code.used)
        code.save(update_fields=["used", "maximum_uses"])
    return code
