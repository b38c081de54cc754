from __future__ import annotations

from django.conf import settings
from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from analytics.models.run import Run
from campaigns.models import Campaign
from config.kernel.money import MoneyField


class AllocationPlan(models.Model):
    """How the coupons of a campaign are set aside for shoppers every night.

    Only coupons whose audience is allocated shoppers are; the campaign's others stay as they are.
    """

    campaign = models.OneToOneField(
        Campaign, verbose_name=_("campaign"), on_delete=models.CASCADE, related_name="allocation_plan"
    )
    is_active = models.BooleanField(_("every night"), default=True)
    # None: what is left of the campaign's budget.
    budget = MoneyField(_("budget"), null=True, blank=True)
    # None: the shop's.
    margin_percent = models.PositiveSmallIntegerField(
        _("margin, %"), null=True, blank=True, validators=[MaxValueValidator(100)]
    )
    floor_percent = models.PositiveSmallIntegerField(
        _("at least of each segment, %"), default=0, validators=[MaxValueValidator(100)]
    )
    most_claims = models.PositiveSmallIntegerField(_("claims in 30 days that are enough"), null=True, blank=True)
    last_run = models.ForeignKey(
        Run,
        verbose_name=_("last run"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
    )

    class Meta:
        verbose_name = _("allocation plan")
        verbose_name_plural = _("allocation plans")
        constraints = [
            models.CheckConstraint(
                condition=(Q(margin_percent=None) | Q(margin_percent__lte=100))
                & Q(floor_percent__lte=100)
                & (Q(budget=None) | Q(budget__gte=0))
                & (Q(most_claims=None) | Q(most_claims__gte=1)),
                name="analytics_plan_figures",
            )
        ]

    def __str__(self) -> str:
        return str(self.campaign)

    @property
    def margin(self) -> int:
        """What the shop keeps of a sale before the discount, in percent: the plan's own, or the shop's."""
        return settings.GROSS_MARGIN_PERCENT if self.margin_percent is None else self.margin_percent

    @property
    def money(self) -> int | None:
        """What may be spent, in minor units; None when neither plan nor campaign has a budget.

        A budget of the plan is for the whole campaign; a campaign's is what its coupons have left of it.
        """
        if self.budget is not None:
            return self.budget
        return None if self.campaign.budget is None else max(0, self.campaign.budget.left)
