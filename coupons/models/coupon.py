from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from config.kernel.bilingual import in_active_language
from config.kernel.ids import uuid7
from config.kernel.money import MoneyField
from coupons.enums import (
    Application,
    AudienceKind,
    BenefitType,
    CouponState,
    CouponStatus,
    Handout,
    RefundPolicy,
    ScopeMode,
    ThresholdBase,
    TierBasis,
)
from coupons.models.budget import Budget
from coupons.models.catalogue import Category, Product
from coupons.models.coupon_checks import BENEFIT_CHECK

if TYPE_CHECKING:
    from coupons.models.envelope import Envelope
    from coupons.models.stock import Stock


# Ten years. A longer validity would end beyond the calendar and break every claim.
MAXIMUM_DAYS = 3660


class CouponQuerySet(models.QuerySet["Coupon"]):
    def published(self) -> CouponQuerySet:
        return self.filter(status=CouponStatus.PUBLISHED)

    def live(self, now: datetime) -> CouponQuerySet:
        """Open for claiming at this moment."""
        return self.published().filter(claim_starts_at__lte=now, claim_ends_at__gt=now)

    def scheduled(self, now: datetime) -> CouponQuerySet:
        """Published, and not yet open."""
        return self.published().filter(claim_starts_at__gt=now)

    def over(self, now: datetime) -> CouponQuerySet:
        """Ended by a marketer or by the clock."""
        return self.filter(
            Q(status=CouponStatus.ENDED)
            | Q(status__in=[CouponStatus.PUBLISHED, CouponStatus.PAUSED], claim_ends_at__lte=now)
        )

    def in_state(self, state: CouponState, now: datetime) -> CouponQuerySet:
        """Coupons that stand in a state at a moment; agrees with `Coupon.state`."""
        match state:
            case CouponState.LIVE:
                return self.live(now)
            case CouponState.SCHEDULED:
                return self.scheduled(now)
            case CouponState.ENDED:
                return self.over(now)
            case CouponState.PAUSED:
                return self.filter(status=CouponStatus.PAUSED, claim_ends_at__gt=now)
            case CouponState.DRAFT:
                return self.filter(status=CouponStatus.DRAFT)


class Coupon(models.Model):
    """A definition: what it gives, when, to whom, on what, and how many there are.

    A shopper's own coupon is a `Claim`. Windows are half-open: `claim_starts_at` is in, `claim_ends_at` is out.
    A claim is usable in `[usable_from, usable_until)` or for `usable_days` after the claim, whichever ends
    first when both are set.
    """

    public_id = models.UUIDField(_("public id"), default=uuid7, unique=True, editable=False)
    title_zh = models.CharField(_("title in Chinese"), max_length=80, blank=True)
    title_en = models.CharField(_("title in English"), max_length=80)
    description_zh = models.TextField(_("description in Chinese"), blank=True)
    description_en = models.TextField(_("description in English"), blank=True)
    status = models.CharField(
        _("status"), max_length=12, choices=CouponStatus, default=CouponStatus.DRAFT, editable=False
    )

    # Benefit
    benefit_type = models.CharField(_("benefit"), max_length=20, choices=BenefitType)
    amount_off = MoneyField(_("amount off"), null=True, blank=True)
    percent_off = models.DecimalField(
        _("percent off"),
        max_digits=5,
        decimal_places=2,
        null=True,
        blank=True,
        validators=[MinValueValidator(0), MaxValueValidator(100)],
        help_text=_("15 means 15 % off, shown as 8.5折 in Chinese."),
    )
    discount_cap = MoneyField(_("at most"), null=True, blank=True, help_text=_("Largest discount on one order."))
    application = models.CharField(_("taken off"), max_length=16, choices=Application, default=Application.WHOLE)
    maximum_units = models.PositiveIntegerField(
        _("at most so many units"), null=True, blank=True, help_text=_("The cheapest eligible units come first.")
    )
    every_amount = MoneyField(_("for every"), null=True, blank=True)
    tier_basis = models.CharField(_("tiers count"), max_length=10, choices=TierBasis, blank=True)
    unit_price = MoneyField(_("price of a unit"), null=True, blank=True)
    bundle_quantity = models.PositiveIntegerField(_("units in a bundle"), null=True, blank=True)
    bundle_price = MoneyField(_("price of a bundle"), null=True, blank=True)
    buy_quantity = models.PositiveIntegerField(_("buy"), null=True, blank=True)
    get_quantity = models.PositiveIntegerField(_("get"), null=True, blank=True)
    maximum_sets = models.PositiveIntegerField(
        _("at most so many times"), null=True, blank=True, help_text=_("Bundles, or times that something is given.")
    )
    gift_product = models.ForeignKey(
        Product, verbose_name=_("gift"), on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    gift_quantity = models.PositiveIntegerField(_("units given"), null=True, blank=True)
    is_partly_usable = models.BooleanField(
        _("rest is kept"), default=True, help_text=_("What an order does not use of cash stays in the wallet.")
    )
    refund_policy = models.CharField(
        _("partial refund"), max_length=12, choices=RefundPolicy, default=RefundPolicy.PRORATA
    )

    # Conditions
    minimum_spend = MoneyField(_("minimum spend"), default=0)
    minimum_quantity = models.PositiveIntegerField(_("minimum units"), default=0)
    minimum_unit_price = MoneyField(
        _("counts from unit price"), null=True, blank=True, help_text=_("Only products from this price on count.")
    )
    maximum_unit_price = MoneyField(
        _("counts to unit price"), null=True, blank=True, help_text=_("Only products up to this price count.")
    )
    order_number = models.PositiveIntegerField(
        _("only on order number"), null=True, blank=True, help_text=_("1: only on the shopper's first order.")
    )
    new_shopper_days = models.PositiveIntegerField(_("only in the first days of an account"), null=True, blank=True)
    weekdays = models.JSONField(
        _("weekdays"), default=list, blank=True, help_text=_("None chosen: every day. 0 is Monday.")
    )
    hour_from = models.TimeField(_("from o'clock"), null=True, blank=True)
    hour_until = models.TimeField(_("until o'clock"), null=True, blank=True)
    channels = models.JSONField(
        _("channels"), default=list, blank=True, help_text=_("Such as web, app or store. None: every one.")
    )
    regions = models.JSONField(_("regions"), default=list, blank=True, help_text=_("None: everywhere."))
    threshold_base = models.CharField(
        _("minimum spend counts"), max_length=10, choices=ThresholdBase, default=ThresholdBase.CURRENT
    )

    # Together with others
    stacking_group = models.CharField(
        _("stacking group"), max_length=40, blank=True, help_text=_("At most one coupon of a group on an order.")
    )
    is_exclusive = models.BooleanField(_("exclusive"), default=False, help_text=_("Alone on the order."))
    priority = models.SmallIntegerField(_("priority"), default=0, help_text=_("Higher is applied earlier."))
    consumes_units = models.BooleanField(
        _("uses units up"), default=False, help_text=_("Units counted for this coupon count for no other such coupon.")
    )
    budgets = models.ManyToManyField(Budget, verbose_name=_("budgets"), blank=True, related_name="coupons")

    # Handing out
    handout = models.CharField(_("handed out"), max_length=12, choices=Handout, default=Handout.SHOWCASE)
    audience = models.CharField(_("audience"), max_length=16, choices=AudienceKind, default=AudienceKind.EVERYONE)
    audience_tag = models.CharField(_("tag"), max_length=64, blank=True)
    # Lots below it are the holdout's; a campaign sets both when it is published. Empty: nobody is held out.
    holdout_salt = models.CharField(max_length=40, blank=True, editable=False)
    holdout_below = models.CharField(max_length=16, blank=True, editable=False)
    claim_starts_at = models.DateTimeField(_("claiming starts"))
    claim_ends_at = models.DateTimeField(_("claiming ends"))
    limit_per_shopper = models.PositiveIntegerField(_("limit per shopper"), default=1)
    limit_per_shopper_per_day = models.PositiveIntegerField(_("limit per shopper and day"), null=True, blank=True)
    limit_per_day = models.PositiveIntegerField(_("limit per day"), null=True, blank=True)
    is_giftable = models.BooleanField(_("may be given away"), default=True)
    needs_proof_of_work = models.BooleanField(_("slow bots down"), default=False)
    is_queued = models.BooleanField(
        _("queue shoppers up"),
        default=False,
        help_text=_(
            "For an extreme rush: a click takes a place in a queue, which is served in order of arrival, usually at "
            "once. Only for coupons on the showcase with fixed terms."
        ),
    )

    # Using
    usable_from = models.DateTimeField(_("usable from"), null=True, blank=True)
    usable_until = models.DateTimeField(_("usable until"), null=True, blank=True)
    usable_days = models.PositiveIntegerField(
        _("usable for days after claiming"), null=True, blank=True, validators=[MaxValueValidator(MAXIMUM_DAYS)]
    )

    published_at = models.DateTimeField(_("published"), null=True, blank=True, editable=False)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)

    objects = CouponQuerySet.as_manager()
    history = HistoricalRecords(excluded_fields=["public_id", "created_at"])

    stock: Stock
    envelope: Envelope

    class Meta:
        verbose_name = _("coupon")
        verbose_name_plural = _("coupons")
        indexes = [
            models.Index(fields=["status", "claim_ends_at"], name="coupons_coupon_open"),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(status__in=CouponStatus.values), name="coupons_coupon_status"),
            models.CheckConstraint(
                condition=BENEFIT_CHECK,
                name="coupons_coupon_benefit",
                violation_error_message=_("The figures do not fit this kind of benefit."),
            ),
            models.CheckConstraint(condition=Q(handout__in=Handout.values), name="coupons_coupon_handout"),
            models.CheckConstraint(
                condition=(Q(hour_from=None, hour_until=None) | Q(hour_from__isnull=False, hour_until__isnull=False)),
                name="coupons_coupon_hours",
                violation_error_message=_("Hours need a beginning and an end."),
            ),
            models.CheckConstraint(
                condition=Q(minimum_unit_price=None)
                | Q(maximum_unit_price=None)
                | Q(maximum_unit_price__gte=F("minimum_unit_price")),
                name="coupons_coupon_unit_prices",
                violation_error_message=_("The highest price lies below the lowest."),
            ),
            models.CheckConstraint(
                condition=Q(refund_policy__in=RefundPolicy.values), name="coupons_coupon_refund_policy"
            ),
            models.CheckConstraint(condition=Q(minimum_spend__gte=0), name="coupons_coupon_minimum_spend"),
            models.CheckConstraint(
                condition=Q(claim_ends_at__gt=F("claim_starts_at")),
                name="coupons_coupon_claim_window",
                violation_error_message=_("Claiming must end after it starts."),
            ),
            models.CheckConstraint(
                condition=(Q(usable_until__isnull=False) | Q(usable_days__isnull=False))
                & (Q(usable_days=None) | Q(usable_days__gt=0, usable_days__lte=MAXIMUM_DAYS)),
                name="coupons_coupon_validity",
                violation_error_message=_("Say until when the coupon is usable, or for how many days."),
            ),
            models.CheckConstraint(
                condition=Q(usable_from=None) | Q(usable_until=None) | Q(usable_until__gt=F("usable_from")),
                name="coupons_coupon_usable_window",
                violation_error_message=_("The coupon must be usable until after it becomes usable."),
            ),
            models.CheckConstraint(
                condition=Q(limit_per_shopper__gte=1)
                & (Q(limit_per_day=None) | Q(limit_per_day__gte=1))
                & (Q(limit_per_shopper_per_day=None) | Q(limit_per_shopper_per_day__gte=1)),
                name="coupons_coupon_limits",
                violation_error_message=_("A limit is at least 1."),
            ),
            models.CheckConstraint(
                condition=Q(is_queued=False) | Q(handout=Handout.SHOWCASE),
                name="coupons_coupon_queued",
                violation_error_message=_("Only coupons on the showcase can queue shoppers up."),
            ),
            models.CheckConstraint(
                condition=~Q(audience=AudienceKind.TAGGED) | ~Q(audience_tag=""),
                name="coupons_coupon_audience",
                violation_error_message=_("Name the tag."),
            ),
            models.CheckConstraint(
                condition=~Q(audience=AudienceKind.ALLOCATED) | Q(handout__in=[Handout.SHOWCASE, Handout.GRANT]),
                name="coupons_coupon_allocated",
                violation_error_message=_("Only a coupon on the showcase, or one that is granted, can be allocated."),
            ),
        ]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("coupons:coupon", args=[self.public_id])

    @property
    def title(self) -> str:
        return in_active_language(self.title_zh, self.title_en)

    @property
    def description(self) -> str:
        return in_active_language(self.description_zh, self.description_en)

    @property
    def is_fitted(self) -> bool:
        """Whether a shopper chooses its terms, within an envelope."""
        return hasattr(self, "envelope")

    def state(self, now: datetime) -> CouponState:
        """Returns where the coupon stands at a moment."""
        if self.status == CouponStatus.DRAFT:
            return CouponState.DRAFT
        if self.status == CouponStatus.ENDED or now >= self.claim_ends_at:
            return CouponState.ENDED
        if self.status == CouponStatus.PAUSED:
            return CouponState.PAUSED
        return CouponState.LIVE if now >= self.claim_starts_at else CouponState.SCHEDULED

    def usable_window(self, claimed_at: datetime) -> tuple[datetime, datetime]:
        """Returns `[from, until)` in which a claim made at `claimed_at` can be used."""
        starts_at = max(claimed_at, self.usable_from) if self.usable_from else claimed_at
        ends = []
        if self.usable_until is not None:
            ends.append(self.usable_until)
        if self.usable_days is not None:
            ends.append(starts_at + timedelta(days=self.usable_days))
        return starts_at, min(ends)


class ScopeEntry(models.Model):
    """One product or category that a coupon counts, or does not. No including entry means everything."""

    coupon = models.ForeignKey(Coupon, on_delete=models.CASCADE, related_name="scope_entries")
    mode = models.CharField(_("mode"), max_length=8, choices=ScopeMode, default=ScopeMode.INCLUDE)
    category = models.ForeignKey(
        Category, verbose_name=_("category"), on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    product = models.ForeignKey(
        Product, verbose_name=_("product"), on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        verbose_name = _("scope")
        verbose_name_plural = _("scope")
        constraints = [
            models.CheckConstraint(
                condition=Q(category=None) ^ Q(product=None),
                name="coupons_scope_one_of",
                violation_error_message=_("Choose a category or a product."),
            ),
            models.CheckConstraint(condition=Q(mode__in=ScopeMode.values), name="coupons_scope_mode"),
            models.UniqueConstraint(
                fields=["coupon", "mode", "category"],
                condition=Q(category__isnull=False),
                name="coupons_scope_category_once",
            ),
            models.UniqueConstraint(
                fields=["coupon", "mode", "product"],
                condition=Q(product__isnull=False),
                name="coupons_scope_product_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_mode_display()}: {self.category or self.product}"
