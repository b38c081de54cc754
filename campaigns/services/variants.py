"""Leading shoppers to one coupon of a group, and what the nightly run hands down and writes back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from django.conf import settings
from django.db import transaction

from campaigns.drawing import chance_of, drawn
from campaigns.errors import NothingToOffer
from campaigns.models import Decision, DecisionReward, VariantArm, VariantGroup
from config.kernel.clock import shop_date
from coupons.enums import CouponState, Handout
from coupons.errors import NotEligible
from coupons.models import Coupon
from coupons.selectors.showcase import remaining_stock
from coupons.services.claim_refusals import refuse_unless_in_audience
from users.models import User

BATCH_ROWS = 1000


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
    arms = _open_arms(group, shopper, now)
    if not arms:
        raise NothingToOffer
    # Read in one statement with the shares, so that both are of one night.
    policy = arms[0].group.policy
    shares = shares_of(arms)
    chance = chance_of(salt=settings.BLIND_INDEX_KEY, parts=["variant", group.public_id, policy, shopper.pk, today])
    place = drawn(shares, chance=chance)
    decision, _created = Decision.objects.get_or_create(
        group=group,
        shopper=shopper,
        day=today,
        defaults={
            "coupon": arms[place].coupon,
            "propensity": shares[place],
            "policy": policy,
            "decided_at": now,
        },
    )
    return decision


def shares_of(arms: Sequence[VariantArm]) -> list[float]:
    """Returns the chances of arms, which sum to 1; one without a published share counts as the mean of the others."""
    known = [arm.share for arm in arms if arm.share is not None]
    usual = sum(known) / len(known) if known and sum(known) > 0 else 1.0
    shares = [usual if arm.share is None else arm.share for arm in arms]
    total = sum(shares)
    return [share / total for share in shares] if total > 0 else [1 / len(arms)] * len(arms)


@transaction.atomic
def variant_shares_publish(*, group: VariantGroup, shares: Mapping[int, float], policy: int) -> None:
    """Makes the shares of a group's arms these, under the number of the model that they come from.

    Args:
        shares: by coupon id; an arm that is not among them counts as the mean of the others.
    """
    # Two who publish at once do it one after the other, and so does a marketer who saves the group; requests see the
    # one or the other, never a mixture.
    VariantGroup.objects.select_for_update().get(pk=group.pk)
    for arm in VariantArm.objects.select_for_update().filter(group=group).order_by("pk"):
        arm.share = shares.get(arm.coupon_id)
        arm.save(update_fields=["share"])
    VariantGroup.objects.filter(pk=group.pk).update(policy=policy)
    group.policy = policy


def decision_rewards_write(*, outcomes: Iterable[DecisionReward]) -> int:
    """Writes what came of decisions; one that has been measured already stays as it was. Returns how many came in."""
    rows = list(outcomes)
    DecisionReward.objects.bulk_create(rows, batch_size=BATCH_ROWS, ignore_conflicts=True)
    return len(rows)


def _open_arms(group: VariantGroup, shopper: User, now: datetime) -> list[VariantArm]:
    coupons = Coupon.objects.live(now).filter(handout=Handout.SHOWCASE).annotate(remaining=remaining_stock())
    arms = group.arms.filter(coupon__in=coupons.exclude(remaining=0).values("pk"))
    arms = arms.select_related("coupon", "group").order_by("pk")
    # A group has a handful of arms.
    return [arm for arm in arms if _is_for(arm.coupon, shopper, now)]


def _is_for(coupon: Coupon, shopper: User, now: datetime) -> bool:
    try:
        refuse_unless_in_audience(coupon, shopper, now)
    except NotEligible:
        return False
    return True
