"""What sells best in the loaded history: the shelves that the live coupons are for."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import Count

from coupons.models import Category, OrderLine, Product

# What a shop must not or would not discount.
NO_DISCOUNT = ("beers", "cigar", "fuel", "infant-formula", "liquor", "tobacco", "wine")


def best_selling_categories(count: int) -> list[Category]:
    """Returns the categories with most order lines, best first; without orders those with most products.

    Fewer come back, or none, when the catalogue has fewer.
    """
    lines = OrderLine.objects.filter(product__is_on_sale=True)
    products = Product.objects.filter(is_on_sale=True)
    ranked = _rank(lines.values_list("product__category").annotate(Count("pk")))
    ranked = ranked or _rank(products.values_list("category").annotate(Count("pk")))
    categories = Category.objects.in_bulk(ranked)
    allowed = [categories[pk] for pk in ranked if not any(word in categories[pk].key for word in NO_DISCOUNT)]
    return allowed[:count]


def _rank(counts: Iterable[tuple[int, int]]) -> list[int]:
    return [pk for pk, _ in sorted(counts, key=lambda pair: (-pair[1], pair[0]))]
