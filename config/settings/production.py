"""Production: HTTPS only, JSON logs, hashed static files."""

from config.env import boolean, require, whole_number
from config.settings.base import *  # noqa: F403

# Links in messages would point at this machine, and messages would end on the console as if they had been sent.
require("SHOP_URL", "EMAIL_URL")

# A shop that listens on plain HTTP behind a proxy names the header by which the proxy says "this was HTTPS".
if boolean("TRUST_FORWARDED_PROTO", default=False):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_SSL_REDIRECT = boolean("SECURE_SSL_REDIRECT", default=True)
# The health probes of a load balancer speak plain HTTP, and so does Prometheus inside the network.
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
SECURE_HSTS_SECONDS = whole_number("HSTS_SECONDS", default=31_536_000)
SECURE_HSTS_INCLUDE_SUBDOMAINS = boolean("HSTS_INCLUDE_SUBDOMAINS", default=True)
SECURE_HSTS_PRELOAD = boolean("HSTS_PRELOAD", default=True)
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True
