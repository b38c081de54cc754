from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from users.enums import SEGMENT_PREFIX, TagSource


class TagQuerySet(models.QuerySet["Tag"]):
    def active(self, now: datetime) -> TagQuerySet:
        """Tags that have not expired."""
        return self.filter(Q(expires_at__isnull=True) | Q(expires_at__gt=now))

    def segments(self, now: datetime) -> TagQuerySet:
        """Tags of the nightly segmentation that have not expired, such as `segment:loyal`; at most one a shopper."""
        return self.active(now).filter(source=TagSource.SEGMENTATION, name__startswith=SEGMENT_PREFIX)


class Tag(models.Model):
    """A label on a shopper, such as `segment:loyal`; it says who set it and when it ends."""

    shopper = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("shopper"), on_delete=models.CASCADE, related_name="tags"
    )
    name = models.CharField(_("name"), max_length=64)
    source = models.CharField(_("source"), max_length=16, choices=TagSource)
    set_at = models.DateTimeField(_("set"))
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)

    objects = TagQuerySet.as_manager()

    class Meta:
        verbose_name = _("tag")
        verbose_name_plural = _("tags")
        constraints = [
            models.UniqueConstraint(fields=["shopper", "name"], name="users_tag_once"),
            models.CheckConstraint(condition=Q(source__in=TagSource.values), name="users_tag_source"),
            models.CheckConstraint(
                condition=Q(expires_at__isnull=True) | Q(expires_at__gt=models.F("set_at")), name="users_tag_window"
            ),
        ]
        indexes = [models.Index(fields=["name", "shopper"], name="users_tag_name")]

    def __str__(self) -> str:
        return self.name
