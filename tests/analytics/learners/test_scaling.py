"""Features are standardised by what a stream of chunks shows."""

import numpy as np
import pytest

from analytics.learners.scaling import Moments
from tests.analytics.learners.builders import shoppers_of_kinds


@pytest.mark.parametrize("rows_a_chunk", [1, 7, 400])
def test_chunks_of_any_size_give_the_moments_of_the_whole(rows_a_chunk: int) -> None:
    raw = shoppers_of_kinds()
    moments = Moments(raw.shape[1])
    for start in range(0, len(raw), rows_a_chunk):
        moments.add(raw[start : start + rows_a_chunk])
    scaler = moments.scaler()

    assert moments.count == len(raw)
    np.testing.assert_allclose(scaler.mean, np.log1p(raw).mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(scaler.scale, np.log1p(raw).std(axis=0), rtol=1e-9)


def test_large_numbers_do_not_cancel() -> None:
    raw = np.expm1(np.array([[30.0], [30.0 + 1e-6], [30.0 - 1e-6]]))
    moments = Moments(1)
    for row in raw:
        moments.add(row[None, :])

    assert moments.scaler().scale[0] == pytest.approx(np.sqrt(2 / 3) * 1e-6, rel=1e-3)


def test_what_is_the_same_for_everybody_tells_nobody_apart() -> None:
    raw = np.array([[5.0, 1.0], [5.0, 2.0]])
    moments = Moments(2)
    moments.add(raw)

    assert (moments.scaler().transform(raw)[:, 0] == 0).all()
    assert not moments.scaler().is_flat


def test_standardised_points_can_be_turned_back() -> None:
    raw = shoppers_of_kinds()
    moments = Moments(raw.shape[1])
    moments.add(raw)
    scaler = moments.scaler()

    np.testing.assert_allclose(scaler.restore(scaler.transform(raw)), np.log1p(raw))


def test_money_below_zero_counts_as_none() -> None:
    moments = Moments(1)
    moments.add(np.array([[-500.0], [0.0]]))

    assert moments.scaler().mean[0] == 0


def test_nothing_at_all_has_no_moments() -> None:
    moments = Moments(2)
    moments.add(np.zeros((0, 2)))

    assert moments.count == 0
    assert moments.scaler().is_flat
