"""Tokens for the shop's backend: client credentials, and nothing else of OAuth2."""

from django.urls import path
from oauth2_provider.views import RevokeTokenView, TokenView

app_name = "oauth"

urlpatterns = [
    path("token", TokenView.as_view(), name="token"),
    path("revoke", RevokeTokenView.as_view(), name="revoke"),
]
