"""A marketer runs a campaign: its coupons go along, every decision goes through a service."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from campaigns.admin.campaign import CampaignCouponInline
from campaigns.models import Campaign, CampaignCoupon
from config.kernel.admin_tools import ShopTabularInline
from config.kernel.lots import border_of
from coupons.enums import CouponState, CouponStatus
from coupons.models import Coupon
from tests import factories
from users.models import User

DIALOG = {"_form_submitted": "on"}


@pytest.fixture
def campaign(db: None) -> Campaign:
    """A draft campaign around a draft coupon."""
    campaign = Campaign.objects.create(
        key="autumn",
        title_en="Autumn",
        starts_at=factories.LONG_AGO - timedelta(days=1),
        ends_at=factories.LONG_FROM_NOW + timedelta(days=1),
    )
    CampaignCoupon.objects.create(campaign=campaign, coupon=factories.make_coupon(state=CouponState.DRAFT))
    return campaign


def page_of(campaign: Campaign, action: str = "change") -> str:
    return reverse(f"admin:campaigns_campaign_{action}", args=[campaign.pk])


def new_campaign(coupon: Coupon, **changes: Any) -> dict[str, Any]:
    return {
        "title_zh": "秋",
        "title_en": "Autumn",
        "description_zh": "",
        "description_en": "",
        "key": "autumn",
        "kind": "drop",
        "starts_at_0": "2026-11-01",
        "starts_at_1": "",
        "ends_at_0": "2026-11-30",
        "ends_at_1": "",
        "campaign_coupons-TOTAL_FORMS": "1",
        "campaign_coupons-INITIAL_FORMS": "0",
        "campaign_coupons-0-position": "0",
        "campaign_coupons-0-coupon": str(coupon.pk),
        **changes,
    }


def test_a_campaign_is_made_with_its_coupons(marketer_client: Client, coupon: Coupon) -> None:
    response = marketer_client.post(reverse("admin:campaigns_campaign_add"), new_campaign(coupon))
    assert response.status_code == 302, response.context["errors"]
    campaign = Campaign.objects.get()
    assert campaign.status == "draft"
    assert list(campaign.coupons.all()) == [coupon]
    assert campaign.ends_at - campaign.starts_at == timedelta(days=30)


def test_buttons_decide_for_the_campaign_and_its_coupons(
    marketer_client: Client, plain_marketer: User, campaign: Campaign
) -> None:
    steps = [
        ("publish", "published", CouponStatus.PUBLISHED),
        ("pause", "paused", CouponStatus.PAUSED),
        ("resume", "published", CouponStatus.PUBLISHED),
        ("end", "ended", CouponStatus.ENDED),
    ]
    for action, status, coupon_status in steps:
        assert marketer_client.get(page_of(campaign, action)).status_code == 200
        assert "HX-Redirect" in marketer_client.post(page_of(campaign, action), DIALOG)
        campaign.refresh_from_db()
        assert campaign.status == status
        assert campaign.coupons.get().status == coupon_status
        assert campaign.history.latest().history_user == plain_marketer


def test_list_actions_go_through_the_services_too(marketer_client: Client, campaign: Campaign) -> None:
    sent = {"action": "publish_selected", "_selected_action": [campaign.pk]}
    marketer_client.post(reverse("admin:campaigns_campaign_changelist"), sent)
    campaign.refresh_from_db()
    assert campaign.status == "published"


def test_status_cannot_be_posted_nor_an_old_version_brought_back(superuser_client: Client, campaign: Campaign) -> None:
    entry = campaign.campaign_coupons.get()
    sent = new_campaign(entry.coupon, status="ended", **{"campaign_coupons-INITIAL_FORMS": "1"})
    sent |= {"campaign_coupons-0-id": entry.pk, "campaign_coupons-0-campaign": campaign.pk}
    assert superuser_client.post(page_of(campaign), sent).status_code == 302
    campaign.refresh_from_db()
    assert (campaign.title_zh, campaign.status) == ("秋", "draft")
    version = reverse("admin:campaigns_campaign_simple_history", args=[campaign.pk, campaign.history.first().pk])
    assert superuser_client.post(version, sent).status_code == 403


def test_only_a_draft_can_be_deleted(superuser_client: Client, campaign: Campaign) -> None:
    superuser_client.post(page_of(campaign, "publish"), DIALOG)
    assert superuser_client.post(page_of(campaign, "delete"), {"post": "yes"}).status_code == 403
    draft = Campaign.objects.create(
        key="idea", title_en="Idea", starts_at=factories.LONG_AGO, ends_at=factories.LONG_FROM_NOW
    )
    assert superuser_client.post(page_of(draft, "delete"), {"post": "yes"}).status_code == 302
    assert list(Campaign.objects.all()) == [campaign]


def test_the_list_shows_figures_at_a_fixed_cost(superuser_client: Client, django_assert_max_num_queries: Any) -> None:
    coupon = factories.make_coupon()
    factories.make_claim(coupon=coupon)
    for number in range(40):
        campaign = Campaign.objects.create(
            key=f"c{number}", title_en="C", starts_at=factories.LONG_AGO, ends_at=factories.LONG_FROM_NOW
        )
        CampaignCoupon.objects.create(campaign=campaign, coupon=coupon)
    with django_assert_max_num_queries(14):
        response = superuser_client.get(reverse("admin:campaigns_campaign_changelist"))
    assert response.context["cl"].result_list[0].figures.claimed == 1


def test_the_same_coupon_twice_is_said_politely(marketer_client: Client, coupon: Coupon) -> None:
    sent = new_campaign(coupon, **{"campaign_coupons-TOTAL_FORMS": "2"})
    sent |= {"campaign_coupons-1-position": "1", "campaign_coupons-1-coupon": str(coupon.pk)}
    assert marketer_client.post(reverse("admin:campaigns_campaign_add"), sent).status_code == 200
    assert not Campaign.objects.exists()


def test_the_holdout_is_chosen_on_a_draft_and_fixed_by_publishing(superuser_client: Client, campaign: Campaign) -> None:
    sent = {**new_campaign(campaign.coupons.get()), "holdout_percent": "20"}
    sent |= {
        "starts_at_0": "2019-01-01",
        "ends_at_0": "2100-12-31",
        "campaign_coupons-INITIAL_FORMS": "1",
        "campaign_coupons-0-id": str(campaign.campaign_coupons.get().pk),
        "campaign_coupons-0-campaign": str(campaign.pk),
    }
    assert superuser_client.post(page_of(campaign), sent).status_code == 302
    superuser_client.post(page_of(campaign, "publish"), DIALOG)
    campaign.refresh_from_db()
    assert (campaign.status, campaign.holdout_percent) == ("published", 20)

    assert superuser_client.post(page_of(campaign), {**sent, "holdout_percent": "0"}).status_code == 302
    campaign.refresh_from_db()
    assert campaign.holdout_percent == 20


def test_more_than_half_is_refused_with_a_word(superuser_client: Client, campaign: Campaign) -> None:
    sent = {**new_campaign(campaign.coupons.get()), "key": "another", "holdout_percent": "51"}
    response = superuser_client.post(reverse("admin:campaigns_campaign_add"), sent)
    assert response.status_code == 200
    assert "50" in str(response.context["adminform"].form.errors["holdout_percent"])


def test_a_draft_that_another_campaign_keeps_shoppers_out_from_is_refused_beside_it(
    marketer_client: Client, campaign: Campaign
) -> None:
    Campaign.objects.filter(pk=campaign.pk).update(status="published", holdout_percent=10, holdout_salt="a")
    other = Campaign.objects.create(
        key="winter", title_en="Winter", starts_at=campaign.starts_at, ends_at=campaign.ends_at, status="published",
        holdout_percent=10, holdout_salt="b",
    )  # fmt: skip
    taken = factories.make_coupon(state=CouponState.DRAFT, holdout_salt="b", holdout_below=border_of(0.1))
    CampaignCoupon.objects.create(campaign=other, coupon=taken)
    entry = campaign.campaign_coupons.get()
    sent = new_campaign(entry.coupon, **{"campaign_coupons-INITIAL_FORMS": "1", "campaign_coupons-TOTAL_FORMS": "2"})
    sent |= {"campaign_coupons-0-id": entry.pk, "campaign_coupons-0-campaign": campaign.pk}
    sent |= {"campaign_coupons-1-position": "1", "campaign_coupons-1-coupon": taken.pk}

    response = marketer_client.post(page_of(campaign), sent)
    assert response.status_code == 200
    assert "keeps shoppers out by lot for the campaign Winter already" in response.text

    # Taken out of the other one, it is this one's.
    sent_other = new_campaign(taken, key="winter", **{"campaign_coupons-INITIAL_FORMS": "1"})
    sent_other |= {"campaign_coupons-0-id": other.campaign_coupons.get().pk, "campaign_coupons-0-DELETE": "on"}
    assert marketer_client.post(page_of(other), sent_other).status_code == 302
    taken.refresh_from_db()
    assert taken.holdout_below == ""
    assert marketer_client.post(page_of(campaign), sent).status_code == 302
    taken.refresh_from_db()
    assert taken.holdout_salt == "a"


def test_a_page_with_many_coupons_asks_no_more_than_one_with_few(marketer_client: Client, campaign: Campaign) -> None:
    def asked() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert marketer_client.get(page_of(campaign)).status_code == 200
        return len(captured)

    # What is asked once a process.
    asked()
    few = asked()
    for _number in range(20):
        CampaignCoupon.objects.create(campaign=campaign, coupon=factories.make_coupon())
    assert asked() == few


def test_control_a_list_to_choose_from_asks_for_each_row(
    marketer_client: Client, campaign: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CampaignCouponInline, "form", ShopTabularInline.form)
    for _number in range(20):
        CampaignCoupon.objects.create(campaign=campaign, coupon=factories.make_coupon())
    with CaptureQueriesContext(connection) as captured:
        marketer_client.get(page_of(campaign))
    assert len(captured) > 20


def test_the_coupon_of_a_row_stays(marketer_client: Client, campaign: Campaign) -> None:
    entry = campaign.campaign_coupons.get()
    sent = new_campaign(factories.make_coupon(), **{"campaign_coupons-INITIAL_FORMS": "1"})
    sent |= {"campaign_coupons-0-id": entry.pk, "campaign_coupons-0-campaign": campaign.pk}
    sent["campaign_coupons-0-position"] = "3"
    assert marketer_client.post(page_of(campaign), sent).status_code == 302
    moved = campaign.campaign_coupons.get()
    assert (moved.coupon_id, moved.position) == (entry.coupon_id, 3)
