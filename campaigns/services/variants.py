"""Leading shoppers to one coupon of a group, and what the nightly run hands down and writes back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import F, OuterRef, Subquery
from django.db.models.functions import Coalesce
from django.utils.crypto import salted_hmac

from campaigns.drawing import chance_of, drawn
from campaigns.errors import NothingToOffer
from campaigns.models import Decision, DecisionReward, VariantArm, VariantGroup, VariantShare
from config.kernel.clock import shop_date
from coupons.enums import CouponState, Handout
from coupons.models import Coupon
from coupons.selectors.audience import reason_not_for
from coupons.selectors.showcase import remaining_stock
from users.models import User
from users.selectors.segments import segment_tag_of

BATCH_ROWS = 1000
# Of the hash that draws: nobody else's, or another secret's new key would lead everybody elsewhere.
HASH_CONTEXT = "campaigns.services.variants"


def variant_decide(*, group: VariantGroup, shopper: User, now: datetime) -> Decision:
    """Returns to which coupon of a group a shopper is led today, deciding it if that has not been done.

    Only coupons that this shopper can claim now take part; what is logged is the chance among these. Two requests at
    once draw the same and write it once.

    Raises:
        NothingToOffer: the group is off, none of its coupons can be claimed, or today's is over.
    """
    if not group.is_active:
        raise NothingToOffer
    today = shop_date(now)
    made = Decision.objects.filter(group=group, shopper=shopper, day=today).select_related("coupon").first()
    if made is not None:
        if made.coupon.state(now) != CouponState.LIVE:
            raise NothingToOffer
        return made
    segment = segment_tag_of(shopper, now=now)
    arms = _open_arms(group, shopper, segment, now)
    if not arms:
        raise NothingToOffer
    # Read in one statement with the shares, so that both are of one night.
    policy = arms[0].group.policy
    shares = _chances_of([arm.share_here for arm in arms])  # type: ignore[attr-defined]  # annotated by _open_arms
    chance = chance_of(salt=_salt(), parts=["variant", group.public_id, policy, shopper.pk, today])
    place = drawn(shares, chance=chance)
    decision, _created = Decision.objects.get_or_create(
        group=group,
        shopper=shopper,
        day=today,
        defaults={
            "coupon": arms[place].coupon,
            "propensity": shares[place],
            "policy": policy,
            "segment": segment,
            "decided_at": now,
        },
    )
    return decision


@transaction.atomic
def variant_shares_publish(
    *, group: VariantGroup, shares: Mapping[int, float], by_segment: Mapping[str, Mapping[int, float]], policy: int
) -> None:
    """Makes the shares of a group's arms these, under the number of the model that they come from.

    Args:
        shares: by coupon id; an arm that is not among them counts as the mean of the others.
        by_segment: the same for the shoppers who have one of these tags.
    """
    # Two who publish at once do it one after the other, and so does a marketer who saves the group; requests see the
    # one or the other, never a mixture.
    VariantGroup.objects.select_for_update().get(pk=group.pk)
    arms = list(VariantArm.objects.select_for_update().filter(group=group).order_by("pk"))
    for arm in arms:
        arm.share = shares.get(arm.coupon_id)
        arm.save(update_fields=["share"])
    VariantShare.objects.filter(arm__in=arms).delete()
    VariantShare.objects.bulk_create(
        VariantShare(arm=arm, segment=segment, share=of_segment[arm.coupon_id])
        for segment, of_segment in by_segment.items()
        for arm in arms
        if arm.coupon_id in of_segment
    )
    VariantGroup.objects.filter(pk=group.pk).update(policy=policy)
    group.policy = policy


def decision_rewards_write(*, outcomes: Iterable[DecisionReward]) -> int:
    """Writes what came of decisions; one that has been measured already stays as it was. Returns how many came in."""
    rows = list(outcomes)
    DecisionReward.objects.bulk_create(rows, batch_size=BATCH_ROWS, ignore_conflicts=True)
    return len(rows)


def _salt() -> bytes:
    digest: bytes = salted_hmac(HASH_CONTEXT, "salt", algorithm="sha256").digest()
    return digest


def _open_arms(group: VariantGroup, shopper: User, segment: str, now: datetime) -> list[VariantArm]:
    """Returns the arms that the shopper can claim; `share_here` is the share of the segment, or else of everybody."""
    coupons = Coupon.objects.live(now).filter(handout=Handout.SHOWCASE)
    coupons = coupons.annotate(remaining=remaining_stock(), not_for_shopper=reason_not_for(shopper, now))
    open_coupons = coupons.filter(not_for_shopper="").exclude(remaining=0)
    arms = group.arms.filter(coupon__in=open_coupons.values("pk"))
    of_segment = VariantShare.objects.filter(arm=OuterRef("pk"), segment=segment).values("share")
    arms = arms.annotate(share_here=Coalesce(Subquery(of_segment), F("share")))
    return list(arms.select_related("coupon", "group").order_by("pk"))


def _chances_of(published: Sequence[float | None]) -> list[float]:
    """Returns the chances of arms, which sum to 1; one without a published share counts as the mean of the others."""
    known = [share for share in published if share is not None]
    usual = sum(known) / len(known) if known and sum(known) > 0 else 1.0
    shares = [usual if share is None else share for share in published]
    total = sum(shares)
    return [share / total for share in shares] if total > 0 else [1 / len(published)] * len(published)
