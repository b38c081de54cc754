"""How the API describes itself, to programs and to people."""

from django.urls import path, re_path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from config.kernel.api.views import UnknownAddressView

app_name = "api_docs"

urlpatterns = [
    path("schema", SpectacularAPIView.as_view(), name="schema"),
    # The split view needs no inline script, which the content security policy forbids.
    path("docs", SpectacularSwaggerSplitView.as_view(url_name="api_docs:schema"), name="docs"),
    re_path(r"^.*$", UnknownAddressView.as_view()),
]
