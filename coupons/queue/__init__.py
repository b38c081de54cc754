"""Queued mode: the queue of one coupon in a Redis stream, beside its gate.

A request takes a place, in one step and without the database; a granter serves the places in their order, many in one
transaction, and takes them off the stream only after the commit. What stands here is a promise to be answered, never
a claim: whoever loses Redis loses places, and nothing that was won.
"""

from coupons.queue.queue import Place, Queue, coupons_with_queues, key_give_back, key_take
from coupons.queue.tickets import TicketId, parse_ticket_id, ticket_id_of

__all__ = [
    "Place",
    "Queue",
    "TicketId",
    "coupons_with_queues",
    "key_give_back",
    "key_take",
    "parse_ticket_id",
    "ticket_id_of",
]
