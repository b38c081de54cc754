"""Finding a person by what the shop or the person calls them; exact, so that sealed data stays sealed."""

from __future__ import annotations

from django.db.models import Q, QuerySet

from config.kernel.ids import as_uuid
from users.identifiers import is_email, is_phone
from users.models import User


def people_called(text: str) -> QuerySet[User]:
    """Returns the accounts with exactly this user name, external id, public id, e-mail address or phone number."""
    wanted = text.strip().replace("\0", "")
    matches = Q(username=wanted) | Q(external_id=wanted)
    public_id = as_uuid(wanted)
    if public_id is not None:
        matches |= Q(public_id=public_id)
    if is_email(wanted):
        matches |= Q(pk__in=User.objects.with_email(wanted).values("pk"))
    if is_phone(wanted):
        matches |= Q(pk__in=User.objects.with_phone(wanted).values("pk"))
    return User.objects.filter(matches)
