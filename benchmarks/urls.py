"""The platform's own addresses, and the two baselines beside them."""

from django.urls import include, path

from benchmarks.views import NaiveClaimView, NoOperationView

urlpatterns = [
    path("baseline/nothing", NoOperationView.as_view()),
    path("baseline/naive-claims", NaiveClaimView.as_view()),
    path("", include("config.urls")),
]
