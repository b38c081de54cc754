"""Background work; each task may run twice or beside itself without harm."""

from __future__ import annotations

from celery import shared_task

from config.kernel.clock import database_now
from coupons.services import code_batches, expiry, gate_reconciling, gifts, lotteries, queueing, red_packets
from coupons.services.release_batches import release_batches_open_due
from coupons.services.stock_heat import stock_gather_cold
from coupons.services.waiting import waiting_grant_due


@shared_task
def expire_claims() -> int:
    """Expires claims whose time is over; returns how many."""
    return expiry.expire_claims(now=database_now())


@shared_task
def release_expired_locks() -> int:
    """Releases orders that were not paid in time; returns how many."""
    return expiry.release_expired_locks(now=database_now())


@shared_task
def run_code_batch(batch_id: int) -> int:
    """Makes or reads the codes of a batch; returns how many rows were finished."""
    return code_batches.code_batch_run(batch_id=batch_id, now=database_now())


@shared_task
def run_code_batches() -> int:
    """Goes on with batches that no worker heard of or that a crash left behind; returns how many rows."""
    return code_batches.code_batches_run(now=database_now())


@shared_task
def expire_gifts() -> int:
    """Gives coupons back that nobody accepted in time; returns how many."""
    return gifts.expire_gifts(now=database_now())


@shared_task
def close_red_packets() -> int:
    """Closes red packets whose time is over and returns what nobody grabbed; returns how many."""
    return red_packets.close_red_packets(now=database_now())


@shared_task
def reconcile_gates() -> int:
    """Compares the gates of hot coupons with the database and repairs them; returns how many differences it found."""
    return gate_reconciling.reconcile_gates(now=database_now()).total


@shared_task
def open_release_batches() -> int:
    """Opens the slices of stock whose time has come; returns how many."""
    return release_batches_open_due(now=database_now())


@shared_task
def grant_waiting() -> int:
    """Hands returned stock to those who wait for it; returns how many got one."""
    return waiting_grant_due(now=database_now())


@shared_task
def delete_old_tickets() -> int:
    """Deletes answers to places in queues that nobody asks for any more; returns how many."""
    return queueing.tickets_delete_old(now=database_now())


@shared_task
def draw_lotteries() -> int:
    """Fixes the entries of lotteries that have closed and draws from those fixed before; returns how many it drew."""
    return lotteries.draw_lotteries(now=database_now())


@shared_task
def gather_stock() -> int:
    """Puts the stock of coupons that nobody wants any more back into one row each; returns how many."""
    return stock_gather_cold(now=database_now())
