from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from analytics.enums import RequestKind, RequestState, RunReason
from analytics.models.allocation_plan import AllocationPlan
from analytics.models.run import Run

OPEN = (RequestState.WAITING, RequestState.RUNNING)


class PlanRequest(models.Model):
    """Somebody asked to try or to decide on a plan at once; a worker does it, since it may take minutes.

    `result` holds the figures of a dry run; a decision has its run.
    """

    plan = models.ForeignKey(
        AllocationPlan, verbose_name=_("allocation plan"), on_delete=models.CASCADE, related_name="requests"
    )
    kind = models.CharField(_("kind"), max_length=12, choices=RequestKind)
    state = models.CharField(_("state"), max_length=12, choices=RequestState, default=RequestState.WAITING)
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("asked by"), on_delete=models.SET_NULL, null=True, related_name="+"
    )
    asked_at = models.DateTimeField(_("asked"))
    started_at = models.DateTimeField(_("started"), null=True, blank=True)
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    result = models.JSONField(_("result"), default=dict, blank=True)
    run = models.ForeignKey(
        Run, verbose_name=_("run"), on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        verbose_name = _("request for a plan")
        verbose_name_plural = _("requests for plans")
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=RequestKind.values, state__in=RequestState.values), name="analytics_request_known"
            ),
            models.CheckConstraint(
                condition=Q(state__in=OPEN, finished_at__isnull=True)
                | (~Q(state__in=OPEN) & Q(finished_at__isnull=False)),
                name="analytics_request_finished",
            ),
            # Whoever asks twice waits for the one answer.
            models.UniqueConstraint(
                fields=["plan", "kind"], condition=Q(state__in=OPEN), name="analytics_request_open_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.plan}"

    @property
    def is_open(self) -> bool:
        return self.state in OPEN

    @property
    def reason_text(self) -> str:
        """Why it came to nothing, as a sentence where the reason is a known one."""
        return str(RunReason(self.reason).label) if self.reason in RunReason.values else self.reason
