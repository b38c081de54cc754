"""A marketer makes a variant group and changes it; what the nightly run has published stays as it is."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from campaigns.admin.variant_group import VariantArmInline
from campaigns.models import VariantGroup
from campaigns.services.variants import variant_shares_publish
from config.kernel.admin_tools import ShopTabularInline
from coupons.models import Coupon
from tests import factories
from tests.campaigns.test_variants import make_group
from users.models import User


@pytest.fixture
def group(db: None) -> VariantGroup:
    return make_group(0.7, 0.3, policy=4)


def page_of(group: VariantGroup, page: str = "change", *more: int) -> str:
    return reverse(f"admin:campaigns_variantgroup_{page}", args=[group.pk, *more])


def posted(group: VariantGroup, *, new: tuple[Coupon, ...] = (), **changes: Any) -> dict[str, Any]:
    """The form of a group as its page shows it, with other coupons to be added."""
    arms = list(group.arms.order_by("pk"))
    sent: dict[str, Any] = {
        "name": group.name,
        "key": group.key,
        "is_active": "on",
        "margin_percent": group.margin_percent or "",
        "full_margin": "20.00",
        "arms-TOTAL_FORMS": len(arms) + len(new),
        "arms-INITIAL_FORMS": len(arms),
    }
    for place, arm in enumerate(arms):
        sent |= {f"arms-{place}-id": arm.pk, f"arms-{place}-group": group.pk, f"arms-{place}-coupon": arm.coupon_id}
    for place, coupon in enumerate(new, start=len(arms)):
        sent[f"arms-{place}-coupon"] = coupon.pk
    return sent | changes


def shares_of_coupons(group: VariantGroup) -> dict[int, float | None]:
    return dict(group.arms.values_list("coupon_id", "share"))


def test_a_change_is_kept_with_who_made_it(marketer_client: Client, plain_marketer: User, group: VariantGroup) -> None:
    assert marketer_client.post(page_of(group), posted(group, name="Hello", is_active="")).status_code == 302
    version = group.history.latest()
    assert (version.name, version.is_active, version.history_user) == ("Hello", False, plain_marketer)
    assert "Hello" in marketer_client.get(page_of(group, "history")).text
    assert marketer_client.get(page_of(group, "simple_history", version.pk)).status_code == 200


def test_an_old_version_is_not_brought_back(superuser_client: Client, group: VariantGroup) -> None:
    superuser_client.post(page_of(group), posted(group, name="Hello"))
    version = page_of(group, "simple_history", group.history.earliest().pk)
    assert superuser_client.post(version, posted(group)).status_code == 403
    group.refresh_from_db()
    assert group.name == "Hello"


def test_what_the_night_publishes_is_no_change_of_a_marketer(group: VariantGroup) -> None:
    before = group.history.count()
    variant_shares_publish(group=group, shares={}, by_segment={}, policy=5)
    assert group.history.count() == before


def test_saving_leaves_shares_and_model_alone(marketer_client: Client, group: VariantGroup) -> None:
    sent = posted(group, name="Hello", policy=9, **{"arms-0-share": "0.01"})
    shares = shares_of_coupons(group)
    assert marketer_client.post(page_of(group), sent).status_code == 302
    group.refresh_from_db()
    assert (group.name, group.policy, shares_of_coupons(group)) == ("Hello", 4, shares)


def test_the_coupon_of_an_arm_stays(marketer_client: Client, group: VariantGroup) -> None:
    """Another coupon would go on with the share that this one has earned."""
    shares = shares_of_coupons(group)
    sent = posted(group, **{"arms-0-coupon": factories.make_coupon().pk})
    assert marketer_client.post(page_of(group), sent).status_code == 302
    assert shares_of_coupons(group) == shares


def test_control_without_that_form_another_coupon_goes_on_with_the_share(
    marketer_client: Client, group: VariantGroup, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(VariantArmInline, "form", ShopTabularInline.form)
    other = factories.make_coupon()
    marketer_client.post(page_of(group), posted(group, **{"arms-0-coupon": other.pk}))
    assert shares_of_coupons(group)[other.pk] == 0.7


def test_another_coupon_in_its_place_begins_without_a_share(marketer_client: Client, group: VariantGroup) -> None:
    _first, second = group.arms.order_by("pk")
    other = factories.make_coupon()
    sent = posted(group, new=(other,), **{"arms-0-DELETE": "on"})
    assert marketer_client.post(page_of(group), sent).status_code == 302
    assert shares_of_coupons(group) == {second.coupon_id: 0.3, other.pk: None}
