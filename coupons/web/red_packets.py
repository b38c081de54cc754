"""A red packet: the wait, the moment it opens, and who got what."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID, uuid4

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from config.kernel.addresses import client_address
from config.kernel.clock import database_now
from config.kernel.errors import Busy, DomainError, NotFound, Throttled
from coupons.enums import RedPacketStanding
from coupons.models import RedPacket, RedPacketShare
from coupons.selectors.red_packets import is_meant_for, luckiest_share, red_packet_known, share_held, shares_taken
from coupons.web.claiming import grab_once
from users.masking import mask_name
from users.models import User
from users.web.people import shopper_of, to_sign_in, wants_fragment

REFUSED = 409
# The list grows by so many names; longer than any list a person scrolls through, it ends.
PAGE_SIZE = 30
LAST_PAGE = 20
DONE = (RedPacketStanding.ALL_TAKEN, RedPacketStanding.OVER)
BOARD = "red-packet-board"

# What the envelope shows: how the packet stands, unless the visitor has a share or cannot get one.
Face = RedPacketStanding | Literal["mine", "not_meant"]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of who got what; a name as far as everybody may know it."""

    name: str
    share: RedPacketShare
    is_mine: bool
    is_luckiest: bool


@dataclass(frozen=True, slots=True)
class Look:
    """A red packet as one visitor sees it; `key` names the one attempt that its button stands for.

    `rows` is empty for who has not opened it yet: looking on is for afterwards.
    """

    packet: RedPacket
    face: Face
    share: RedPacketShare | None
    taken_count: int
    rows: list[Row]
    next_page: int
    page: int
    # Whether more may happen while one looks on.
    is_live: bool
    key: str


@require_safe
@never_cache
@vary_on_headers("HX-Request", "HX-Target")
def red_packet(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """The packet; htmx gets the envelope alone when its time has come, or the list as it grows."""
    look = _look_or_404(public_id, shopper_of(request), database_now(), page=_page_of(request.GET.get("page", "")))
    if wants_fragment(request):
        is_board = request.headers.get("HX-Target") == BOARD
        part = "red_packet_board.html" if is_board else "red_packet_whole.html"
        return render(request, f"coupons/partials/{part}", {"look": look})
    return render(request, "coupons/red_packet.html", {"look": look, "now": database_now()})


@require_POST
def open_packet(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Grabs a share for whoever is signed in, or says precisely why not."""
    shopper = shopper_of(request)
    now = database_now()
    try:
        packet = red_packet_known(public_id=public_id)
    except NotFound as error:
        raise Http404 from error
    if shopper is None:
        return to_sign_in(request, back_to=packet.get_absolute_url())
    refusal = ""
    try:
        grab_once(
            shopper=shopper,
            packet=packet,
            address=client_address(request),
            key=request.POST.get("key", ""),
            now=now,
        )
    except (Busy, Throttled):
        raise
    except DomainError as error:
        refusal = error.sentence
    if wants_fragment(request):
        context = {"look": _look_or_404(public_id, shopper, now), "refusal": refusal, "is_answer": not refusal}
        status = REFUSED if refusal else 200
        return render(request, "coupons/partials/red_packet_whole.html", context, status=status)
    if refusal:
        messages.error(request, refusal)
    else:
        messages.success(request, _("It is yours! You find it in your wallet."))
    return redirect(packet)


def _look_or_404(public_id: UUID, shopper: User | None, now: datetime, *, page: int = 1) -> Look:
    try:
        packet = red_packet_known(public_id=public_id)
    except NotFound as error:
        raise Http404 from error
    share, standing = share_held(packet=packet, shopper=shopper), packet.standing(now)
    rows = _rows(packet, shopper, standing, page) if share is not None or standing in DONE else []
    taken_count: int = packet.taken_count  # type: ignore[attr-defined]  # annotated
    return Look(
        packet=packet,
        face=_face(packet, shopper, share, standing),
        share=share,
        taken_count=taken_count,
        rows=rows,
        next_page=page + 1 if rows and len(rows) < taken_count and page < LAST_PAGE else 0,
        page=page,
        is_live=standing in (RedPacketStanding.OPEN, RedPacketStanding.PAUSED),
        key=str(uuid4()),
    )


def _face(packet: RedPacket, shopper: User | None, share: RedPacketShare | None, standing: RedPacketStanding) -> Face:
    if share is not None:
        return "mine"
    if standing not in DONE and not is_meant_for(packet=packet, shopper=shopper):
        return "not_meant"
    return standing


def _rows(packet: RedPacket, shopper: User | None, standing: RedPacketStanding, page: int) -> list[Row]:
    # Before the last share is taken, the largest may still be in the packet.
    luckiest = luckiest_share(packet=packet) if standing == RedPacketStanding.ALL_TAKEN else None
    rows: list[Row] = []
    for share in shares_taken(packet=packet)[: page * PAGE_SIZE]:
        is_mine = shopper is not None and share.shopper_id == shopper.pk
        name: Any = share.shopper.name if share.shopper is not None else ""
        rows.append(Row(_shown_name(name, is_mine), share, is_mine, share == luckiest and packet.share_count > 1))
    return rows


def _shown_name(name: str, is_mine: bool) -> str:
    return _("You") if is_mine else mask_name(name.strip()) or _("A shopper")


def _page_of(text: str) -> int:
    is_number = text.isascii() and text.isdigit() and len(text) <= 4
    return min(max(int(text), 1), LAST_PAGE) if is_number else 1
