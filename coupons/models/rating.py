from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from coupons.models.claim import Claim

LOWEST, HIGHEST = 1, 5
COMMENT_LENGTH = 280


class ClaimRating(models.Model):
    """What a shopper thought of a coupon after using it: one answer to one question, for good."""

    claim = models.OneToOneField(Claim, verbose_name=_("claim"), on_delete=models.PROTECT, related_name="rating")
    score = models.PositiveSmallIntegerField(
        _("stars"), validators=[MinValueValidator(LOWEST), MaxValueValidator(HIGHEST)]
    )
    comment = models.CharField(_("comment"), max_length=COMMENT_LENGTH, blank=True)
    rated_at = models.DateTimeField(_("rated"))

    class Meta:
        verbose_name = _("rating")
        verbose_name_plural = _("ratings")
        constraints = [
            models.CheckConstraint(condition=Q(score__gte=LOWEST, score__lte=HIGHEST), name="coupons_rating_score")
        ]
        indexes = [models.Index(fields=["rated_at"], name="coupons_rating_time")]

    def __str__(self) -> str:
        return f"{self.claim}: {self.score}"
