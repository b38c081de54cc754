"""Tickets of coupons in queued mode."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.urls import reverse
from rest_framework.request import Request
from rest_framework.response import Response

from config.kernel.api.schema import operation
from config.kernel.api.serializers import represent
from config.kernel.api.views import REPLAYED_HEADER, ApiView
from config.kernel.clock import database_now
from config.kernel.errors import NotFound
from coupons.api import examples
from coupons.api.serializers.tickets import ClaimTicketSerializer
from coupons.enums import TicketState
from coupons.models import Coupon
from coupons.services.queueing import Ticket, queued_coupon, ticket_read


class ClaimTicketView(ApiView):
    scopes = {"GET": "claims:read"}

    @operation(
        id="claim_tickets_read",
        tag="claims",
        summary="Read a ticket of a queued claim",
        description=(
            "A claim of a coupon in queued mode answers 202 with a ticket. It waits, and says at which place, until "
            "it is granted or refused. Look again after `retry_after` seconds."
        ),
        response=ClaimTicketSerializer,
        response_example=examples.CLAIM_TICKET,
        refusals=[NotFound()],
    )
    def get(self, request: Request, ticket: UUID) -> Response:
        return ticket_response(ticket_read(ticket=ticket, shopper=self.caller.account), status=200)


def queue_of(body: Mapping[str, Any]) -> Coupon | None:
    """Returns the queue that a claim has to go through: a code passes it by, and so do terms, which no queue takes."""
    if "coupon" not in body or "terms" in body:
        return None
    return queued_coupon(public_id=body["coupon"])


def ticket_response(ticket: Ticket, *, status: int) -> Response:
    """Answers with a ticket."""
    headers = {"Location": reverse("api:claim_ticket", args=[ticket.id])} if status == 202 else {}
    if ticket.retry_after is not None:
        headers["Retry-After"] = str(ticket.retry_after)
    if ticket.is_repeated:
        headers[REPLAYED_HEADER] = "true"
    # The time matters to a claim alone, and costs a question.
    context = {"now": database_now()} if ticket.state == TicketState.GRANTED else {}
    return Response(represent(ClaimTicketSerializer, ticket, **context), status=status, headers=headers)
