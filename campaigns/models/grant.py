from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from campaigns.enums import GrantState
from config.kernel.ids import uuid7
from coupons.enums import AudienceKind
from coupons.models import Coupon

# What work moves; the history keeps what people decided.
MOVED_BY_WORK = ["cursor", "seen", "granted", "refused", "resumes_at"]
OPEN_STATES = (GrantState.WAITING, GrantState.RUNNING)


class GrantQuerySet(models.QuerySet["Grant"]):
    def open(self) -> GrantQuerySet:
        """Those that a worker should go on with, now or from `resumes_at` on."""
        return self.filter(state__in=OPEN_STATES)


class Grant(models.Model):
    """A coupon handed to everybody in an audience, once each, with how far that has come.

    Work goes through the shoppers by primary key: those up to `cursor` are dealt with, and it never goes back, so that
    nobody gets two of one grant. `last_shopper` is fixed when it starts; who comes later is not part of it. The cursor
    moves in the transaction of the claims. `refused` counts by reason who was dealt with and got nothing.
    """

    public_id = models.UUIDField(_("public id"), default=uuid7, unique=True, editable=False)
    coupon = models.ForeignKey(Coupon, verbose_name=_("coupon"), on_delete=models.PROTECT, related_name="grants")
    audience = models.CharField(_("to whom"), max_length=16, choices=AudienceKind, default=AudienceKind.EVERYONE)
    audience_tag = models.CharField(_("tag"), max_length=64, blank=True)
    state = models.CharField(_("state"), max_length=12, choices=GrantState, default=GrantState.DRAFT, editable=False)
    # The code of the refusal that stopped it.
    stop_reason = models.CharField(_("why it stopped"), max_length=40, blank=True, editable=False)
    last_shopper = models.BigIntegerField(default=0, editable=False)
    cursor = models.BigIntegerField(default=0, editable=False)
    # How many the audience had when it started: what progress is measured by, nothing more.
    expected = models.PositiveBigIntegerField(_("audience"), default=0, editable=False)
    seen = models.PositiveBigIntegerField(_("dealt with"), default=0, editable=False)
    granted = models.PositiveBigIntegerField(_("granted"), default=0, editable=False)
    refused = models.JSONField(_("refused"), default=dict, editable=False)
    resumes_at = models.DateTimeField(_("goes on"), null=True, blank=True, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("created by"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
    )
    created_at = models.DateTimeField(_("created"), editable=False)
    started_at = models.DateTimeField(_("started"), null=True, blank=True, editable=False)
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True, editable=False)

    objects = GrantQuerySet.as_manager()
    history = HistoricalRecords(excluded_fields=["public_id", *MOVED_BY_WORK])

    class Meta:
        verbose_name = _("grant")
        verbose_name_plural = _("grants")
        constraints = [
            models.CheckConstraint(condition=Q(state__in=GrantState.values), name="campaigns_grant_state"),
            models.CheckConstraint(
                condition=Q(audience__in=AudienceKind.values)
                & (~Q(audience=AudienceKind.TAGGED) | ~Q(audience_tag="")),
                name="campaigns_grant_audience",
                violation_error_message=_("Name the tag."),
            ),
            models.CheckConstraint(
                condition=Q(granted__lte=F("seen"), cursor__lte=F("last_shopper")), name="campaigns_grant_counts"
            ),
            models.CheckConstraint(
                condition=Q(state=GrantState.STOPPED) ^ Q(stop_reason=""), name="campaigns_grant_stopped"
            ),
        ]
        indexes = [
            models.Index(fields=["id"], condition=Q(state__in=OPEN_STATES), name="campaigns_grant_open"),
        ]

    def __str__(self) -> str:
        return f"{self.coupon}: {self.seen}/{self.expected}"

    @property
    def is_open(self) -> bool:
        """Whether work goes on, now or at `resumes_at`."""
        return self.state in OPEN_STATES
