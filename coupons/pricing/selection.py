"""Which of the chosen offers apply, and what each of them takes off."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby

from coupons.pricing.benefits.base import Grant
from coupons.pricing.offer import Offer, Phase
from coupons.pricing.quote import Applied, Outcome, Refused
from coupons.pricing.refusal import RefusalCode, RefusalData, Unmet
from coupons.pricing.running_order import RunningOrder

_NEVER = datetime.max.replace(tzinfo=UTC)


def order_of_application(offer: Offer) -> tuple[Phase, int, datetime, str]:
    """Sort key: phase, then higher priority, then earlier expiry, then ``offer_id``."""
    return (offer.phase, -offer.priority, offer.expires_at or _NEVER, offer.offer_id)


def weigh(offer: Offer, order: RunningOrder, now: datetime) -> Grant | Unmet:
    """What the offer would give on the order as it stands, or its own reason why nothing."""
    if offer.expires_at is not None and now >= offer.expires_at:
        return Unmet(RefusalCode.EXPIRED, {"expired_at": offer.expires_at})
    if offer.usable_from is not None and now < offer.usable_from:
        return Unmet(RefusalCode.NOT_YET_VALID, {"usable_from": offer.usable_from})

    if not order.covered_by(offer):
        return Unmet(RefusalCode.NO_ELIGIBLE_PRODUCTS)
    if offer.conditions:
        facts = order.facts(offer, now)
        for condition in offer.conditions:
            unmet = condition.check(facts)
            if unmet is not None:
                return unmet

    grant = offer.benefit.grant(order.part(offer))
    return Unmet(RefusalCode.NOTHING_TO_DISCOUNT) if grant.is_nothing else grant


@dataclass(frozen=True, slots=True)
class Step:
    """An offer that applies, with what it took."""

    offer: Offer
    applied: Applied


class Selection:
    """One pass over the offers in the order of application.

    After ``run``, ``order`` holds the final amounts, ``steps`` the offers that apply in the order
    in which they did, and ``outcomes`` every offer's outcome by ``offer_id``.
    """

    def __init__(self, order: RunningOrder, now: datetime) -> None:
        self.order = order
        self.now = now
        self.steps: list[Step] = []
        self.outcomes: dict[str, Outcome] = {}
        self._before_coupons = order.snapshot()
        self._exclusive_winner: Offer | None = None
        self._group_winners: dict[str, Offer] = {}

    def run(self, offers: Iterable[Offer]) -> None:
        """Settle every offer. The offers' ids must differ."""
        ranked = sorted(offers, key=order_of_application)
        self._run_phase(offer for offer in ranked if offer.phase is Phase.ITEM_PRICE)

        later = [offer for offer in ranked if offer.phase is not Phase.ITEM_PRICE]
        self._before_coupons = self.order.snapshot()
        self._exclusive_winner = self._find_exclusive_winner(later)
        for _, offers_of_phase in groupby(later, key=lambda offer: offer.phase):
            self._run_phase(offers_of_phase)

    def _run_phase(self, offers: Iterable[Offer]) -> None:
        self.order.start_phase()
        for offer in offers:
            self.outcomes[offer.offer_id] = self._settle(offer)

    def _find_exclusive_winner(self, offers: list[Offer]) -> Offer | None:
        """The first exclusive coupon that applies when it is alone; it then takes the order."""
        for offer in offers:
            contends = offer.must_be_alone and self._conflict(offer) is None
            if contends and isinstance(self._weigh_alone(offer), Grant):
                return offer
        return None

    def _settle(self, offer: Offer) -> Outcome:
        conflict = self._conflict(offer)
        if conflict is not None or offer.must_be_alone:
            weighed = self._weigh_alone(offer)
        else:
            weighed = weigh(offer, self.order, self.now)
        if isinstance(weighed, Unmet):
            # Before any conflict: to resolve the conflict would not help the shopper then.
            return _refused(offer, weighed)
        if conflict is not None:
            return _refused(offer, conflict)
        return self._apply(offer, weighed)

    def _apply(self, offer: Offer, grant: Grant) -> Applied:
        applied = self.order.take(offer, grant)
        self.steps.append(Step(offer, applied))
        if offer.stacking_group:
            self._group_winners[offer.stacking_group] = offer
        return applied

    def _weigh_alone(self, offer: Offer) -> Grant | Unmet:
        return weigh(offer, self._before_coupons, self.now)

    def _conflict(self, offer: Offer) -> Unmet | None:
        exclusive_winner = self._exclusive_winner
        if exclusive_winner is not None and offer.is_coupon and offer is not exclusive_winner:
            return Unmet(RefusalCode.EXCLUSIVE_CONFLICT, _naming(exclusive_winner))
        group_winner = self._group_winners.get(offer.stacking_group)
        if group_winner is not None:
            return Unmet(
                RefusalCode.GROUP_TAKEN,
                {**_naming(group_winner), "stacking_group": offer.stacking_group},
            )
        return None


def _refused(offer: Offer, reason: Unmet) -> Refused:
    return Refused(offer.offer_id, offer.coupon_id, reason.code, reason.data)


def _naming(winner: Offer) -> RefusalData:
    return {
        "conflicting_offer_id": winner.offer_id,
        "conflicting_coupon_id": winner.coupon_id,
    }
