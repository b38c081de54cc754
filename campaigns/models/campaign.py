from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from campaigns.enums import CampaignKind, CampaignStatus
from config.kernel.bilingual import in_active_language
from config.kernel.ids import uuid7
from coupons.models import Budget, Coupon

MOST_HELD_OUT = 50


class CampaignQuerySet(models.QuerySet["Campaign"]):
    def live(self, now: datetime) -> CampaignQuerySet:
        """Running at this moment."""
        return self.filter(status=CampaignStatus.PUBLISHED, starts_at__lte=now, ends_at__gt=now)


class Campaign(models.Model):
    """Who gets which coupons, when. Runs in `[starts_at, ends_at)` once published."""

    public_id = models.UUIDField(_("public id"), default=uuid7, unique=True, editable=False)
    key = models.SlugField(_("key"), max_length=64, unique=True)
    kind = models.CharField(_("kind"), max_length=16, choices=CampaignKind, default=CampaignKind.DROP)
    title_zh = models.CharField(_("title in Chinese"), max_length=80, blank=True)
    title_en = models.CharField(_("title in English"), max_length=80)
    description_zh = models.TextField(_("description in Chinese"), blank=True)
    description_en = models.TextField(_("description in English"), blank=True)
    status = models.CharField(
        _("status"), max_length=12, choices=CampaignStatus, default=CampaignStatus.DRAFT, editable=False
    )
    starts_at = models.DateTimeField(_("starts"))
    ends_at = models.DateTimeField(_("ends"))
    coupons = models.ManyToManyField(
        Coupon, verbose_name=_("coupons"), through="CampaignCoupon", related_name="campaigns"
    )

    # None until it is published: as many as its audience asks for, see `campaigns.services.holdouts`.
    holdout_percent = models.PositiveSmallIntegerField(
        _("holdout, %"), null=True, blank=True, validators=[MaxValueValidator(MOST_HELD_OUT)]
    )
    # Splits the shoppers, independently of every other campaign's; drawn when it is published.
    holdout_salt = models.CharField(max_length=40, blank=True, editable=False)

    # What all its coupons together may discount; `campaigns.services` puts the budget on every one of them.
    budget = models.OneToOneField(
        Budget, verbose_name=_("budget"), on_delete=models.PROTECT, null=True, blank=True, related_name="campaign"
    )

    objects = CampaignQuerySet.as_manager()
    history = HistoricalRecords(excluded_fields=["public_id"])

    class Meta:
        verbose_name = _("campaign")
        verbose_name_plural = _("campaigns")
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=CampaignKind.values), name="campaigns_campaign_kind"),
            models.CheckConstraint(condition=Q(status__in=CampaignStatus.values), name="campaigns_campaign_status"),
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at")),
                name="campaigns_campaign_window",
                violation_error_message=_("A campaign must end after it starts."),
            ),
            models.CheckConstraint(
                condition=Q(holdout_percent=None) | Q(holdout_percent__lte=MOST_HELD_OUT),
                name="campaigns_campaign_holdout",
                violation_error_message=_("At most half of the shoppers can be held out."),
            ),
        ]
        indexes = [models.Index(fields=["status", "starts_at"], name="campaigns_campaign_open")]

    def __str__(self) -> str:
        return self.title

    @property
    def experiment(self) -> str:
        """The name under which exposures to its holdout are logged; a key may be changed."""
        return f"campaign:{self.public_id}"

    @property
    def title(self) -> str:
        return in_active_language(self.title_zh, self.title_en)

    @property
    def description(self) -> str:
        return in_active_language(self.description_zh, self.description_en)


class CampaignCoupon(models.Model):
    """A coupon that a campaign hands out, in the campaign's order."""

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="campaign_coupons")
    coupon = models.ForeignKey(Coupon, verbose_name=_("coupon"), on_delete=models.PROTECT, related_name="+")
    position = models.PositiveSmallIntegerField(_("position"), default=0)

    class Meta:
        verbose_name = _("coupon of the campaign")
        verbose_name_plural = _("coupons of the campaign")
        ordering = ["position", "id"]
        constraints = [models.UniqueConstraint(fields=["campaign", "coupon"], name="campaigns_campaign_coupon_once")]

    def __str__(self) -> str:
        return f"{self.campaign}: {self.coupon}"


class CampaignRecipient(models.Model):
    """A shopper whom a campaign addressed: the base of every rate that is measured on it."""

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="recipients")
    shopper = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    addressed_at = models.DateTimeField(_("addressed"))

    class Meta:
        verbose_name = _("recipient")
        verbose_name_plural = _("recipients")
        constraints = [models.UniqueConstraint(fields=["campaign", "shopper"], name="campaigns_recipient_once")]

    def __str__(self) -> str:
        return f"{self.campaign} → {self.shopper}"
