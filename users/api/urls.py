from django.urls import path, register_converter

from users.api import views


class ExternalIdConverter:
    """The shop's own id of a shopper as it stands in an address: 1 to 64 visible characters."""

    regex = r"[^/\s\x00-\x1f\x7f]{1,64}"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


register_converter(ExternalIdConverter, "external_id")

urlpatterns = [
    path("events", views.EventsView.as_view(), name="events"),
    path("shoppers/<external_id:external_id>", views.ShopperView.as_view(), name="shopper"),
]
