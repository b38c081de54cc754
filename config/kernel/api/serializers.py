"""What comes in is named completely; what goes out as an error has one shape."""

from __future__ import annotations

from collections.abc import Mapping
from threading import local
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail

_kept = local()


def kept_serializer(serializer_class: type[serializers.BaseSerializer]) -> Any:
    """Returns this thread's serializer of a kind: making all its fields anew takes longer than using them."""
    kept: dict[type, serializers.BaseSerializer] = vars(_kept).setdefault("serializers", {})
    serializer = kept.get(serializer_class)
    if serializer is None:
        serializer = kept[serializer_class] = serializer_class(context={})
    return serializer


def represent(serializer_class: type[serializers.Serializer], instance: Any, **context: Any) -> dict[str, Any]:
    """Writes one object as the serializer does.

    Args:
        context: what the serializer's methods look up.
    """
    serializer = kept_serializer(serializer_class)
    serializer._context = context
    return serializer.to_representation(instance)


class StrictSerializer(serializers.Serializer):
    """Refuses every member that it does not name, so that nobody sets what was never meant to be set."""

    default_error_messages = {
        "null": gettext_lazy("A JSON object is expected here."),
        "invalid": gettext_lazy("A JSON object is expected here."),
    }

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            unknown = sorted(set(data) - set(self.fields))
            if unknown:
                message = _("This field does not exist.")
                raise serializers.ValidationError(
                    {name: [ErrorDetail(message, code="unknown_field")] for name in unknown[:20]}
                )
        return super().to_internal_value(data)


class NothingSerializer(StrictSerializer):
    """A body without members."""


class ProblemErrorSerializer(serializers.Serializer):
    """One thing that is wrong in a request."""

    parameter = serializers.CharField(help_text="Where, such as `lines[0].quantity`.")
    code = serializers.CharField()
    message = serializers.CharField()


class ProblemSerializer(serializers.Serializer):
    """An RFC 9457 problem document; further members, such as `starts_at` or `missing_amount`, help to act on it."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField(help_text="A sentence for people, in the caller's language.")
    code = serializers.CharField(help_text="Stable; programs look at this.")
    parameter = serializers.CharField(allow_null=True, help_text="The first wrong part of the request, if any.")
    errors = ProblemErrorSerializer(many=True)  # type: ignore[assignment]  # a member's name; DRF keeps the property
    request_id = serializers.CharField(help_text="Under this id the logs know the request.")
