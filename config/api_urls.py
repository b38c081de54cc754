"""Version 1 of the API; addresses have no slash at their end."""

from django.urls import include, path, re_path

from config.kernel.api.views import UnknownAddressView

app_name = "api"

urlpatterns = [
    path("", include("coupons.api.urls")),
    path("", include("users.api.urls")),
    path("", include("campaigns.api.urls")),
    re_path(r"^.*$", UnknownAddressView.as_view()),
]
