from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from coupons.models.claim import Claim
from coupons.models.coupon import Coupon


class ClaimTicketQuerySet(models.QuerySet["ClaimTicket"]):
    def answered_before(self, moment: datetime) -> ClaimTicketQuerySet:
        return self.filter(answered_at__lt=moment)


class ClaimTicket(models.Model):
    """The answer to one place in the queue of a coupon: a claim, or why there is none.

    It is written in the transaction that makes the claim, and its id follows from the request. So a place that is
    served a second time, after a crash between the commit and the stream, finds that it has been answered.
    """

    id = models.UUIDField(_("id"), primary_key=True, editable=False)
    coupon = models.ForeignKey(Coupon, verbose_name=_("coupon"), on_delete=models.PROTECT, related_name="tickets")
    shopper = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("shopper"), on_delete=models.CASCADE, related_name="claim_tickets"
    )
    claim = models.OneToOneField(
        Claim, verbose_name=_("claim"), on_delete=models.PROTECT, null=True, blank=True, related_name="ticket"
    )
    # The code of the refusal and what belongs to it, as the API writes them.
    code = models.CharField(_("refusal"), max_length=40, blank=True)
    data = models.JSONField(_("details"), default=dict, blank=True)
    arrival = models.PositiveBigIntegerField(_("place of arrival"))
    answered_at = models.DateTimeField(_("answered"))

    objects = ClaimTicketQuerySet.as_manager()

    class Meta:
        verbose_name = _("queue ticket")
        verbose_name_plural = _("queue tickets")
        constraints = [
            models.CheckConstraint(
                condition=Q(claim__isnull=False, code="") | (Q(claim=None) & ~Q(code="")),
                name="coupons_ticket_answer",
            )
        ]
        indexes = [models.Index(fields=["answered_at"], name="coupons_ticket_answered")]

    def __str__(self) -> str:
        return str(self.pk)
