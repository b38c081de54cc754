from django.contrib import admin
from django.urls import include, path
from django.views.i18n import JavaScriptCatalog

from config.kernel import health
from config.metrics.page import metrics

handler500 = "config.kernel.accidents.server_error"

urlpatterns = [
    path("healthz", health.alive, name="healthz"),
    path("readyz", health.ready, name="readyz"),
    path("metrics", metrics, name="metrics"),
    path("i18n/", include("django.conf.urls.i18n")),
    path("i18n/messages.js", JavaScriptCatalog.as_view(), name="javascript_catalog"),
    path("admin/figures/", include("analytics.admin.figures.urls")),
    path("admin/", admin.site.urls),
    path("api/v1/", include("config.api_urls")),
    path("api/", include("config.api_docs_urls")),
    path("oauth2/", include("config.oauth_urls")),
    path("accounts/", include("users.web.urls")),
    path("messages/", include("campaigns.web.urls")),
    path("offers/", include("campaigns.web.offer_urls")),
    path("", include("coupons.web.urls")),
]
