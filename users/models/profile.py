from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class Profile(models.Model):
    """What the shop knows of a shopper beyond the account; nothing here names a person."""

    shopper = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="profile", primary_key=True
    )
    region = models.CharField(_("region"), max_length=64, blank=True)
    age_band = models.CharField(_("age"), max_length=16, blank=True)
    income_band = models.CharField(_("income"), max_length=16, blank=True)
    household_size = models.CharField(_("household size"), max_length=8, blank=True)
    attributes = models.JSONField(_("further attributes"), default=dict, blank=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = _("profile")
        verbose_name_plural = _("profiles")

    def __str__(self) -> str:
        return str(self.shopper)
