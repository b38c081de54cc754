"""Tags that draw charts: SVG made on the server, readable without sight and without scripts."""

from __future__ import annotations

from typing import Any

from django import template

from analytics.charts import BarChart, ColumnChart, ShareTable

register = template.Library()


@register.inclusion_tag("analytics/charts/columns.html")
def column_chart(chart: ColumnChart, name: str) -> dict[str, Any]:
    """Draws columns; `name` is unique on the page."""
    return {"chart": chart, "name": name}


@register.inclusion_tag("analytics/charts/bars.html")
def bar_chart(chart: BarChart, name: str) -> dict[str, Any]:
    """Draws bars; `name` is unique on the page."""
    return {"chart": chart, "name": name}


@register.inclusion_tag("analytics/charts/shares.html")
def share_table(table: ShareTable) -> dict[str, Any]:
    """Draws a table with bars."""
    return {"table": table}
