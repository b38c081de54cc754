"""The lots of `config.kernel.lots` in SQL, for many rows at once."""

from __future__ import annotations

from django.db.models import CharField, F, TextField, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import MD5, Cast, Concat


def lots_of_numbers(salt: str, column: str = "pk") -> Combinable:
    """Returns the expression for the lots of a column of numbers."""
    return MD5(Concat(Value(f"{salt}:"), Cast(F(column), CharField()), output_field=TextField()))


def lots_with_salts(column: str, number: int) -> Combinable:
    """Returns the expression for the lots of one number with a column of salts."""
    return MD5(Concat(F(column), Value(f":{number}"), output_field=TextField()))
