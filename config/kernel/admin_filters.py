"""List filters that count days as the shop does."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import RangeDateFilter
from unfold.utils import parse_date_str

from config.kernel.clock import end_of_shop_day, start_of_shop_day


class ShopDaysFilter(RangeDateFilter):
    """From one shop day to another, both included; for a field that holds a moment."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Returns the rows whose moment lies in the days chosen; a text that is no date filters nothing."""
        first = parse_date_str(self.used_parameters.get(f"{self.parameter_name}_from", ""))
        last = parse_date_str(self.used_parameters.get(f"{self.parameter_name}_to", ""))
        # The first and the last day that there are bound nothing, and have no instant in UTC either.
        if first and first > date.min:
            queryset = queryset.filter(**{f"{self.field_path}__gte": start_of_shop_day(first)})
        if last and last < date.max:
            queryset = queryset.filter(**{f"{self.field_path}__lt": end_of_shop_day(last)})
        return queryset
