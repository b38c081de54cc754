"""An order's page shows all that coupons did to it, and refunds it."""

from __future__ import annotations

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse

from coupons.models import Order
from coupons.services.orders import order_refund
from tests import factories
from tests.coupons.orders import lock, make_promotion, pay
from tests.factories import NOW
from users.models import User

pytestmark = pytest.mark.django_db

DIALOG = {"_form_submitted": "on"}


@pytest.fixture
def paid(shopper: User) -> Order:
    mug = factories.make_product(price=20_00, name_en="Blue mug")
    make_promotion(benefit_type="gift_item", gift_product=mug, gift_quantity=1)
    make_promotion(benefit_type="shipping_off", title_en="Free delivery")
    return pay(shopper, factories.make_claim(shopper=shopper), prices=[(50_00, 4)], shipping=8_00)


def test_its_page_shows_discounts_gifts_and_refunds(superuser_client: Client, paid: Order) -> None:
    order_refund(order=paid, lines=[(1, 1)], now=NOW)
    page = superuser_client.get(reverse("admin:coupons_order_change", args=[paid.pk])).content.decode()
    for shown in ("Blue mug", "Free delivery", "¥47.50", "¥190.00", f"{paid.lines.get().product} × 1"):
        assert shown in page, shown


def test_a_paid_order_is_refunded_in_full(superuser_client: Client, marketer: User, paid: Order) -> None:
    path = reverse("admin:coupons_order_refund", args=[paid.pk])
    assert "HX-Redirect" in superuser_client.post(path, DIALOG)
    paid.refresh_from_db()
    assert (paid.state, paid.refunded) == ("refunded", paid.payable)
    assert LogEntry.objects.get().user == marketer
    # A second click finds nothing left to refund and says so.
    superuser_client.post(path, DIALOG)
    assert paid.refunds.count() == 1


def test_an_unpaid_order_has_no_such_button(superuser_client: Client, shopper: User) -> None:
    order = lock(shopper)
    page = superuser_client.get(reverse("admin:coupons_order_change", args=[order.pk])).content.decode()
    assert reverse("admin:coupons_order_refund", args=[order.pk]) not in page


def test_looking_at_orders_does_not_allow_refunding_them(marketer_client: Client, paid: Order) -> None:
    page = reverse("admin:coupons_order_change", args=[paid.pk])
    refund = reverse("admin:coupons_order_refund", args=[paid.pk])
    assert refund not in marketer_client.get(page).content.decode()
    assert marketer_client.post(refund, DIALOG).status_code == 403
    paid.refresh_from_db()
    assert paid.refunded == 0
