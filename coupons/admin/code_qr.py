"""The QR code of a code, for print."""

from __future__ import annotations

import io

import segno
from django.http import Http404, HttpResponse

from coupons.links import code_link
from coupons.models import Code

CONTENT_TYPES = {"svg": "image/svg+xml", "png": "image/png"}
# Pixels of one module; a PNG of this size prints sharply on a poster's corner.
SCALE = 12


def qr_answer(code_id: str, kind: str) -> HttpResponse:
    """Answers the QR code of the address that turns a code into a claim.

    Args:
        kind: `svg` or `png`.

    Raises:
        Http404: there is no such code.
    """
    code = Code.objects.filter(pk=code_id).first() if code_id.isdecimal() else None
    if code is None:
        raise Http404
    picture = io.BytesIO()
    # A quarter of it may be torn or dirty.
    segno.make(code_link(code.text), error="q", micro=False).save(picture, kind=kind, scale=SCALE)
    return HttpResponse(
        picture.getvalue(),
        content_type=CONTENT_TYPES[kind],
        headers={"Content-Disposition": f'attachment; filename="code-{code.pk}.{kind}"', "Cache-Control": "no-store"},
    )
