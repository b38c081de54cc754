"""The catalogue mirror: the shop's own system is its master; names and floor prices may be mended here."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter, BooleanRadioFilter
from unfold.decorators import display

from config.kernel.admin_tools import LargeTableMixin, ShopModelAdmin, money_column
from coupons.models import Category, Product


class _MirrorMixin:
    """Rows come and go with the shop's catalogue only."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Category)
class CategoryAdmin(_MirrorMixin, ShopModelAdmin):
    list_display = ("show_name", "key", "parent")
    list_select_related = ("parent",)
    search_fields = ("name_zh", "name_en", "key")
    fields = ("key", "parent", "name_zh", "name_en")
    readonly_fields = ("key", "parent")

    @display(description=_("name"), ordering="name_en")
    def show_name(self, category: Category) -> str:
        return category.name


class ProductForm(forms.ModelForm):
    class Meta:
        model = Product
        fields = ("name_zh", "name_en", "floor_price")

    def clean_floor_price(self) -> int:
        """Refuses a floor above the price: nothing could be discounted down to it."""
        floor_price: int = self.cleaned_data["floor_price"]
        if floor_price > self.instance.price:
            raise forms.ValidationError(gettext("The floor price is at most the price."))
        return floor_price


@admin.register(Product)
class ProductAdmin(_MirrorMixin, LargeTableMixin, ShopModelAdmin):
    form = ProductForm
    list_display = (
        "sku",
        "show_name",
        "category",
        "product_type",
        "brand",
        money_column("price", _("price")),
        money_column("floor_price", _("floor price")),
        "is_on_sale",
    )
    list_select_related = ("category",)
    list_filter = (("category", AutocompleteSelectFilter), ("is_on_sale", BooleanRadioFilter))
    list_filter_submit = True
    search_fields = ("sku", "name_zh", "name_en", "product_type", "brand")
    ordering = ("sku",)
    fields = ("sku", "name_zh", "name_en", "category", "product_type", "brand", "price", "floor_price", "is_on_sale")
    readonly_fields = ("sku", "category", "product_type", "brand", "price", "is_on_sale")

    @display(description=_("name"), ordering="name_en")
    def show_name(self, product: Product) -> str:
        return product.name
