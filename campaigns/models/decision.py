from __future__ import annotations

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from config.kernel.append_only import AppendOnlyModel
from config.kernel.ids import uuid7
from config.kernel.money import MoneyField
from coupons.models import Coupon


class VariantGroup(models.Model):
    """Coupons that compete for one place: each shopper who follows its link is led to one of them.

    Which one is drawn by the arms' `share`, which the nightly run publishes; `policy` is the model that they come from,
    0 for equal shares. Requests only draw, so that the chance they log is exact.
    """

    public_id = models.UUIDField(_("public id"), default=uuid7, unique=True, editable=False)
    key = models.SlugField(_("key"), max_length=64, unique=True)
    name = models.CharField(_("name"), max_length=80)
    is_active = models.BooleanField(_("active"), default=True)
    margin_percent = models.PositiveSmallIntegerField(
        _("margin in percent"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(100)],
        help_text=_("What the shop earns on goods, before the discount. Empty: the shop's usual margin."),
    )
    full_margin = MoneyField(
        _("margin that counts in full"),
        default=2000,
        help_text=_("An order that earns more counts no more, or one large order would decide."),
    )
    policy = models.PositiveBigIntegerField(_("model in force"), default=0, editable=False)

    # The history keeps what people decided; which model is in force stands in the registry.
    history = HistoricalRecords(excluded_fields=["public_id", "policy"])

    class Meta:
        verbose_name = _("variant group")
        verbose_name_plural = _("variant groups")
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=(Q(margin_percent=None) | Q(margin_percent__gte=1, margin_percent__lte=100))
                & Q(full_margin__gte=1),
                name="campaigns_variant_margin",
                violation_error_message=_("The margin must be above zero."),
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def margin(self) -> int:
        """What the shop earns on goods before the discount, in percent: the group's own, or the shop's."""
        return settings.GROSS_MARGIN_PERCENT if self.margin_percent is None else self.margin_percent


class VariantArm(models.Model):
    """One of the coupons of a group, and how often it is drawn: `share` of all shoppers."""

    group = models.ForeignKey(VariantGroup, on_delete=models.CASCADE, related_name="arms")
    coupon = models.ForeignKey(Coupon, verbose_name=_("coupon"), on_delete=models.PROTECT, related_name="+")
    # None until a run has published one: it then counts as much as the mean of the others.
    share = models.FloatField(_("share"), null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("variant")
        verbose_name_plural = _("variants")
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["group", "coupon"], name="campaigns_variant_once"),
            models.CheckConstraint(
                condition=Q(share=None) | Q(share__gte=0, share__lte=1), name="campaigns_variant_share"
            ),
        ]

    def __str__(self) -> str:
        return str(self.coupon)


class VariantShare(models.Model):
    """How often a coupon of a group is drawn for the shoppers of one segment; for all others the arm's share counts.

    The nightly run publishes them together with the arms' shares, under the same `policy`.
    """

    arm = models.ForeignKey(VariantArm, on_delete=models.CASCADE, related_name="segment_shares")
    segment = models.CharField(_("segment"), max_length=64)
    share = models.FloatField(_("share"))

    class Meta:
        verbose_name = _("share of a segment")
        verbose_name_plural = _("shares of segments")
        ordering = ["segment", "arm"]
        constraints = [
            models.UniqueConstraint(fields=["arm", "segment"], name="campaigns_segment_share_once"),
            models.CheckConstraint(condition=Q(share__gte=0, share__lte=1), name="campaigns_segment_share"),
        ]

    def __str__(self) -> str:
        return f"{self.segment}: {self.arm}"


class Decision(AppendOnlyModel):
    """Which coupon of a group a shopper was led to on a shop day, and how likely that was when it was drawn.

    `segment` is the tag of the shopper's segment at that moment, by which the run learns; empty without one.
    """

    group = models.ForeignKey(
        VariantGroup, verbose_name=_("variant group"), on_delete=models.PROTECT, related_name="decisions"
    )
    shopper = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("shopper"), on_delete=models.PROTECT, related_name="+"
    )
    coupon = models.ForeignKey(Coupon, verbose_name=_("coupon"), on_delete=models.PROTECT, related_name="+")
    propensity = models.FloatField(_("propensity"))
    policy = models.PositiveBigIntegerField(_("model in force"), default=0)
    # The database knows the default too: processes of the release before write rows without it while one is upgraded.
    segment = models.CharField(_("segment"), max_length=64, blank=True, default="", db_default="")
    day = models.DateField(_("day"))
    decided_at = models.DateTimeField(_("decided"))

    class Meta:
        verbose_name = _("decision")
        verbose_name_plural = _("decisions")
        constraints = [
            models.UniqueConstraint(fields=["group", "shopper", "day"], name="campaigns_decision_once"),
            models.CheckConstraint(
                condition=Q(propensity__gt=0, propensity__lte=1), name="campaigns_decision_propensity"
            ),
        ]
        indexes = [models.Index(fields=["group", "decided_at"], name="campaigns_decision_time")]

    def __str__(self) -> str:
        return f"{self.group} → {self.coupon}"


# Which rule rewards are worked out by. By the first one opening a coupon counted like claiming it, and `claimed` says
# either; rewards of different rules are never compared.
REWARD_RULE = 2


class DecisionReward(AppendOnlyModel):
    """What came of a decision, measured once when its time was over; `reward` lies between 0 and 1."""

    decision = models.OneToOneField(Decision, on_delete=models.PROTECT, related_name="outcome", primary_key=True)
    reward = models.FloatField(_("reward"))
    claimed = models.BooleanField(_("Claimed"))
    dwell_seconds = models.FloatField(_("seconds looked at"), default=0)
    redeemed = models.BooleanField(_("used"))
    margin = models.BigIntegerField(_("margin less discount"), default=0)
    rule = models.PositiveSmallIntegerField(_("rule"), db_default=1)
    measured_at = models.DateTimeField(_("measured"))

    class Meta:
        verbose_name = _("outcome")
        verbose_name_plural = _("outcomes")
        constraints = [
            models.CheckConstraint(condition=Q(reward__gte=0, reward__lte=1), name="campaigns_outcome_reward")
        ]

    def __str__(self) -> str:
        return f"{self.decision}: {self.reward:.2f}"
