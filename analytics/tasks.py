from __future__ import annotations

import structlog
from celery import shared_task

from analytics.errors import RunInProgress
from analytics.jobs import allocation, segmentation
from config.kernel.clock import database_now

logger = structlog.get_logger(__name__)


@shared_task
def run_segmentation() -> int | None:
    """Segments the shoppers; returns the run's id, or None when another run has not finished."""
    try:
        return segmentation.run_segmentation(now=database_now()).pk
    except RunInProgress:
        # A message delivered twice, or somebody's run by hand: the other one does the work.
        logger.warning("segmentation is running already")
        return None


@shared_task
def run_allocations() -> int | None:
    """Sets coupons aside for shoppers; returns for how many plans, or None when another run has not finished."""
    try:
        return len(allocation.run_allocations(now=database_now()))
    except RunInProgress:
        logger.warning("allocation is running already")
        return None
