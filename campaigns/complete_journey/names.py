"""Names that a shopper can read, from a till's capitals and abbreviations."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

# The till cuts words short to fit a receipt.
ABBREVIATIONS = {
    "ACCESS": "Accessories",
    "BEV": "Beverage",
    "BRD": "Breaded",
    "BRKFST": "Breakfast",
    "BTL": "Bottle",
    "CAN": "Canned",
    "CARB": "Carbonated",
    "CATFD": "Cat Food",
    "CHIX": "Chicken",
    "CHP": "Chop",
    "CKE": "Cake",
    "CND": "Canned",
    "COFF": "Coffee",
    "CRMD": "Creamed",
    "DAN": "Danish",
    "DL": "Deli",
    "DOGFD": "Dog Food",
    "DRNK": "Drink",
    "DRNKS": "Drinks",
    "DRSNG": "Dressing",
    "FD": "Food",
    "FDS": "Foods",
    "FEM": "Feminine",
    "FLVR": "Flavor",
    "FLVRD": "Flavored",
    "FRZ": "Frozen",
    "FRZN": "Frozen",
    "GDS": "Goods",
    "GRND": "Ground",
    "HYGN": "Hygiene",
    "JCE": "Juice",
    "MISC": "Other",
    "ORGNC": "Organic",
    "PKG": "Package",
    "PKGD": "Packaged",
    "PNT": "Peanut",
    "PREM": "Premium",
    "PREP": "Prepared",
    "PWDR": "Powder",
    "REFRGRATD": "Refrigerated",
    "REFRIG": "Refrigerated",
    "SAL": "Salad",
    "SAUS": "Sausage",
    "SFT": "Soft",
    "SHLDR": "Shoulder",
    "SLC": "Slice",
    "SLD": "Salad",
    "SNDWCH": "Sandwich",
    "SPEC": "Specialty",
    "STK": "Steak",
    "SUP": "Super",
    "SUPP": "Supplement",
    "SW": "Sweet",
    "SYRP": "Syrup",
    "VEG": "Vegetable",
    "WHT": "White",
    "YEL": "Yellow",
}
LOWER = {"AND", "FOR", "IN", "OF", "ON", "OR", "THAN", "THE", "TO", "UP", "WITH"}
UPPER = {"BBQ", "DVD", "DXM", "GM", "HBC", "IQF", "OTC", "TV", "USB"}
WORD = re.compile(r"[A-Za-z]+(?:'[A-Za-z]+)?")
ITEM_NUMBER = re.compile(r"^\d{6}\s+")
BARE_POINT = re.compile(r"(?<!\d)\.(?=\d)")
PRIVATE_BRAND = "Private"


@dataclass(frozen=True, slots=True)
class Name:
    en: str
    zh: str


@cache
def category_names() -> dict[tuple[str, str], Name]:
    """Returns the names of departments and categories by level and the till's name."""
    table = files("campaigns.complete_journey").joinpath("category_names.csv")
    with table.open(encoding="utf-8") as file:
        return {(row["level"], row["source"]): Name(row["name_en"], row["name_zh"]) for row in csv.DictReader(file)}


def category_name(level: str, source: str) -> Name:
    """Returns the name of a department or category; one outside the table has no Chinese name."""
    return category_names().get((level, source)) or Name(readable(source), "")


def product_name(*, product_type: str, category: Name, size: str, brand: str) -> Name:
    """Returns what a product is called: its type in English, its category in Chinese, with size and brand."""
    size = readable_size(size)
    is_store_brand = brand == PRIVATE_BRAND
    english = readable(product_type) or category.en
    if size:
        english = f"{english}, {size}"
    if is_store_brand:
        english = f"{english} (store brand)"
    chinese = f"{category.zh} {size}".rstrip() if category.zh else ""
    if chinese and is_store_brand:
        chinese = f"{chinese}(自有品牌)"
    return Name(english, chinese)


def readable(text: str) -> str:
    """Returns a till's text with its words spelled out, in title case and without cut-off ends."""
    text = re.sub(r"\s*:\s*", ": ", text.strip(" -"))
    text = re.sub(r"\bW/\s*", "with ", text, flags=re.IGNORECASE)
    text = re.sub(r"\s+", " ", text)
    if text.count("(") > text.count(")"):
        text += ")"
    words = WORD.sub(lambda match: _word(match.group()), text)
    return words[:1].upper() + words[1:]


def readable_size(text: str) -> str:
    """Returns a package size in small letters; an item number or a size without a number is none."""
    size = ITEM_NUMBER.sub("", text.strip())
    if not any(character.isdigit() for character in size):
        return ""
    return BARE_POINT.sub("0.", re.sub(r"\s+", " ", size)).lower()


def _word(word: str) -> str:
    capital = word.upper()
    if capital in ABBREVIATIONS:
        return ABBREVIATIONS[capital]
    if capital in UPPER:
        return capital
    return word.lower() if capital in LOWER else word.capitalize()
