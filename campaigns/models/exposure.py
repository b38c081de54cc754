from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class Exposure(models.Model):
    """The first time that an experiment made a difference to a shopper, and in which arm: the base of its figures.

    A shopper of the holdout is exposed when the coupon would have come. The arm follows from the experiment's salt; it
    is kept so that a figure can be checked without it.
    """

    # Such as `campaign:` and a campaign's public id.
    experiment = models.CharField(_("experiment"), max_length=80)
    shopper = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("shopper"), on_delete=models.CASCADE, related_name="exposures"
    )
    arm = models.CharField(_("arm"), max_length=24)
    first_exposed_at = models.DateTimeField(_("first exposed"))

    class Meta:
        verbose_name = _("exposure")
        verbose_name_plural = _("exposures")
        constraints = [models.UniqueConstraint(fields=["experiment", "shopper"], name="campaigns_exposure_once")]

    def __str__(self) -> str:
        return f"{self.experiment}: {self.arm}"
