from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from analytics.enums import Job, ModelState, PromotionKind
from analytics.models.run import Run
from config.kernel.append_only import AppendOnlyModel


class ModelVersion(models.Model):
    """What one run learned, kept so that it can be used, compared and returned to.

    `artefact` is a NumPy archive of plain arrays, read without pickle, so that a row from anywhere can run no code;
    `checksum` is its SHA-256. At most one version of a job is the champion: the one that decisions are made with.
    """

    job = models.CharField(_("job"), max_length=32, choices=Job)
    run = models.ForeignKey(Run, verbose_name=_("run"), on_delete=models.PROTECT, related_name="models")
    state = models.CharField(_("state"), max_length=12, choices=ModelState, default=ModelState.CHALLENGER)
    metrics = models.JSONField(_("metrics"), default=dict, blank=True)
    # Names of features, chosen settings: what the arrays mean.
    description = models.JSONField(_("description"), default=dict, blank=True)
    artefact = models.BinaryField()
    checksum = models.CharField(_("SHA-256"), max_length=64)
    created_at = models.DateTimeField(_("created"))

    class Meta:
        verbose_name = _("model")
        verbose_name_plural = _("models")
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(condition=Q(job__in=Job.values), name="analytics_model_job"),
            models.CheckConstraint(condition=Q(state__in=ModelState.values), name="analytics_model_state"),
            models.UniqueConstraint(
                fields=["job"], condition=Q(state=ModelState.CHAMPION), name="analytics_model_one_champion"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_job_display()} {self.pk}"


class ModelPromotion(AppendOnlyModel):
    """One change of champion: which model followed which, who decided it, and why."""

    kind = models.CharField(_("kind"), max_length=12, choices=PromotionKind)
    job = models.CharField(_("job"), max_length=32, choices=Job)
    model = models.ForeignKey(
        ModelVersion, verbose_name=_("model"), on_delete=models.PROTECT, related_name="promotions"
    )
    # None for the first champion of a job.
    before = models.ForeignKey(
        ModelVersion, verbose_name=_("model before"), on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    # None when a job decided by its figures.
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("decided by"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
    )
    reason = models.CharField(_("reason"), max_length=400)
    at = models.DateTimeField(_("at"))

    class Meta:
        verbose_name = _("promotion")
        verbose_name_plural = _("promotions")
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=PromotionKind.values), name="analytics_promotion_kind"),
            models.CheckConstraint(condition=~Q(reason=""), name="analytics_promotion_reason"),
        ]
        indexes = [models.Index(fields=["job", "-id"], name="analytics_promotion_job")]

    def __str__(self) -> str:
        return f"{self.model}: {self.get_kind_display()}"
