"""A marketer watches coupons: the list, its filters and its search."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from coupons.enums import CouponState
from coupons.models import Coupon
from tests import factories


def test_the_list_costs_the_same_for_ten_coupons_and_five_hundred(
    superuser_client: Client, django_assert_max_num_queries: Any
) -> None:
    path = reverse("admin:coupons_coupon_changelist")
    made = [factories.make_coupon() for _ in range(10)]
    for coupon in made:
        factories.make_claim(coupon=coupon)
    with django_assert_max_num_queries(30) as few:
        superuser_client.get(path)
    for _ in range(490):
        factories.make_coupon()
    with django_assert_max_num_queries(len(few.captured_queries)):
        assert superuser_client.get(path).status_code == 200


def test_the_list_tells_claimed_used_and_state(superuser_client: Client) -> None:
    coupon = factories.make_coupon(stock=20)
    for _ in range(19):
        factories.make_claim(coupon=coupon)
    page = superuser_client.get(reverse("admin:coupons_coupon_changelist")).content.decode()
    assert "19 / 20" in page
    assert "stock-cell-low" in page


@pytest.mark.parametrize("state", list(CouponState))
def test_the_state_filter_shows_that_state_only(superuser_client: Client, state: CouponState) -> None:
    for each in CouponState:
        factories.make_coupon(state=each, title_en=f"In state {each}")
    response = superuser_client.get(reverse("admin:coupons_coupon_changelist"), {"state": state.value})
    assert [coupon.title_en for coupon in response.context["cl"].result_list] == [f"In state {state}"]


def test_running_out_and_sold_out_are_found(superuser_client: Client) -> None:
    sold_out, low, full = (factories.make_coupon(stock=stock) for stock in (1, 10, 100))
    factories.make_coupon(stock=None)
    factories.make_claim(coupon=sold_out)
    for _ in range(9):
        factories.make_claim(coupon=low)
    path = reverse("admin:coupons_coupon_changelist")
    found = {
        asked: {coupon.pk for coupon in superuser_client.get(path, {"stock": asked}).context["cl"].result_list}
        for asked in ("running_out", "sold_out")
    }
    assert found == {"running_out": {sold_out.pk, low.pk}, "sold_out": {sold_out.pk}}
    assert full.pk not in found["running_out"]


def test_a_coupon_is_found_by_title_public_id_and_code(superuser_client: Client, coupon: Coupon) -> None:
    factories.make_coupon(title_en="Another")
    factories.make_code(coupon=coupon, text="WELCOME-2026")
    for asked in (coupon.title_zh, str(coupon.public_id), "welcome 2026"):
        found = superuser_client.get(reverse("admin:coupons_coupon_changelist"), {"q": asked}).context["cl"].result_list
        assert [row.pk for row in found] == [coupon.pk], asked
