from django.urls import path

from campaigns.api import views

urlpatterns = [
    path("offers/<slug:key>/decision", views.OfferDecisionView.as_view(), name="offer-decision"),
]
