from django.urls import path

from campaigns.web import views

app_name = "campaigns"
urlpatterns = [
    path("", views.inbox, name="inbox"),
    path("read/", views.inbox_read, name="inbox_read"),
]
