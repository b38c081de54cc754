"""The registry of what was learned: kept with a checksum, promoted and rolled back with a reason."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from django.db import transaction
from numpy.typing import NDArray

from analytics.enums import Job, ModelState, PromotionKind
from analytics.errors import ArtefactDamaged, NoEarlierModel, NotPromotable, ReasonMissing
from analytics.models import ModelPromotion, ModelVersion, Run
from users.models import User

# What a zip archive writes by itself is the clock; two equal models must have equal checksums.
FIXED_TIME = (1980, 1, 1, 0, 0, 0)
# Who returns to an earlier model has a reason: no job decides otherwise until there was time to look.
HELD_BY_HAND = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Learned:
    """A model as it was saved: its row, its arrays by name, and what they mean."""

    version: ModelVersion
    arrays: Mapping[str, NDArray[Any]]

    @property
    def description(self) -> dict[str, Any]:
        """What was written beside the arrays."""
        description: dict[str, Any] = self.version.description
        return description


def model_save(
    *,
    run: Run,
    arrays: Mapping[str, NDArray[Any]],
    metrics: Mapping[str, Any],
    description: Mapping[str, Any],
    now: datetime,
) -> ModelVersion:
    """Keeps what a run learned, as a challenger that decides nothing yet.

    Args:
        arrays: numbers, booleans or texts of fixed width; an array of objects is refused.
        metrics: how good it is, as plain figures.
        description: what the arrays mean, as plain JSON.

    Raises:
        ValueError: an array holds objects.
    """
    artefact = _pack(arrays)
    return ModelVersion.objects.create(
        job=run.job,
        run=run,
        metrics=dict(metrics),
        description=dict(description),
        artefact=artefact,
        checksum=hashlib.sha256(artefact).hexdigest(),
        created_at=now,
    )


def champion(job: Job) -> Learned | None:
    """Returns the model of a job that is in use; None when there is none.

    Raises:
        ArtefactDamaged: what is stored is not what was saved.
    """
    version = ModelVersion.objects.filter(job=job, state=ModelState.CHAMPION).first()
    return model_load(version) if version is not None else None


def model_load(version: ModelVersion) -> Learned:
    """Reads a model's arrays.

    Raises:
        ArtefactDamaged: what is stored is not what was saved.
    """
    artefact = bytes(version.artefact)
    if hashlib.sha256(artefact).hexdigest() != version.checksum:
        raise ArtefactDamaged
    with np.load(io.BytesIO(artefact), allow_pickle=False) as archive:
        return Learned(version=version, arrays={name: archive[name] for name in archive.files})


@transaction.atomic
def model_promote(
    *, version: ModelVersion, reason: str, now: datetime, decided_by: User | None = None
) -> ModelPromotion:
    """Puts a model into use in place of the champion of its job.

    Args:
        decided_by: None when a job decided by its figures.

    Raises:
        ArtefactDamaged: what is stored is not what was saved.
        NotPromotable: it is in use already.
        ReasonMissing: no reason was given.
    """
    return _crown(version, PromotionKind.PROMOTED, reason, now, decided_by)


@transaction.atomic
def model_roll_back(*, job: Job, reason: str, now: datetime, decided_by: User | None = None) -> ModelPromotion:
    """Returns to the model that was in use before the champion of a job.

    A second roll back goes one further back, not forth again.

    Raises:
        ArtefactDamaged, ReasonMissing: as `model_promote`.
        NoEarlierModel: nothing was in use before.
    """
    reigning = _lock_versions(job).get(ModelState.CHAMPION)
    crowned = (
        ModelPromotion.objects.filter(model=reigning, kind=PromotionKind.PROMOTED).order_by("-pk").first()
        if reigning is not None
        else None
    )
    if crowned is None or crowned.before is None:
        raise NoEarlierModel
    return _crown(crowned.before, PromotionKind.ROLLED_BACK, reason, now, decided_by)


def is_held_by_hand(*, job: Job, now: datetime) -> bool:
    """Whether somebody, and not the job itself, rolled back within the last `HELD_BY_HAND`: promote nothing then."""
    rolled_back = ModelPromotion.objects.filter(job=job, kind=PromotionKind.ROLLED_BACK, decided_by__isnull=False)
    return rolled_back.filter(at__gt=now - HELD_BY_HAND).exists()


def _crown(
    version: ModelVersion, kind: PromotionKind, reason: str, now: datetime, decided_by: User | None
) -> ModelPromotion:
    reason = reason.strip()
    if not reason:
        raise ReasonMissing
    before = _lock_versions(Job(version.job)).get(ModelState.CHAMPION)
    if before is not None and before.pk == version.pk:
        raise NotPromotable
    model_load(version)
    if before is not None:
        # First the one, then the other: at no moment are there two champions.
        ModelVersion.objects.filter(pk=before.pk).update(state=ModelState.RETIRED)
    ModelVersion.objects.filter(pk=version.pk).update(state=ModelState.CHAMPION)
    return ModelPromotion.objects.create(
        kind=kind, job=version.job, model=version, before=before, decided_by=decided_by, reason=reason[:400], at=now
    )


def _lock_versions(job: Job) -> dict[str, ModelVersion]:
    """Locks a job's models, so that two who decide at once decide one after the other; returns one of each state."""
    versions = ModelVersion.objects.select_for_update().filter(job=job).defer("artefact").order_by("pk")
    return {version.state: version for version in versions}


def _pack(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, array in sorted(arrays.items()):
            member = io.BytesIO()
            np.lib.format.write_array(member, np.asanyarray(array), allow_pickle=False)
            packed.writestr(zipfile.ZipInfo(f"{name}.npy", FIXED_TIME), member.getvalue(), zipfile.ZIP_DEFLATED)
    return archive.getvalue()
