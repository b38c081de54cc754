from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from analytics.models.run import Run
from config.kernel.bilingual import in_active_language


class Segment(models.Model):
    """A learned cluster of shoppers that keeps its key from night to night.

    Its members carry the tag `segment:<key>`. A marketer may rename it; the job does not name it again then.
    """

    key = models.SlugField(_("key"), max_length=48, unique=True)
    name_zh = models.CharField(_("name in Chinese"), max_length=60)
    name_en = models.CharField(_("name in English"), max_length=60)
    is_renamed = models.BooleanField(_("named by a marketer"), default=False, editable=False)
    is_active = models.BooleanField(_("active"), default=True, editable=False)
    run = models.ForeignKey(Run, verbose_name=_("last run"), on_delete=models.PROTECT, related_name="+", editable=False)
    size = models.PositiveBigIntegerField(_("shoppers"), editable=False)
    # Means of the features as people read them (days, orders, money), not standardised.
    profile = models.JSONField(_("averages"), default=dict, editable=False)
    centroid = models.JSONField(default=list, editable=False)

    class Meta:
        verbose_name = _("segment")
        verbose_name_plural = _("segments")
        ordering = ["-is_active", "-size"]

    def __str__(self) -> str:
        return in_active_language(self.name_zh, self.name_en)

    @property
    def tag_name(self) -> str:
        return f"segment:{self.key}"


class SegmentSnapshot(models.Model):
    """A segment as one run saw it: the history behind drift charts."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="segments")
    segment = models.ForeignKey(Segment, on_delete=models.CASCADE, related_name="snapshots")
    size = models.PositiveBigIntegerField(_("shoppers"))
    profile = models.JSONField(default=dict)

    class Meta:
        verbose_name = _("segment snapshot")
        verbose_name_plural = _("segment snapshots")
        constraints = [models.UniqueConstraint(fields=["run", "segment"], name="analytics_snapshot_once")]

    def __str__(self) -> str:
        return f"{self.segment}: {self.size}"
