"""What the last night said of coupons and shoppers, joined to coupons."""

from __future__ import annotations

from django.db.models import F, FilteredRelation, Q, QuerySet, Subquery
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce

from coupons.models import AffinityEdition, Coupon
from users.models import User


def with_affinities(coupons: QuerySet[Coupon], *, shopper: User | None) -> QuerySet[Coupon]:
    """Adds `affinity_reason` and `affinity_data` from the edition that is shown.

    The shopper's own list comes first; a coupon that is not on it, and every coupon of somebody without a list,
    takes what is said for everybody. Both are None for a coupon of which nothing is said.
    """
    shown = Subquery(AffinityEdition.objects.filter(is_shown=True).values("pk")[:1])
    coupons = coupons.annotate(
        popular=FilteredRelation("affinities", condition=Q(affinities__shopper__isnull=True, affinities__edition=shown))
    )
    if shopper is None:
        return coupons.annotate(
            affinity_reason=F("popular__reason"),
            affinity_data=F("popular__reason_data"),
        )
    return coupons.annotate(
        own=FilteredRelation("affinities", condition=Q(affinities__shopper=shopper, affinities__edition=shown)),
        affinity_reason=Coalesce(F("own__reason"), F("popular__reason")),
        affinity_data=Coalesce(F("own__reason_data"), F("popular__reason_data")),
    )


def affinity_order(*, shopper: User | None) -> list[Combinable]:
    """Returns the order of coupons `with_affinities`: the shopper's own list, then everybody's, then the rest."""
    everybody: Combinable = F("popular__place").asc(nulls_last=True)
    return [everybody] if shopper is None else [F("own__place").asc(nulls_last=True), everybody]
