"""A lottery: the wait, the entry, the result, and what the draw can be checked with."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID, uuid4

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from config.kernel.addresses import client_address
from config.kernel.clock import database_now
from config.kernel.errors import Busy, DomainError, NotFound
from coupons.enums import LotteryStanding
from coupons.models import Lottery, LotteryEntry
from coupons.selectors.lotteries import entry_held, lottery_known, proof_parts
from coupons.web.claiming import enter_once
from users.models import User
from users.web.people import shopper_of, to_sign_in, wants_fragment

REFUSED = 409

# What the visitor is told: how the lottery stands, unless there is something to say of their own entry.
Face = LotteryStanding | Literal["entered", "won", "not_won"]


@dataclass(frozen=True, slots=True)
class Look:
    """A lottery as one visitor sees it; `key` names the one attempt that its button stands for."""

    lottery: Lottery
    face: Face
    entry: LotteryEntry | None
    key: str

    @property
    def awaits(self) -> Literal["", "opens_at", "closes_at", "draw"]:
        """What the page will change by, if it is left open."""
        match self.face:
            case LotteryStanding.UPCOMING:
                return "opens_at"
            case LotteryStanding.OPEN | "entered":
                return "closes_at"
            case LotteryStanding.CLOSED:
                return "draw"
            case _:
                return ""


@require_safe
@never_cache
@vary_on_headers("HX-Request")
def lottery(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """The lottery; htmx gets its heart alone when the time has come."""
    look = _look_or_404(public_id, shopper_of(request), database_now())
    if wants_fragment(request):
        return render(request, "coupons/partials/lottery_whole.html", {"look": look})
    return render(request, "coupons/lottery.html", {"look": look, "now": database_now()})


@require_POST
def enter(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Enters whoever is signed in, or says precisely why not."""
    shopper = shopper_of(request)
    now = database_now()
    lottery = _lottery_or_404(public_id)
    if shopper is None:
        return to_sign_in(request, back_to=lottery.get_absolute_url())
    refusal = ""
    try:
        enter_once(
            shopper=shopper,
            lottery=lottery,
            address=client_address(request),
            key=request.POST.get("key", ""),
            now=now,
        )
    except Busy:
        raise
    except DomainError as error:
        refusal = error.sentence
    if wants_fragment(request):
        context = {"look": _look_or_404(public_id, shopper, now), "refusal": refusal, "is_answer": not refusal}
        return render(request, "coupons/partials/lottery_whole.html", context, status=REFUSED if refusal else 200)
    if refusal:
        messages.error(request, refusal)
    else:
        messages.success(request, _("You are in! Come back after the draw."))
    return redirect(lottery)


@require_safe
def proof(request: HttpRequest, public_id: UUID) -> StreamingHttpResponse:
    """The public file of a lottery, for whoever wants to draw again."""
    lottery = _lottery_or_404(public_id)
    return StreamingHttpResponse(
        (part.encode() for part in proof_parts(lottery)),
        content_type="application/json",
        headers={"Content-Disposition": f'attachment; filename="lottery-{lottery.public_id}.json"'},
    )


def _lottery_or_404(public_id: UUID) -> Lottery:
    try:
        return lottery_known(public_id=public_id)
    except NotFound as error:
        raise Http404 from error


def _look_or_404(public_id: UUID, shopper: User | None, now: datetime) -> Look:
    lottery = _lottery_or_404(public_id)
    entry, standing = entry_held(lottery=lottery, shopper=shopper), lottery.standing(now)
    return Look(lottery=lottery, face=_face(entry, standing), entry=entry, key=str(uuid4()))


def _face(entry: LotteryEntry | None, standing: LotteryStanding) -> Face:
    if entry is None:
        return standing
    match standing:
        case LotteryStanding.DRAWN:
            return "won" if entry.rank is not None else "not_won"
        case LotteryStanding.OPEN | LotteryStanding.PAUSED:
            return "entered"
        case _:
            return standing
