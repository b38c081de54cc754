from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from coupons.codes import normalize_code
from coupons.enums import CodeKind
from coupons.models.claim import Claim
from coupons.models.code_batch import CodeBatch
from coupons.models.coupon import Coupon


class Code(models.Model):
    """A string that turns into a claim: `text` as it is printed, `normal` as it is looked up (see `coupons.codes`)."""

    text = models.CharField(_("code"), max_length=40)
    normal = models.CharField(max_length=40, unique=True, editable=False)
    coupon = models.ForeignKey(Coupon, verbose_name=_("coupon"), on_delete=models.PROTECT, related_name="codes")
    kind = models.CharField(_("kind"), max_length=8, choices=CodeKind)
    # NULL means without a limit of its own: the coupon's stock and limits still hold.
    maximum_uses = models.PositiveIntegerField(_("at most"), null=True, blank=True)
    used = models.PositiveIntegerField(_("used"), default=0, editable=False)
    batch = models.ForeignKey(
        CodeBatch, verbose_name=_("batch"), on_delete=models.PROTECT, null=True, blank=True, related_name="codes"
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("code")
        verbose_name_plural = _("codes")
        constraints = [
            models.CheckConstraint(
                condition=~Q(normal=""),
                name="coupons_code_readable",
                violation_error_message=_("A code has letters and digits, at most 40."),
            ),
            models.CheckConstraint(condition=Q(kind__in=CodeKind.values), name="coupons_code_kind"),
            models.CheckConstraint(
                condition=~Q(kind=CodeKind.UNIQUE) | Q(maximum_uses__isnull=False, maximum_uses=1),
                name="coupons_code_unique",
            ),
            models.CheckConstraint(
                condition=Q(maximum_uses=None) | Q(used__lte=F("maximum_uses")), name="coupons_code_uses"
            ),
        ]

    def __str__(self) -> str:
        return self.text

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.normal = normalize_code(self.text)
        super().save(*args, **kwargs)

    @property
    def is_used_up(self) -> bool:
        return self.maximum_uses is not None and self.used >= self.maximum_uses


class CodeUse(models.Model):
    """Which code a claim came from."""

    claim = models.OneToOneField(Claim, on_delete=models.PROTECT, related_name="code_use", primary_key=True)
    code = models.ForeignKey(Code, on_delete=models.PROTECT, related_name="uses")

    def __str__(self) -> str:
        return f"{self.code} → {self.claim_id}"
