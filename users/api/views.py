"""Shoppers and events, written by the shop's backend."""

from __future__ import annotations

from rest_framework.request import Request
from rest_framework.response import Response

from config.kernel.api.schema import operation
from config.kernel.api.views import ApiView
from config.kernel.clock import database_now
from users.api.serializers import (
    EventBatchResultSerializer,
    EventBatchSerializer,
    ShopperSerializer,
    ShopperWriteSerializer,
)
from users.errors import EmailTaken, EventsRefused, PhoneTaken
from users.services.events import EventDraft, events_ingest
from users.services.shoppers import shopper_upsert

EXAMPLE_SHOPPER = "0197a3c2-5d1e-7b40-8a55-0c3f6b1d2e3f"


class EventsView(ApiView):
    scopes = {"POST": "events:write"}
    integrators_only = True

    @operation(
        id="events_ingest",
        tag="events",
        summary="Send behaviour events",
        description=(
            "Stores up to 1,000 events, each once: an event whose `event_id` you sent before is a duplicate and "
            "changes nothing, so a batch may simply be sent again. One wrong event refuses the whole batch and is "
            "named by its index."
        ),
        request=EventBatchSerializer,
        request_example={
            "events": [
                {
                    "event_id": "view-20261121-000184",
                    "kind": "view",
                    "shopper_external_id": "customer-1042",
                    "product_sku": "1029743",
                    "occurred_at": "2026-11-21T12:03:11+08:00",
                }
            ]
        },
        response=EventBatchResultSerializer,
        response_example={
            "accepted": 1,
            "duplicates": 0,
            "results": [{"event_id": "view-20261121-000184", "status": "accepted"}],
        },
        refusals=[
            EventsRefused(
                [{"parameter": "events[3].shopper", "code": "shopper_unknown", "message": "There is no such shopper."}]
            )
        ],
        integrators_only=True,
    )
    def post(self, request: Request) -> Response:
        drafts = [EventDraft(**event) for event in self.read_body(EventBatchSerializer)["events"]]
        result = events_ingest(sender=self.caller.id, events=drafts, now=database_now())
        outcomes = [
            {"event_id": draft.event_id, "status": "accepted" if is_new else "duplicate"}
            for draft, is_new in zip(drafts, result.is_new, strict=True)
        ]
        return Response({"accepted": result.accepted, "duplicates": result.duplicates, "results": outcomes})


class ShopperView(ApiView):
    scopes = {"PUT": "shoppers:write"}
    integrators_only = True

    @operation(
        id="shopper_upsert",
        tag="shoppers",
        summary="Create or update a shopper",
        description=(
            "Creates the shopper under your own id, or changes the one there is; what you leave out stays as it is. "
            "Safe to repeat. Name, e-mail, phone and birthday are encrypted at rest and never read back."
        ),
        request=ShopperWriteSerializer,
        request_example={"name": "Mei", "email": "mei@example.com", "language": "zh-hans"},
        response={200: ShopperSerializer, 201: ShopperSerializer},
        response_example={
            "id": EXAMPLE_SHOPPER,
            "external_id": "customer-1042",
            "language": "zh-hans",
            "joined_at": "2026-11-21T04:00:00Z",
        },
        refusals=[EmailTaken(parameter="email"), PhoneTaken(parameter="phone")],
        integrators_only=True,
    )
    def put(self, request: Request, external_id: str) -> Response:
        changes = self.read_body(ShopperWriteSerializer)
        shopper, is_new = shopper_upsert(external_id=external_id, changes=changes, now=database_now())
        return Response(ShopperSerializer(shopper).data, status=201 if is_new else 200)
