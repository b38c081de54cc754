from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from config.kernel.errors import DomainError


class RunInProgress(DomainError):
    """The same job is running elsewhere at this moment; nothing was started."""

    code = "run_in_progress"
    status = 409
    message = _("This job is running already. Wait until it has finished.")


class AskedAlready(DomainError):
    """The same has been asked for, and is not finished."""

    code = "asked_already"
    status = 409
    message = _("This has been asked for already, and is being worked on.")


class ArtefactDamaged(DomainError):
    """What is stored of a model is not what was saved: it must not decide anything."""

    code = "artefact_damaged"
    status = 500
    message = _("The stored model does not match its checksum. It was not used.")


class NotPromotable(DomainError):
    """The model is in use already, or there is none to return to."""

    code = "not_promotable"
    status = 409
    message = _("This model is in use already.")


class NoEarlierModel(DomainError):
    """A roll back where nothing was in use before."""

    code = "no_earlier_model"
    status = 409
    message = _("No other model was in use before this one.")


class ReasonMissing(DomainError):
    """A decision about a model without a word why."""

    code = "reason_missing"
    status = 400
    message = _("Say why.")


class NeedsPostgreSQL(DomainError):
    """Something that only PostgreSQL can do, on another database."""

    code = "needs_postgresql"
    status = 409
    message = _("Only PostgreSQL can do this.")


class TorchMissing(DomainError):
    """The optional extra of the sequence model is not installed."""

    code = "torch_missing"
    status = 409
    message = _("The sequence model needs PyTorch: pip install -r requirements-torch.txt.")
