from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from config.kernel.errors import DomainError


class RunInProgress(DomainError):
    """The same job is running elsewhere at this moment; nothing was started."""

    code = "run_in_progress"
    status = 409
    message = _("This job is running already. Wait until it has finished.")
