"""How much a coupon suits a shopper, as the last night worked it out; the showcase sorts by it."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from coupons.enums import AffinityReason
from coupons.models.coupon import Coupon


class AffinityEdition(models.Model):
    """One night's affinities as a whole: written bit by bit, and shown from one moment to the next.

    At most one is shown; one that is not is either being written or on its way out.
    """

    is_shown = models.BooleanField(_("shown"), default=False)
    computed_at = models.DateTimeField(_("computed"))

    class Meta:
        verbose_name = _("edition of affinities")
        verbose_name_plural = _("editions of affinities")
        constraints = [
            models.UniqueConstraint(fields=["is_shown"], condition=Q(is_shown=True), name="coupons_affinity_shown_once")
        ]

    def __str__(self) -> str:
        return f"{self.computed_at:%Y-%m-%d %H:%M}"


class Affinity(models.Model):
    """One coupon's place in one shopper's list, and why it is there.

    Without a shopper it is the coupon's place for whoever has no list, such as a newcomer.
    """

    edition = models.ForeignKey(AffinityEdition, on_delete=models.CASCADE, related_name="affinities", db_index=False)
    shopper = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("shopper"),
        on_delete=models.CASCADE,
        null=True,
        related_name="affinities",
    )
    coupon = models.ForeignKey(Coupon, verbose_name=_("coupon"), on_delete=models.CASCADE, related_name="affinities")
    # 1 is best. Not always the order of the scores: neighbours of one kind are spread out.
    place = models.PositiveSmallIntegerField(_("place"))
    score = models.FloatField(_("score"))
    reason = models.CharField(_("reason"), max_length=16, choices=AffinityReason)
    # The names that the reason's sentence needs, in both languages.
    reason_data = models.JSONField(_("details"), default=dict, blank=True)

    class Meta:
        verbose_name = _("affinity")
        verbose_name_plural = _("affinities")
        constraints = [
            models.UniqueConstraint(
                fields=["edition", "shopper", "coupon"],
                condition=Q(shopper__isnull=False),
                name="coupons_affinity_once",
            ),
            models.UniqueConstraint(
                fields=["edition", "coupon"], condition=Q(shopper=None), name="coupons_affinity_popular_once"
            ),
            models.CheckConstraint(condition=Q(place__gte=1), name="coupons_affinity_place"),
            models.CheckConstraint(condition=Q(reason__in=AffinityReason.values), name="coupons_affinity_reason"),
        ]

    def __str__(self) -> str:
        return f"{self.place}: {self.coupon}"
