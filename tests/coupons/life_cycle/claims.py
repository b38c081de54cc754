"""Walks over what becomes of a claim beside orders: given away, taken back, revoked, extended, expired."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from coupons.models import Claim
from coupons.services.claim_states import claim_extend, claim_revoke
from coupons.services.expiry import expire_claims, release_expired_locks
from coupons.services.gifts import expire_gifts, gift_accept, gift_cancel, gift_offer, gift_token
from tests.coupons.life_cycle.machine import WHO, Machine
from tests.coupons.life_cycle.model import GIFT_LASTS, GIFTS_A_DAY, HANDS, ModelClaim, shop_day


class ClaimStates(Machine):
    """Gifts, time and operators."""

    @precondition(lambda self: self.claims)
    @rule(data=st.data())
    def offer(self, data: st.DataObject) -> None:
        index = data.draw(st.integers(0, len(self.claims) - 1))
        known = self.known[index]
        gift = self.attempt(
            self._answer_to_an_offer(known),
            gift_offer,
            claim=self.claims[index],
            giver=self.shoppers[known.shopper],
            message="",
            now=self.now,
        )
        if gift:
            known.state, known.offered_until = "gifting", min(self.now + GIFT_LASTS, known.expires_at)
            self.gifts[index] = gift
            self.offers.append((known.shopper, self.now))

    def _answer_to_an_offer(self, known: ModelClaim) -> str:
        # Where an offer has ended, the next one gives the claim back first.
        if known.state != "available" and not known.is_unaccepted(self.now):
            return known.refusal()
        if known.expires_at <= self.now:
            return "claim_not_usable"
        if known.hands >= HANDS:
            return "gift_refused"
        today = [who for who, at in self.offers if who == known.shopper and shop_day(at) == shop_day(self.now)]
        return "gift_limit_reached" if len(today) >= GIFTS_A_DAY else "ok"

    @precondition(lambda self: self.gifts)
    @rule(data=st.data(), who=WHO)
    def accept(self, data: st.DataObject, who: int) -> None:
        index = data.draw(st.sampled_from(sorted(self.gifts)))
        known = self.known[index]
        expected = "gift_refused" if who == known.shopper else "ok"
        if known.state != "gifting" or known.is_unaccepted(self.now):
            expected = "gift_invalid"
        token = gift_token(gift_id=self.gifts[index].public_id)
        gift = self.attempt(expected, gift_accept, token=token, recipient=self.shoppers[who], now=self.now)
        if gift:
            known.state = "gifted"
            self.claims.append(gift.received)
            self.known.append(ModelClaim(who, self.now, known.expires_at, hands=known.hands + 1))

    @precondition(lambda self: self.gifts)
    @rule(data=st.data())
    def take_back(self, data: st.DataObject) -> None:
        index = data.draw(st.sampled_from(sorted(self.gifts)))
        known = self.known[index]
        expected = "ok" if known.state == "gifting" else "gift_closed"
        giver = self.shoppers[known.shopper]
        self.attempt(expected, gift_cancel, gift=self.gifts[index], giver=giver, now=self.now)
        if expected == "ok":
            known.come_back(self.now)

    @rule()
    def jobs_run(self) -> None:
        unaccepted = [each for each in self.known if each.is_unaccepted(self.now)]
        assert self.run_job(expire_gifts, now=self.now, batch_size=2) in (len(unaccepted), None)
        for each in unaccepted:
            each.come_back(self.now)
        overdue = [order for order in self.known_orders if order.state == "locked" and order.locked_until <= self.now]
        assert self.run_job(release_expired_locks, now=self.now) in (len(overdue), None)
        for order in overdue:
            order.state = "released"
            if order.claim is not None:
                self.known[order.claim].put_back()
        late = [each for each in self.known if each.state == "available" and each.expires_at <= self.now]
        assert self.run_job(expire_claims, now=self.now, batch_size=2) in (len(late), None)
        for each in late:
            each.state = "expired"

    @precondition(lambda self: self.claims)
    @rule(data=st.data())
    def revoke(self, data: st.DataObject) -> None:
        index = data.draw(st.integers(0, len(self.claims) - 1))
        known = self.known[index]
        claim = Claim.objects.get(pk=self.claims[index].pk)
        expected = known.refusal()
        self.attempt(expected, claim_revoke, claim=claim, actor=self.marketer, reason="walk", now=self.now)
        if expected == "ok":
            known.state = "revoked"

    @precondition(lambda self: self.claims)
    @rule(data=st.data(), days=st.integers(1, 9))
    def extend(self, data: st.DataObject, days: int) -> None:
        index = data.draw(st.integers(0, len(self.claims) - 1))
        known = self.known[index]
        until = self.now + timedelta(days=days)
        expected = "ok" if known.state == "expired" else known.refusal()
        if until <= known.expires_at:
            expected = "claim_not_usable"
        claim = Claim.objects.get(pk=self.claims[index].pk)
        self.attempt(expected, claim_extend, claim=claim, until=until, actor=self.marketer, now=self.now)
        if expected == "ok":
            known.state, known.expires_at = "available", until
