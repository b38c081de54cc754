"""Finding products in the mirror of the shop's catalogue."""

from __future__ import annotations

from django.db.models import Q, QuerySet

from coupons.models import Product

# More words narrow a search no further than a person can read.
MAXIMUM_WORDS = 8


def product_search(*, query: str = "", category_key: str = "") -> QuerySet[Product]:
    """Returns products on sale.

    Args:
        query: words that must each stand in the SKU, the brand or a name, in either language.
        category_key: only products of this category or of one under it.
    """
    products = Product.objects.filter(is_on_sale=True).select_related("category")
    for word in query.split()[:MAXIMUM_WORDS]:
        products = products.filter(
            Q(sku__istartswith=word)
            | Q(name_zh__icontains=word)
            | Q(name_en__icontains=word)
            | Q(brand__icontains=word)
        )
    if category_key:
        products = products.filter(
            Q(category__key=category_key)
            | Q(category__parent__key=category_key)
            | Q(category__parent__parent__key=category_key)
        )
    return products
