"""Variant groups in a crowd: one decision a shopper, and shares that nobody sets back."""

from __future__ import annotations

from functools import partial
from threading import Thread

import pytest
from django.contrib.admin import ModelAdmin
from django.db import connection
from django.test import Client

from campaigns.admin.variant_group import VariantGroupAdmin
from campaigns.models import Decision, VariantGroup
from campaigns.services.variants import variant_decide, variant_shares_publish
from tests import factories
from tests.admin.test_variant_groups import page_of, posted
from tests.campaigns.test_variants import make_group
from tests.concurrency.crowd import PATIENCE, rush, until_somebody_waits_for_a_lock
from tests.concurrency.test_interleavings import open_transaction

NOW = factories.NOW


@pytest.mark.django_db(transaction=True)
def test_a_crowd_of_requests_of_one_shopper_is_led_to_one_coupon() -> None:
    group, shopper = make_group(0.3, 0.3, 0.4), factories.make_shopper()
    made = rush([partial(variant_decide, group=group, shopper=shopper, now=NOW)] * 12, threads=12)

    assert len({decision.coupon_id for decision in made}) == 1
    assert Decision.objects.count() == 1


def publish(group: VariantGroup) -> None:
    shares = {arm.coupon_id: 0.5 for arm in group.arms.all()}
    variant_shares_publish(group=VariantGroup.objects.get(pk=group.pk), shares=shares, by_segment={}, policy=8)


def save_while_the_night_publishes(group: VariantGroup) -> None:
    """A marketer saves a group's page while shares are published and not yet committed."""
    client = Client()
    client.force_login(factories.make_marketer(), backend="users.backends.IdentifierBackend")
    sent = posted(group, name="Hello")
    path = page_of(group)

    def save() -> None:
        try:
            assert client.post(path, sent).status_code == 302
        finally:
            connection.close()

    with open_transaction(partial(publish, group), is_kept=True) as may_commit:
        marketer = Thread(target=save)
        marketer.start()
        until_somebody_waits_for_a_lock()
        may_commit.set()
        marketer.join(timeout=PATIENCE)
    group.refresh_from_db()
    assert group.name == "Hello"


@pytest.mark.django_db(transaction=True)
def test_a_group_saved_while_shares_are_published_keeps_them() -> None:
    group = make_group(0.9, 0.1, policy=4)
    save_while_the_night_publishes(group)

    assert group.policy == 8
    assert list(group.arms.values_list("share", flat=True)) == [0.5, 0.5]


@pytest.mark.django_db(transaction=True)
def test_control_saved_as_a_whole_it_goes_back_to_the_model_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(VariantGroupAdmin, "get_object", ModelAdmin.get_object)
    monkeypatch.setattr(VariantGroupAdmin, "save_model", ModelAdmin.save_model)
    group = make_group(0.9, 0.1, policy=4)
    save_while_the_night_publishes(group)

    assert group.policy == 4
