"""Searching a table of shoppers' things by the thing's own id or by who the shopper is."""

from __future__ import annotations

from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from config.kernel.ids import as_uuid
from users.selectors.identification import people_called

SEARCH_HELP = _("Exact: id, or the shopper's user name, external id, e-mail or phone")
# Sealed at rest; a list that does not show them need not open them.
SEALED = ("shopper__name", "shopper__email", "shopper__phone", "shopper__birthday")


class ShopperSearchMixin:
    """Replaces the admin's word search, which would read the whole table, by exact look-ups."""

    search_help_text = SEARCH_HELP
    # Path of the foreign key to the shopper, and exact look-ups of the row itself.
    shopper_path = "shopper"
    exact_lookups: tuple[str, ...] = ()
    # Makes the search box appear; `get_search_results` decides what it finds.
    search_fields = ("pk__exact",)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        matches = Q(**{f"{self.shopper_path}__in": people_called(term).values("pk")})
        for lookup in self.exact_lookups:
            matches |= Q(**{lookup: term})
        if as_uuid(term) is not None:
            matches |= Q(**{self.public_id_path(): term})
        return queryset.filter(matches), False

    def public_id_path(self) -> str:
        """Where the row keeps the id that the outside knows."""
        return "public_id"
