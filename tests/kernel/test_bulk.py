"""Values that stand in many rows, written by COPY and without it."""

from __future__ import annotations

import pytest

from config.kernel import bulk
from config.kernel.bulk import RowReader, Shared, copy_rows
from coupons.enums import AffinityReason
from coupons.models import Affinity, AffinityEdition
from tests import factories
from tests.factories import NOW


def test_a_shared_value_reads_as_the_value_itself() -> None:
    for value in (None, True, 3, 0.25, "a\tb\\", {"名": "酸奶"}, ["x"], NOW):
        assert RowReader([(1, Shared(value))]).read() == RowReader([(1, value)]).read()


@pytest.mark.django_db
@pytest.mark.parametrize("with_copy", [True, False])
def test_is_written_into_every_row(with_copy: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not with_copy:
        monkeypatch.setattr(bulk, "connection", type("Other", (), {"vendor": "sqlite"}))
    edition = AffinityEdition.objects.create(computed_at=NOW)
    said = Shared(AffinityReason.BOUGHT.value), Shared({"name_zh": "酸奶\t"})
    rows = [(edition.pk, factories.make_coupon().pk, 1, 0.1 * at, *said) for at in range(3)]
    copy_rows(Affinity, ["edition_id", "coupon_id", "place", "score", "reason", "reason_data"], rows)
    written = Affinity.objects.order_by("pk").values_list("score", "reason", "reason_data")
    assert list(written) == [(0.1 * at, "bought", {"name_zh": "酸奶\t"}) for at in range(3)]
