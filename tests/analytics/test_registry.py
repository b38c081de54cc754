"""The registry: what was learned is kept exactly, one model of a job is in use, every change has its reason."""

from __future__ import annotations

import numpy as np
import pytest
from django.db import IntegrityError, transaction

from analytics.enums import Job, ModelState, PromotionKind
from analytics.errors import ArtefactDamaged, NoEarlierModel, NotPromotable, ReasonMissing
from analytics.models import ModelPromotion, ModelVersion
from analytics.services.registry import champion, model_load, model_promote, model_roll_back, model_save
from analytics.services.runs import run_start
from config.kernel.append_only import AppendOnly
from tests.analytics.builders import NIGHT, WINDOW, make_model
from tests.factories import make_shopper

pytestmark = pytest.mark.django_db


def promote(version: ModelVersion, reason: str = "beats the one before") -> ModelPromotion:
    return model_promote(version=version, reason=reason, now=NIGHT)


class TestKeeping:
    def test_arrays_come_back_as_they_were(self) -> None:
        learned = model_load(ModelVersion.objects.get(pk=make_model().pk))

        assert learned.arrays["weights"].tolist() == [1.0, 2.5]
        assert learned.arrays["names"].tolist() == ["recency", "money"]
        assert learned.description == {"kind": "logistic"}

    def test_equal_models_have_equal_checksums_and_others_have_others(self) -> None:
        assert make_model(1.0).checksum == make_model(1.0).checksum != make_model(2.0).checksum

    def test_a_run_says_which_code_learned(self) -> None:
        assert len(make_model().run.code_version) == 12

    def test_objects_are_refused_since_reading_them_would_run_code(self) -> None:
        run = run_start(job=Job.RESPONSE, window=WINDOW, seed=7, parameters={}, now=NIGHT)

        with pytest.raises(ValueError, match="Object arrays"):
            model_save(run=run, arrays={"x": np.array([object()])}, metrics={}, description={}, now=NIGHT)
        assert not ModelVersion.objects.exists()

    def test_what_was_changed_in_the_store_is_not_used(self) -> None:
        version = make_model()
        promote(version)
        damaged = bytes(version.artefact)
        ModelVersion.objects.filter(pk=version.pk).update(artefact=damaged[:-1] + bytes([damaged[-1] ^ 1]))

        with pytest.raises(ArtefactDamaged):
            champion(Job.RESPONSE)


class TestPromoting:
    def test_nothing_is_in_use_before_somebody_says_so(self) -> None:
        make_model()

        assert champion(Job.RESPONSE) is None

    def test_the_promoted_one_follows_the_champion(self) -> None:
        first, second = make_model(1.0), make_model(2.0)
        promote(first)

        promotion = promote(second, "log loss .31 against .33")

        in_use = champion(Job.RESPONSE)
        assert in_use is not None
        assert in_use.version == second
        first.refresh_from_db()
        assert first.state == ModelState.RETIRED
        assert (promotion.before, promotion.reason) == (first, "log loss .31 against .33")

    def test_jobs_have_champions_of_their_own(self) -> None:
        promote(make_model(job=Job.RESPONSE))
        promote(make_model(job=Job.SEQUENCE))

        assert ModelVersion.objects.filter(state=ModelState.CHAMPION).count() == 2

    def test_the_database_itself_refuses_a_second_champion(self) -> None:
        promote(make_model())
        other = make_model()

        with pytest.raises(IntegrityError), transaction.atomic():
            ModelVersion.objects.filter(pk=other.pk).update(state=ModelState.CHAMPION)

    def test_the_one_in_use_is_not_promoted_again(self) -> None:
        version = make_model()
        promote(version)

        with pytest.raises(NotPromotable):
            promote(version)

    def test_no_decision_without_a_reason(self) -> None:
        with pytest.raises(ReasonMissing):
            promote(make_model(), "  ")
        assert champion(Job.RESPONSE) is None

    def test_a_promotion_cannot_be_rewritten(self) -> None:
        promotion = promote(make_model())
        promotion.reason = "another"

        with pytest.raises(AppendOnly):
            promotion.save()


class TestRollingBack:
    def test_the_model_before_is_in_use_again(self) -> None:
        first, second = make_model(1.0), make_model(2.0)
        promote(first)
        promote(second)
        analyst = make_shopper()

        promotion = model_roll_back(job=Job.RESPONSE, reason="redemptions fell", now=NIGHT, decided_by=analyst)

        in_use = champion(Job.RESPONSE)
        assert in_use is not None
        assert in_use.version == first
        assert (promotion.kind, promotion.decided_by) == (PromotionKind.ROLLED_BACK, analyst)

    def test_a_second_one_goes_further_back_and_not_forth(self) -> None:
        first, second, third = make_model(1.0), make_model(2.0), make_model(3.0)
        for version in (first, second, third):
            promote(version)

        model_roll_back(job=Job.RESPONSE, reason="worse", now=NIGHT)
        model_roll_back(job=Job.RESPONSE, reason="worse still", now=NIGHT)

        in_use = champion(Job.RESPONSE)
        assert in_use is not None
        assert in_use.version == first

    def test_there_must_be_one_before(self) -> None:
        with pytest.raises(NoEarlierModel):
            model_roll_back(job=Job.RESPONSE, reason="worse", now=NIGHT)
        promote(make_model())
        with pytest.raises(NoEarlierModel):
            model_roll_back(job=Job.RESPONSE, reason="worse", now=NIGHT)
