"""What a sequence model reads beside purchases: on which orders a coupon was used."""

from __future__ import annotations

import numpy as np
from django.db.models import Exists, OuterRef, Q

from analytics.learners.purchases import Ints, Purchases, purchases_joined
from analytics.selectors.purchases import FETCHED_ROWS, Kinds, orders_of, purchase_chunks
from analytics.selectors.windows import Window
from coupons.models import Redemption


def purchases_of_shoppers(window: Window, kinds: Kinds, shopper_ids: Ints) -> Purchases:
    """Returns what these shoppers bought in the window, at least one shopper; read in chunks.

    Args:
        shopper_ids: ascending.
    """
    return purchases_joined(list(purchase_chunks(window, kinds, shopper_ids)))


def orders_with_coupon(window: Window) -> Ints:
    """Returns the ids of the window's orders on which a coupon was redeemed or took something off, ascending."""
    redeemed = Redemption.objects.filter(order_id=OuterRef("pk"))
    ids = orders_of(window).filter(Q(discount__gt=0) | Exists(redeemed)).order_by("pk").values_list("pk", flat=True)
    return np.fromiter(ids.iterator(FETCHED_ROWS), dtype=np.int64)
