"""The mirror of the shop's catalogue: what coupons need to know of products, and nothing more."""

from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from config.kernel.bilingual import in_active_language
from config.kernel.money import MoneyField


class Category(models.Model):
    """A shelf of the shop; a category counts everything under it."""

    key = models.SlugField(_("key"), max_length=80, unique=True)
    name_zh = models.CharField(_("name in Chinese"), max_length=120, blank=True)
    name_en = models.CharField(_("name in English"), max_length=120)
    parent = models.ForeignKey(
        "self", verbose_name=_("parent"), on_delete=models.PROTECT, null=True, blank=True, related_name="children"
    )

    class Meta:
        verbose_name = _("category")
        verbose_name_plural = _("categories")
        ordering = ["name_en"]

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        return in_active_language(self.name_zh, self.name_en)


class Product(models.Model):
    """One thing for sale."""

    sku = models.CharField(_("SKU"), max_length=64, unique=True)
    name_zh = models.CharField(_("name in Chinese"), max_length=200, blank=True)
    name_en = models.CharField(_("name in English"), max_length=200)
    category = models.ForeignKey(
        Category, verbose_name=_("category"), on_delete=models.PROTECT, related_name="products"
    )
    # What it is, whoever makes it and however large the pack: "Yogurt". Finer than a shelf, in the shop's own word.
    product_type = models.CharField(
        _("product type"),
        max_length=80,
        blank=True,
        help_text=_("What it is, such as Yogurt; recommendations learn by it. Empty: its category counts instead."),
    )
    brand = models.CharField(_("brand"), max_length=80, blank=True)
    price = MoneyField(_("price"))
    floor_price = MoneyField(_("floor price"), default=0)
    tax_rate = models.DecimalField(
        _("tax rate"),
        max_digits=5,
        decimal_places=2,
        default=0,
        validators=[MinValueValidator(0), MaxValueValidator(100)],
        help_text=_("Percent; contained in the price or added to it, as the shop is set up."),
    )
    is_on_sale = models.BooleanField(_("on sale"), default=True)

    class Meta:
        verbose_name = _("product")
        verbose_name_plural = _("products")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(floor_price__gte=0, price__gte=models.F("floor_price")), name="coupons_product_price"
            ),
            models.CheckConstraint(
                condition=models.Q(tax_rate__gte=0, tax_rate__lte=100), name="coupons_product_tax_rate"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        return in_active_language(self.name_zh, self.name_en)
