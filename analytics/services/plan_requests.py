"""Asking for work on a plan that takes longer than a web request may."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction

from analytics.enums import RequestKind
from analytics.errors import AskedAlready
from analytics.models import AllocationPlan, PlanRequest
from analytics.models.plan_request import OPEN
from config.kernel.errors import NotFound
from config.kernel.locks import busy_when_locked
from config.kernel.waking import wake_on_commit
from users.models import User

RUN_REQUEST = "analytics.tasks.run_plan_request"
# What was asked before is of no use to anybody later.
KEPT_FOR = timedelta(days=30)


def plan_request_create(*, plan: AllocationPlan, kind: RequestKind, actor: User, now: datetime) -> PlanRequest:
    """Writes down what is asked for and wakes a worker; without a broker the beat's next round finds it.

    Raises:
        AskedAlready: the same has been asked for this plan and is not finished.
        NotFound: the plan was deleted meanwhile.
        Busy: the database could not give a lock in time; nothing was changed.
    """
    with busy_when_locked(), transaction.atomic():
        # Whoever asks at the same moment comes before or after, and so does whoever deletes the plan.
        if AllocationPlan.objects.select_for_update(no_key=True).filter(pk=plan.pk).first() is None:
            raise NotFound
        if PlanRequest.objects.filter(plan=plan, kind=kind, state__in=OPEN).exists():
            raise AskedAlready
        PlanRequest.objects.filter(plan=plan, asked_at__lt=now - KEPT_FOR).exclude(state__in=OPEN).delete()
        request = PlanRequest.objects.create(plan=plan, kind=kind, asked_by=actor, asked_at=now)
        wake_on_commit(RUN_REQUEST, request.pk)
    return request
