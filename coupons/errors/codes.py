"""Refusals of batches of codes."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from config.kernel.errors import DomainError, Invalid


class PrefixInvalid(Invalid):
    code = "prefix_invalid"
    message = _("A prefix has letters and digits, at most 12.")


class WrongBatchState(DomainError):
    """Data: `state`."""

    code = "wrong_batch_state"
    message = _("This batch does not wait to be carried on.")


class FileUnreadable(Invalid):
    code = "file_unreadable"
    message = _("This is neither a CSV file in UTF-8, UTF-16 or GB18030 nor an XLSX file.")


class FileTooLarge(Invalid):
    """Data: `limit` in rows or bytes."""

    code = "file_too_large"
    message = _("This file is larger than one import can be. Split it.")


class FileEmpty(Invalid):
    code = "file_empty"
    message = _("There is no code in this file.")
