"""Getting in by a one-time code: a page that asks where to send it, and a page that asks for it.

Which code a browser has asked for stands in a signed cookie: a stranger needs no session for it, and a double click
on the last button ends no session.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.http import urlencode
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.generic import FormView

from config.kernel.addresses import client_address
from config.kernel.clock import database_now
from config.kernel.errors import DomainError
from users.errors import CodeNotSent, OneTimeCodeOver, OneTimeCodeWrong, PasswordNeeded, SmsNotSetUp, TooManyCodes
from users.forms import OneTimeAddressForm, OneTimeDigitsForm
from users.models import User
from users.models.one_time_code import LASTS
from users.selectors.one_time_codes import one_time_code_is_waiting
from users.services.one_time_codes import one_time_code_send, one_time_code_use
from users.web.views import BACKEND, BackToPageMixin, remember_language

COOKIE = "one_time_code"
SALT = "users.one_time_code"
UNPROCESSABLE = 422


class OneTimeFormView(FormView):
    """What both pages share: they are for strangers, and say what is wrong."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.user.is_authenticated:
            return redirect(self.get_success_url())
        return super().dispatch(request, *args, **kwargs)

    def refuse(self, form: Any, error: DomainError) -> HttpResponse:
        """Shows the form with a refusal."""
        form.add_error(None, error.sentence)
        response = self.form_invalid(form)
        response.status_code = error.status
        if error.retry_after is not None:
            response["Retry-After"] = str(error.retry_after)
        return response

    def form_invalid(self, form: Any) -> HttpResponse:
        return self.render_to_response(self.get_context_data(form=form), status=UNPROCESSABLE)

    def get_code_url(self) -> str:
        """Returns the page that asks for the code."""
        raise NotImplementedError

    def get_address_url(self) -> str:
        """Returns the page that asks where to send a code."""
        raise NotImplementedError

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        urls = {"code_url": self.get_code_url(), "address_url": self.get_address_url()}
        return super().get_context_data(**urls, **kwargs)


@method_decorator(never_cache, name="dispatch")
class OneTimeAddressView(OneTimeFormView):
    """Asks for an e-mail address or a phone number and sends a code there; the same for everybody."""

    form_class = OneTimeAddressForm
    template_name = "users/one_time_address.html"

    def form_valid(self, form: OneTimeAddressForm) -> HttpResponse:
        identifier, now = form.cleaned_data["address"], database_now()
        try:
            public_id = one_time_code_send(identifier=identifier, address=client_address(self.request), now=now)
        except TooManyCodes as error:
            known = code_of(self.request)
            if known is None or not one_time_code_is_waiting(public_id=known, identifier=identifier, now=now):
                return self.refuse(form, error)
            messages.info(self.request, _("A code is on its way already."))
            return HttpResponseRedirect(self.get_code_url())
        except (SmsNotSetUp, CodeNotSent) as error:
            return self.refuse(form, error)
        response = HttpResponseRedirect(self.get_code_url())
        response.set_signed_cookie(
            COOKIE,
            str(public_id),
            salt=SALT,
            max_age=int(LASTS.total_seconds()),
            secure=settings.SESSION_COOKIE_SECURE,
            httponly=True,
            samesite="Lax",
        )
        return response


@method_decorator([sensitive_post_parameters("digits"), never_cache], name="dispatch")
class OneTimeDigitsView(OneTimeFormView):
    """Asks for the code and signs its owner in."""

    form_class = OneTimeDigitsForm
    template_name = "users/one_time_digits.html"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not request.user.is_authenticated and code_of(request) is None:
            return redirect(self.get_address_url())
        return super().dispatch(request, *args, **kwargs)

    def form_valid(self, form: OneTimeDigitsForm) -> HttpResponse:
        public_id = code_of(self.request)
        assert public_id is not None
        language = get_language() or settings.LANGUAGE_CODE
        try:
            user = one_time_code_use(
                public_id=public_id, digits=form.cleaned_data["digits"], language=language, now=database_now()
            )
        except (OneTimeCodeWrong, OneTimeCodeOver, PasswordNeeded) as error:
            return self.refuse(form, error)
        login(self.request, user, backend=BACKEND)
        response = self.signed_in(user, public_id)
        response.delete_cookie(COOKIE, samesite="Lax")
        if settings.LANGUAGE_COOKIE_NAME not in self.request.COOKIES:
            remember_language(response, user.language)
        return response

    def signed_in(self, user: User, public_id: UUID) -> HttpResponse:
        """Answers whoever has just been signed in by the code with this id."""
        return HttpResponseRedirect(self.get_success_url())


class SignInByCode(BackToPageMixin, OneTimeFormView):
    """Goes back to where the person came from."""

    next_page = "coupons:showcase"

    def get_code_url(self) -> str:
        return self._with_next("users:one_time_digits")

    def get_address_url(self) -> str:
        return self._with_next("users:one_time_address")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(next=self.get_redirect_url(), heading=_("Sign in with a code"), **kwargs)

    def _with_next(self, name: str) -> str:
        back_to = self.get_redirect_url()
        return f"{reverse(name)}?{urlencode({'next': back_to})}" if back_to else reverse(name)


class SignInAddressView(SignInByCode, OneTimeAddressView):
    """The first page of signing in by a code."""


class SignInDigitsView(SignInByCode, OneTimeDigitsView):
    """The second page of signing in by a code."""


def code_of(request: HttpRequest) -> UUID | None:
    """Returns the id of the code that this browser has asked for; None when there is none or it is over."""
    text = request.get_signed_cookie(COOKIE, default=None, salt=SALT, max_age=LASTS)
    return UUID(text) if text else None
