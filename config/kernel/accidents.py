"""What a visitor hears when something breaks outside of a view: in a middleware, or while an answer is put together."""

from __future__ import annotations

import sys

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import get_template
from django.views import defaults

from config.kernel.api.problems import MEDIA_TYPE, problem_response
from config.kernel.locks import is_busy

API = "/api/"


def server_error(request: HttpRequest) -> HttpResponse:
    """Answers an accident: 503 with Retry-After when the database says "not now", 500 otherwise.

    Neither asks the database or the session for anything, since they may be what is broken.
    """
    error = sys.exc_info()[1]
    if request.path.startswith(API) and isinstance(error, Exception):
        problem = problem_response(error, {})
        response = JsonResponse(problem.data, status=problem.status_code, content_type=MEDIA_TYPE)
        if problem.has_header("Retry-After"):
            response["Retry-After"] = problem["Retry-After"]
        return response
    if error is None or not is_busy(error):
        return defaults.server_error(request)
    return HttpResponse(get_template("503.html").render(), status=503, headers={"Retry-After": "1"})
