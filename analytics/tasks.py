from __future__ import annotations

import structlog
from celery import shared_task

from analytics.errors import RunInProgress
from analytics.jobs import recommendation, segmentation
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
def run_recommendation() -> int | None:
    """Lists the coupons that suit each shopper; returns the run's id, or None when another run has not finished."""
    try:
        return recommendation.run_recommendation(now=database_now()).pk
    except RunInProgress:
        logger.warning("recommendation is running already")
        return None
