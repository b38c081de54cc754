"""Release batches, the stock policy and the waiting list on a coupon's page."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from config.kernel.clock import shop_zone
from coupons.models import Coupon, ReleaseBatch, StockPolicy, WaitingEntry
from coupons.services.waiting import waiting_join
from tests import factories
from tests.admin.coupon_pages import new_coupon, page_of, rows
from tests.factories import NOW
from users.models import User

pytestmark = pytest.mark.django_db


@pytest.fixture
def coupon() -> Coupon:
    return factories.make_coupon(stock=0)


def save(client: Client, coupon: Coupon, **tables: Any) -> Any:
    """Sends the coupon's page with these tables on it."""
    sent = new_coupon()
    for prefix, entries in tables.items():
        stored = sum("coupon" in entry for entry in entries)
        sent |= rows(prefix, *entries, stored=stored)
    return client.post(page_of(coupon), sent)


def stored_batch(batch: ReleaseBatch, **changes: Any) -> dict[str, Any]:
    """A row of the page as it was opened."""
    opens_at = batch.opens_at.astimezone(shop_zone())
    day_and_hour = {"opens_at_0": f"{opens_at:%Y-%m-%d}", "opens_at_1": f"{opens_at:%H:%M:%S}"}
    return {"id": batch.pk, "coupon": batch.coupon_id, "quantity": batch.quantity, **day_and_hour, **changes}


POLICY = {"low_below": 5, "warn_days": 2, "open_reserve": 0, "top_up": 0, "top_ups_a_day": 0}


def test_a_batch_is_added_in_the_shops_time(superuser_client: Client, coupon: Coupon) -> None:
    row = {"opens_at_0": "2027-01-02", "opens_at_1": "10:00:00", "quantity": "50"}
    assert save(superuser_client, coupon, release_batches=[row]).status_code == 302
    batch = ReleaseBatch.objects.get()
    assert (batch.coupon, batch.quantity, batch.opened_at) == (coupon, 50, None)
    assert batch.opens_at.isoformat() == "2027-01-02T02:00:00+00:00"


@pytest.mark.parametrize("change", [{"quantity": "6"}, {"DELETE": "on"}])
def test_a_batch_that_has_opened_cannot_be_changed(
    superuser_client: Client, coupon: Coupon, change: dict[str, str]
) -> None:
    # It opened while the page was being filled in.
    batch = ReleaseBatch.objects.create(coupon=coupon, quantity=5, opens_at=NOW, opened_at=NOW)
    response = save(superuser_client, coupon, release_batches=[stored_batch(batch, **change)])
    assert "can no longer be changed" in response.content.decode()
    batch.refresh_from_db()
    assert (batch.quantity, batch.opened_at) == (5, NOW)


def test_a_page_that_changes_nothing_leaves_an_opened_batch_opened(superuser_client: Client, coupon: Coupon) -> None:
    batch = ReleaseBatch.objects.create(coupon=coupon, quantity=5, opens_at=NOW, opened_at=NOW)
    assert save(superuser_client, coupon, release_batches=[stored_batch(batch)]).status_code == 302
    batch.refresh_from_db()
    assert batch.opened_at == NOW


def test_a_policy_is_set_and_changed_without_forgetting_that_the_stock_is_low(
    superuser_client: Client, coupon: Coupon
) -> None:
    assert save(superuser_client, coupon, stock_policy=[POLICY]).status_code == 302
    assert StockPolicy.objects.get().low_below == 5

    StockPolicy.objects.update(is_low=True)
    changed = {**POLICY, "coupon": coupon.pk, "low_below": 7}
    assert save(superuser_client, coupon, stock_policy=[changed]).status_code == 302
    assert (StockPolicy.objects.get().low_below, StockPolicy.objects.get().is_low) == (7, True)


def test_a_top_up_needs_a_quantity_and_how_often(superuser_client: Client, coupon: Coupon) -> None:
    response = save(superuser_client, coupon, stock_policy=[{**POLICY, "top_up": 5}])
    assert "how often a day" in response.content.decode()
    assert not StockPolicy.objects.exists()


def test_a_coupon_without_a_limit_has_neither(superuser_client: Client) -> None:
    page = superuser_client.get(page_of(factories.make_coupon(stock=None))).content.decode()
    assert "Release batches" not in page
    assert "When stock runs low" not in page


def test_who_only_looks_changes_nothing(client: Client, coupon: Coupon) -> None:
    viewer = factories.make_shopper(is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_coupon"))
    client.force_login(viewer, backend="users.backends.IdentifierBackend")
    page = client.get(page_of(coupon))
    assert "Release batches" in page.content.decode()
    assert save(client, coupon).status_code == 403


def test_the_waiting_list_is_read_in_its_order_and_counted(
    superuser_client: Client, coupon: Coupon, shopper: User
) -> None:
    late = factories.make_shopper()
    waiting_join(coupon=coupon, shopper=late, now=NOW + timedelta(hours=1))
    waiting_join(coupon=coupon, shopper=shopper, now=NOW)
    response = superuser_client.get(reverse("admin:coupons_waitingentry_changelist"))
    assert [entry.shopper for entry in response.context["cl"].result_list] == [shopper, late]

    entry = WaitingEntry.objects.get(shopper=shopper)
    page = reverse("admin:coupons_waitingentry_change", args=[entry.pk])
    assert superuser_client.get(page).status_code == 200
    assert superuser_client.post(page, {"state": "granted"}).status_code == 403
    assert "Waiting for one" in superuser_client.get(page_of(coupon)).content.decode()
