from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from config.kernel.ids import uuid7
from coupons.enums import CodeBatchKind, CodeBatchState
from coupons.models.coupon import Coupon


class CodeBatch(models.Model):
    """Codes that were made or read in one go, with how far that has come.

    Work on a batch goes on where it stopped: `done` counts finished rows, in their order, `refused` those of them
    that became no code.
    """

    public_id = models.UUIDField(_("public id"), default=uuid7, unique=True, editable=False)
    coupon = models.ForeignKey(Coupon, verbose_name=_("coupon"), on_delete=models.PROTECT, related_name="code_batches")
    kind = models.CharField(_("kind"), max_length=12, choices=CodeBatchKind)
    state = models.CharField(_("state"), max_length=12, choices=CodeBatchState, default=CodeBatchState.WAITING)
    prefix = models.CharField(_("prefix"), max_length=12, blank=True)
    quantity = models.PositiveIntegerField(_("quantity"))
    done = models.PositiveIntegerField(_("done"), default=0)
    refused = models.PositiveIntegerField(_("refused"), default=0)
    # The rows of an imported file until they are read, as JSON lines.
    source = models.BinaryField(null=True, blank=True, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("created by"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
    )
    created_at = models.DateTimeField(_("created"))
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)

    class Meta:
        verbose_name = _("batch of codes")
        verbose_name_plural = _("batches of codes")
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=CodeBatchKind.values), name="coupons_batch_kind"),
            models.CheckConstraint(condition=Q(state__in=CodeBatchState.values), name="coupons_batch_state"),
            models.CheckConstraint(
                condition=Q(quantity__gte=1, done__lte=F("quantity"), refused__lte=F("done")),
                name="coupons_batch_counts",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.coupon}: {self.done}/{self.quantity}"


class CodeBatchError(models.Model):
    """A row of an imported file that became no code, and why."""

    batch = models.ForeignKey(CodeBatch, on_delete=models.CASCADE, related_name="errors")
    row = models.PositiveIntegerField(_("row"))
    text = models.CharField(_("code"), max_length=80)
    reason = models.CharField(_("reason"), max_length=24)

    class Meta:
        verbose_name = _("refused row")
        verbose_name_plural = _("refused rows")
        ordering = ["row"]
        constraints = [models.UniqueConstraint(fields=["batch", "row"], name="coupons_batch_error_once")]

    def __str__(self) -> str:
        return f"{self.row}: {self.text}"
