from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.timezone import localtime
from django.utils.translation import gettext_lazy as _

from analytics.enums import Job, RunReason, RunState


class Run(models.Model):
    """One run of a nightly job: what it looked at, with which seed, and what came of it."""

    job = models.CharField(_("job"), max_length=32, choices=Job)
    state = models.CharField(_("state"), max_length=12, choices=RunState, default=RunState.RUNNING)
    # Nothing that happened at `window_end` or later was looked at.
    window_start = models.DateTimeField(_("window from"))
    window_end = models.DateTimeField(_("window until"))
    seed = models.PositiveIntegerField(_("seed"))
    # Of the learners that ran: the same data, seed and version give the same result.
    code_version = models.CharField(_("code version"), max_length=16, blank=True)
    parameters = models.JSONField(_("parameters"), default=dict, blank=True)
    metrics = models.JSONField(_("metrics"), default=dict, blank=True)
    artefact = models.JSONField(_("artefact"), default=dict, blank=True)
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    started_at = models.DateTimeField(_("started"))
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)

    class Meta:
        verbose_name = _("run")
        verbose_name_plural = _("runs")
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(condition=Q(job__in=Job.values), name="analytics_run_job"),
            models.CheckConstraint(condition=Q(state__in=RunState.values), name="analytics_run_state"),
            models.CheckConstraint(condition=Q(window_end__gt=F("window_start")), name="analytics_run_window"),
            models.CheckConstraint(
                condition=Q(state=RunState.RUNNING, finished_at__isnull=True)
                | (~Q(state=RunState.RUNNING) & Q(finished_at__isnull=False)),
                name="analytics_run_finished",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_job_display()} {localtime(self.started_at):%Y-%m-%d %H:%M}"

    @property
    def reason_text(self) -> str:
        """Why it published nothing, as a sentence where the reason is a known one."""
        return str(RunReason(self.reason).label) if self.reason in RunReason.values else self.reason
