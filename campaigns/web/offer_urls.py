from django.urls import path

from campaigns.web import offers

app_name = "offers"
urlpatterns = [
    path("<slug:key>/", offers.offer, name="offer"),
]
