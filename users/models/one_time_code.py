from __future__ import annotations

from datetime import datetime, timedelta

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from config.kernel.fields import EncryptedTextField
from config.kernel.ids import uuid7

LASTS = timedelta(minutes=10)
MAXIMUM_WRONG_TRIES = 5


class OneTimeCode(models.Model):
    """Six digits sent to a phone or mail address to prove that whoever typed it can read there.

    Neither the address nor the digits can be read from the row: the address is sealed and found by nobody, the
    digits are kept as a keyed checksum. A row is used up by one right try, by too many wrong ones, or by time.
    """

    public_id = models.UUIDField(_("public id"), default=uuid7, unique=True, editable=False)
    address = EncryptedTextField(_("address"))
    checksum = models.CharField(max_length=64)
    wrong_tries = models.PositiveSmallIntegerField(_("wrong tries"), default=0)
    sent_at = models.DateTimeField(_("sent"))
    expires_at = models.DateTimeField(_("expires"))
    used_at = models.DateTimeField(_("used"), null=True, blank=True)

    class Meta:
        verbose_name = _("one-time code")
        verbose_name_plural = _("one-time codes")
        constraints = [
            models.CheckConstraint(condition=Q(expires_at__gt=models.F("sent_at")), name="users_one_time_code_window")
        ]
        indexes = [models.Index(fields=["expires_at"], name="users_one_time_code_over")]

    def __str__(self) -> str:
        return str(self.public_id)

    @property
    def tries_left(self) -> int:
        """How many more wrong tries it takes until the code is over."""
        return max(0, MAXIMUM_WRONG_TRIES - self.wrong_tries)

    def is_open_at(self, now: datetime) -> bool:
        """Tells whether the right digits would still be taken."""
        return self.used_at is None and self.tries_left > 0 and now < self.expires_at
