from __future__ import annotations

import structlog
from celery import shared_task

from analytics.errors import RunInProgress
from analytics.jobs import response, segmentation, timing
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
def run_response() -> int | None:
    """Scores coupons by probability and value; returns the run's id, or None when another run has not finished."""
    try:
        return response.run_response(now=database_now()).pk
    except RunInProgress:
        logger.warning("response is running already")
        return None


@shared_task
def run_timing() -> int | None:
    """Plans when and how to reach each shopper; returns the run's id, or None when another run has not finished."""
    try:
        return timing.run_timing(now=database_now()).pk
    except RunInProgress:
        logger.warning("timing is running already")
        return None
