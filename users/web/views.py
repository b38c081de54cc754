"""Signing up, in and out, the account page and the choice of language."""

from __future__ import annotations

from typing import Any, cast
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import LoginView, LogoutView, RedirectURLMixin
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.translation import check_for_language, get_language, override
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST
from django.views.generic import FormView
from django.views.i18n import set_language

from config.kernel.clock import database_now, shop_date
from users.errors import EmailTaken, PhoneTaken
from users.forms import AccountForm, SignInForm, SignUpForm
from users.models import User
from users.services.accounts import account_create, account_set_language, account_update

BACKEND = "users.backends.IdentifierBackend"
WAYS_IN = ("users:sign_in", "users:sign_up", "users:one_time_address", "users:one_time_digits")


class BackToPageMixin(RedirectURLMixin):
    """Goes back to the page that a person came from, unless that is a page for getting in."""

    def get_redirect_url(self, request: HttpRequest | None = None) -> str:
        url = super().get_redirect_url()
        return "" if urlsplit(url).path in {reverse(name) for name in WAYS_IN} else url


class SignInView(BackToPageMixin, LoginView):
    """Sign-in; goes back to where the person came from."""

    authentication_form = SignInForm
    template_name = "users/sign_in.html"
    redirect_authenticated_user = True

    def form_valid(self, form: Any) -> HttpResponse:
        response = super().form_valid(form)
        # Somebody who has chosen a language in this browser keeps it.
        if settings.LANGUAGE_COOKIE_NAME not in self.request.COOKIES:
            remember_language(response, cast(User, form.get_user()).language)
        return response


class SignOutView(LogoutView):
    """Sign-out, by POST only."""

    http_method_names = ["post", "options"]


@method_decorator([sensitive_post_parameters("password"), never_cache], name="dispatch")
class SignUpView(BackToPageMixin, FormView):
    """Opens an account and signs its owner in."""

    form_class = SignUpForm
    template_name = "users/sign_up.html"
    next_page = "coupons:showcase"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.user.is_authenticated:
            return redirect(self.get_success_url())
        return super().dispatch(request, *args, **kwargs)

    def form_valid(self, form: SignUpForm) -> HttpResponse:
        try:
            user = account_create(
                name=form.cleaned_data["name"],
                password=form.cleaned_data["password"],
                language=get_language() or settings.LANGUAGE_CODE,
                now=database_now(),
                **form.identifiers(),
            )
        except (EmailTaken, PhoneTaken):
            form.add_error("identifier", _("This cannot be used for a new account. If it is yours, sign in with it."))
            return self.form_invalid(form)
        login(self.request, user, backend=BACKEND)
        messages.success(self.request, _("Welcome! Your first coupons are waiting."))
        return HttpResponseRedirect(self.get_success_url())

    def form_invalid(self, form: SignUpForm) -> HttpResponse:
        return self.render_to_response(self.get_context_data(form=form), status=422)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(next=self.get_redirect_url(), **kwargs)


@login_required
@never_cache
def account(request: HttpRequest) -> HttpResponse:
    """What the shop knows of its shopper, to read and to change."""
    user = cast(User, request.user)
    now = database_now()
    form = AccountForm(request.POST or None, user=user, today=shop_date(now))
    if request.method == "POST" and form.is_valid():
        try:
            account_update(user=user, **form.cleaned_data)
        except (EmailTaken, PhoneTaken) as error:
            form.add_error(error.data["parameter"], error.sentence)
        else:
            return _saved(request, form.cleaned_data["language"])
    status = 422 if form.errors else 200
    return render(request, "users/account.html", {"form": form}, status=status)


@require_POST
def language(request: HttpRequest) -> HttpResponseBase:
    """Switches the language of the pages, and of messages to a person who is signed in."""
    response = set_language(request)
    chosen = request.POST.get("language", "")
    if request.user.is_authenticated and chosen in dict(settings.LANGUAGES):
        account_set_language(user=request.user, language=chosen)
    return response


def remember_language(response: HttpResponse, code: str) -> None:
    """Sets the cookie that Django's language middleware reads."""
    if not check_for_language(code):
        return
    response.set_cookie(
        settings.LANGUAGE_COOKIE_NAME,
        code,
        max_age=settings.LANGUAGE_COOKIE_AGE,
        path=settings.LANGUAGE_COOKIE_PATH,
        domain=settings.LANGUAGE_COOKIE_DOMAIN,
        secure=settings.LANGUAGE_COOKIE_SECURE,
        httponly=settings.LANGUAGE_COOKIE_HTTPONLY,
        samesite=settings.LANGUAGE_COOKIE_SAMESITE,
    )


def _saved(request: HttpRequest, language_code: str) -> HttpResponse:
    # Already in the language that the page will have.
    with override(language_code):
        messages.success(request, _("Your account is saved."))
    response = redirect(reverse("users:account"))
    remember_language(response, language_code)
    return response
