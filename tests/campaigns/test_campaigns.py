"""A marketer's decisions about a campaign."""

from __future__ import annotations

from datetime import timedelta

import pytest

from campaigns.enums import CampaignStatus
from campaigns.errors import CampaignEmpty, CampaignOver, CouponNotReady, CouponOutsideCampaign, WrongCampaignState
from campaigns.models import Campaign
from campaigns.selectors.audience import campaign_audience
from campaigns.services.campaigns import campaign_end, campaign_pause, campaign_publish, campaign_resume
from coupons.enums import AudienceKind, CouponState, CouponStatus
from coupons.models import Coupon, Stock
from tests import factories
from tests.campaigns.makers import make_campaign
from tests.factories import NOW
from users.enums import TagSource
from users.models import Tag, User

pytestmark = pytest.mark.django_db


def status_of(coupon: Coupon) -> str:
    return Coupon.objects.get(pk=coupon.pk).status


def test_publishing_publishes_the_drafts_among_its_coupons(marketer: User) -> None:
    draft = factories.make_coupon(state=CouponState.DRAFT)
    live = factories.make_coupon()
    paused = factories.make_coupon(state=CouponState.PAUSED)
    campaign = make_campaign(draft, live, paused)

    published = campaign_publish(campaign=campaign, actor=marketer, now=NOW)

    assert published.status == CampaignStatus.PUBLISHED
    assert Campaign.objects.live(NOW).get() == campaign
    assert [status_of(coupon) for coupon in (draft, live, paused)] == ["published", "published", "paused"]
    entry = published.history.latest()
    assert (entry.history_user, entry.history_change_reason) == (marketer, "published")


@pytest.mark.parametrize("coupon_count", [0, 1])
def test_a_campaign_needs_a_coupon_that_can_be_claimed(marketer: User, coupon_count: int) -> None:
    campaign = make_campaign(*[factories.make_coupon(state=CouponState.ENDED) for _ in range(coupon_count)])

    with pytest.raises(CampaignEmpty):
        campaign_publish(campaign=campaign, actor=marketer, now=NOW)


def test_a_campaign_whose_time_is_over_cannot_be_published(marketer: User) -> None:
    campaign = make_campaign(factories.make_coupon(), ends_at=NOW)

    with pytest.raises(CampaignOver) as refusal:
        campaign_publish(campaign=campaign, actor=marketer, now=NOW)

    assert refusal.value.data == {"ended_at": NOW}


@pytest.mark.parametrize(
    "window",
    [
        {"starts_at": factories.LONG_AGO + timedelta(seconds=1)},
        {"ends_at": factories.LONG_FROM_NOW - timedelta(seconds=1)},
    ],
)
def test_a_coupon_must_be_claimable_only_while_the_campaign_runs(marketer: User, window: dict[str, object]) -> None:
    coupon = factories.make_coupon(state=CouponState.DRAFT, title_en="Early bird")
    campaign = make_campaign(coupon, **window)

    with pytest.raises(CouponOutsideCampaign) as refusal:
        campaign_publish(campaign=campaign, actor=marketer, now=NOW)

    assert refusal.value.data["coupon"] == str(coupon.public_id)
    assert "Early bird" in refusal.value.sentence
    assert status_of(coupon) == CouponStatus.DRAFT


def test_one_coupon_that_is_not_ready_holds_up_all_and_is_named(marketer: User) -> None:
    ready = factories.make_coupon(state=CouponState.DRAFT)
    without_stock = factories.make_coupon(state=CouponState.DRAFT, title_en="Unstocked")
    Stock.objects.filter(coupon=without_stock).delete()
    campaign = make_campaign(ready, without_stock)

    with pytest.raises(CouponNotReady) as refusal:
        campaign_publish(campaign=campaign, actor=marketer, now=NOW)

    assert refusal.value.data["reason"] == "no_stock"
    assert refusal.value.sentence == "Unstocked: Say how many coupons there are before publishing."
    assert status_of(ready) == CouponStatus.DRAFT
    assert Campaign.objects.get().status == CampaignStatus.DRAFT


def test_pausing_stops_its_coupons_and_resuming_goes_on(marketer: User) -> None:
    coupon = factories.make_coupon()
    campaign = make_campaign(coupon, status=CampaignStatus.PUBLISHED)

    campaign = campaign_pause(campaign=campaign, actor=marketer, now=NOW)
    assert (campaign.status, status_of(coupon)) == (CampaignStatus.PAUSED, CouponStatus.PAUSED)

    campaign = campaign_resume(campaign=campaign, actor=marketer, now=NOW)
    assert (campaign.status, status_of(coupon)) == (CampaignStatus.PUBLISHED, CouponStatus.PUBLISHED)


def test_ending_ends_its_coupons_for_good(marketer: User) -> None:
    live, paused = factories.make_coupon(), factories.make_coupon(state=CouponState.PAUSED)
    draft = factories.make_coupon(state=CouponState.DRAFT)
    campaign = make_campaign(live, paused, draft, status=CampaignStatus.PUBLISHED)

    assert campaign_end(campaign=campaign, actor=marketer, now=NOW).status == CampaignStatus.ENDED

    assert [status_of(coupon) for coupon in (live, paused, draft)] == ["ended", "ended", "draft"]


@pytest.mark.parametrize("service", [campaign_pause, campaign_end])
def test_a_coupon_of_another_running_campaign_goes_on(marketer: User, service: object) -> None:
    shared, own = factories.make_coupon(), factories.make_coupon()
    campaign = make_campaign(shared, own, status=CampaignStatus.PUBLISHED)
    make_campaign(shared, status=CampaignStatus.PUBLISHED)

    service(campaign=campaign, actor=marketer, now=NOW)  # type: ignore[operator]  # one of the services above

    assert status_of(shared) == CouponStatus.PUBLISHED
    assert status_of(own) != CouponStatus.PUBLISHED


@pytest.mark.parametrize(
    ("service", "status"),
    [
        (campaign_publish, CampaignStatus.PUBLISHED),
        (campaign_publish, CampaignStatus.ENDED),
        (campaign_pause, CampaignStatus.DRAFT),
        (campaign_pause, CampaignStatus.PAUSED),
        (campaign_resume, CampaignStatus.PUBLISHED),
        (campaign_resume, CampaignStatus.ENDED),
        (campaign_end, CampaignStatus.DRAFT),
        (campaign_end, CampaignStatus.ENDED),
    ],
)
def test_a_decision_that_does_not_fit_the_state_is_refused(
    marketer: User, service: object, status: CampaignStatus
) -> None:
    campaign = make_campaign(factories.make_coupon(), status=status)

    with pytest.raises(WrongCampaignState) as refusal:
        service(campaign=campaign, actor=marketer, now=NOW)  # type: ignore[operator]  # one of the services above

    assert refusal.value.data == {"state": status}


def test_a_stale_page_cannot_publish_twice(marketer: User) -> None:
    campaign = make_campaign(factories.make_coupon())
    stale = Campaign.objects.get(pk=campaign.pk)
    campaign_publish(campaign=campaign, actor=marketer, now=NOW)

    with pytest.raises(WrongCampaignState):
        campaign_publish(campaign=stale, actor=marketer, now=NOW)


def test_the_audience_is_everybody_who_may_claim_one_of_the_coupons(shopper: User, marketer: User) -> None:
    tagged = factories.make_shopper()
    Tag.objects.create(shopper=tagged, name="loyal", source=TagSource.MARKETER, set_at=factories.LONG_AGO)
    past = factories.make_shopper()
    Tag.objects.create(shopper=past, name="loyal", source=TagSource.MARKETER, set_at=factories.LONG_AGO, expires_at=NOW)
    closed = factories.make_shopper(is_active=False)
    for_loyal = factories.make_coupon(audience=AudienceKind.TAGGED, audience_tag="loyal")
    for_new = factories.make_coupon(audience=AudienceKind.NEW_SHOPPERS)
    with_code = factories.make_coupon(handout="code")

    def audience(*coupons: Coupon) -> set[User]:
        return set(campaign_audience(campaign=make_campaign(*coupons), now=NOW))

    assert audience(for_loyal) == {tagged}
    assert audience(for_loyal, for_new) == {shopper, tagged, past}
    assert audience(factories.make_coupon()) == {shopper, tagged, past}
    assert audience(with_code) == set()
    assert not {closed, marketer} & audience(for_new)
