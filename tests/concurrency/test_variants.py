"""One shopper, many requests at once: one decision, and all are led the same way."""

from __future__ import annotations

from functools import partial

import pytest

from campaigns.models import Decision
from campaigns.services.variants import variant_decide
from tests import factories
from tests.campaigns.test_variants import make_group
from tests.concurrency.crowd import rush

NOW = factories.NOW


@pytest.mark.django_db(transaction=True)
def test_a_crowd_of_requests_of_one_shopper_is_led_to_one_coupon() -> None:
    group, shopper = make_group(0.3, 0.3, 0.4), factories.make_shopper()
    made = rush([partial(variant_decide, group=group, shopper=shopper, now=NOW)] * 12, threads=12)

    assert len({decision.coupon_id for decision in made}) == 1
    assert Decision.objects.count() == 1
