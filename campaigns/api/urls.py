from django.urls import path

from campaigns.api import views

urlpatterns = [
    path("offers/<slug:key>", views.OfferView.as_view(), name="offer"),
]
