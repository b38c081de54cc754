"""What every deployment shares. Values that differ come from the environment (see .env.example)."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

import structlog
from csp.constants import NONE, SELF
from django.templatetags.static import static
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _

from config.env import (
    BASE_DIR,
    boolean,
    choice,
    currency,
    database,
    email,
    env,
    key_ring,
    names,
    networks,
    secret,
    time_zone,
    whole_number,
)

SECRET_KEY = secret("SECRET_KEY")
FIELD_KEY_RING = key_ring("FIELD_ENCRYPTION_KEYS")
BLIND_INDEX_KEY = secret("BLIND_INDEX_KEY").encode()

DEBUG = False
ALLOWED_HOSTS = names("ALLOWED_HOSTS", default=["127.0.0.1", "localhost"])
CSRF_TRUSTED_ORIGINS = names("CSRF_TRUSTED_ORIGINS")

# How many proxies in front of Quan append to X-Forwarded-For; 0: the header is the visitor's own invention.
TRUSTED_PROXIES = whole_number("TRUSTED_PROXIES", default=0)

# Who may read /metrics: who brings the token, and who comes from one of these networks without a proxy between.
METRICS_TOKEN = secret("METRICS_TOKEN", is_optional=True)
METRICS_NETWORKS = networks("METRICS_NETWORKS")

# The shop
SHOP_NAME = env.str("SHOP_NAME", default="Quan")
SHOP_URL = env.str("SHOP_URL", default="http://127.0.0.1:8000").rstrip("/")
SHOP_CURRENCY = currency("SHOP_CURRENCY", default="CNY")
# Whether prices contain their tax, or it is added to what is paid.
SHOP_PRICES_INCLUDE_TAX = boolean("SHOP_PRICES_INCLUDE_TAX", default=True)
# In hundredths of a percent.
SHOP_SHIPPING_TAX = whole_number("SHOP_SHIPPING_TAX", default=0)
# Lets a signed-in shopper place, pay and cancel orders on the demo cart; a real shop does that by API.
DEMO_CHECKOUT = boolean("DEMO_CHECKOUT", default=False)
# What the demo cart asks for delivery, in minor units; a real shop says it with every quote and order.
DEMO_SHIPPING_FEE = whole_number("DEMO_SHIPPING_FEE", default=600)
ORDER_LOCK_LASTS = timedelta(minutes=whole_number("ORDER_LOCK_MINUTES", default=30, minimum=1))
CLAIM_GRACE_EXTENSION = timedelta(days=whole_number("CLAIM_GRACE_DAYS", default=7))
# A coupon may go through so many hands; a shopper offers so many a shop day; an offer lasts so long.
GIFT_CHAIN_DEPTH = whole_number("GIFT_CHAIN_DEPTH", default=2)
GIFTS_PER_DAY = whole_number("GIFTS_PER_DAY", default=5)
GIFT_LASTS = timedelta(days=whole_number("GIFT_DAYS", default=3, minimum=1))
# What the shop keeps of a price before discounts: of reports, and of every plan and variant group that names no other.
# 100 would say that goods cost nothing, and make every coupon look good; 30 is about what a retailer keeps.
GROSS_MARGIN_PERCENT = whole_number("GROSS_MARGIN_PERCENT", default=30, minimum=1, maximum=100)
# Fairness alarms: the lowest rate of a group beside the highest, and how unevenly discount money may be spread.
FAIRNESS_LOWEST_RATIO_PERCENT = whole_number("FAIRNESS_LOWEST_RATIO_PERCENT", default=80)
FAIRNESS_HIGHEST_GINI_PERCENT = whole_number("FAIRNESS_HIGHEST_GINI_PERCENT", default=95)
# Wrong codes and wrong gift links a minute, after which a shopper, and an address, has to wait.
WRONG_CODES_PER_SHOPPER = whole_number("WRONG_CODES_PER_SHOPPER", default=5, minimum=1)
WRONG_CODES_PER_ADDRESS = whole_number("WRONG_CODES_PER_ADDRESS", default=5, minimum=1)
# One-time codes an hour, to one phone or e-mail address and to all who share a network address.
ONE_TIME_CODES_PER_PERSON = whole_number("ONE_TIME_CODES_PER_PERSON", default=5, minimum=1)
ONE_TIME_CODES_PER_ADDRESS = whole_number("ONE_TIME_CODES_PER_ADDRESS", default=100, minimum=1)
# Requests a minute, as many of them in one burst, by whom they come from: an application of the shop's backend, a
# shopper, an address. Claims have a rate of their own, on pages and in the API.
RATE_LIMITS = {
    "calls": {
        "key": whole_number("CALLS_PER_KEY", default=120_000, minimum=1),
        "shopper": whole_number("CALLS_PER_SHOPPER", default=600, minimum=1),
        "address": whole_number("CALLS_PER_ADDRESS", default=12_000, minimum=1),
    },
    "claims": {
        "key": whole_number("CLAIMS_PER_KEY", default=60_000, minimum=1),
        "shopper": whole_number("CLAIMS_PER_SHOPPER", default=60, minimum=1),
        "address": whole_number("CLAIMS_PER_ADDRESS", default=3_000, minimum=1),
    },
}

# The most numbers that a browser tries for one claim of a coupon that asks for a proof of work (half of them on
# average), and how many challenges within ten seconds make its next ones twice as hard.
PROOF_OF_WORK_NUMBERS = whole_number("PROOF_OF_WORK_NUMBERS", default=50_000, minimum=1)
PROOF_OF_WORK_CALM = whole_number("PROOF_OF_WORK_CALM", default=1_000, minimum=1)

INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "unfold.contrib.simple_history",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    # Serves static files by whitenoise under runserver too.
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "oauth2_provider",
    "simple_history",
    "axes",
    "csp",
    "django_htmx",
    "django_structlog",
    "django_celery_beat",
    "config.kernel",
    "users",
    "coupons",
    "campaigns",
    "analytics",
]

MIDDLEWARE = [
    # Around all others, so that what it measures is what a visitor waits for.
    "config.metrics.middleware.RequestMetricsMiddleware",
    # Before the rest, so that their answers (a redirect to the address with its slash) carry the headers too.
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "config.middleware.RequestLogMiddleware",
    "config.middleware.RequestIdHeaderMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "config.middleware.AdminContentSecurityPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "simple_history.middleware.HistoryRequestMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "config.kernel.middleware.BusyPageMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
ASGI_APPLICATION = "config.asgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.debug",
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "config.context_processors.shop",
            ],
        },
    }
]

DATABASES = {"default": database()}
# Seconds that whatever people wait for waits for one answer of the database.
DATABASE_ANSWER_SECONDS = whole_number("DATABASE_ANSWER_SECONDS", default=10)

# Redis makes things fast; what must not be lost is in the database.
REDIS_URL = env.str("REDIS_URL", default="")
# Claims of hot coupons that one process has in the database at a time while Redis, and with it the gate, is away.
CLAIMS_WITHOUT_GATE = whole_number("CLAIMS_WITHOUT_GATE", default=4, minimum=1)
if REDIS_URL:
    CACHES: dict[str, Any] = {
        "default": {
            "BACKEND": "django_redis.cache.RedisCache",
            "LOCATION": REDIS_URL,
            "KEY_PREFIX": "quan",
            "OPTIONS": {
                "SOCKET_CONNECT_TIMEOUT": 1,
                "SOCKET_TIMEOUT": 1,
                # A cache that is away is a miss, not an error.
                "IGNORE_EXCEPTIONS": True,
            },
        }
    }
else:
    CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
SESSION_ENGINE = "django.contrib.sessions.backends.cached_db"

# Accounts
AUTH_USER_MODEL = "users.User"
AUTHENTICATION_BACKENDS = ["axes.backends.AxesBackend", "users.backends.IdentifierBackend"]
LOGIN_URL = reverse_lazy("users:sign_in")
LOGIN_REDIRECT_URL = reverse_lazy("coupons:showcase")
LOGOUT_REDIRECT_URL = reverse_lazy("coupons:showcase")
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
SESSION_COOKIE_AGE = 30 * 24 * 3600
# Lock-out counts per address and account; the account is kept as a keyed hash.
AXES_FAILURE_LIMIT = 8
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_USERNAME_CALLABLE = "users.backends.hashed_identifier"
AXES_CLIENT_IP_CALLABLE = "config.kernel.addresses.client_address"
AXES_LOCKOUT_TEMPLATE = "users/locked_out.html"
AXES_RESET_ON_SUCCESS = True

# API
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "config.kernel.api.authentication.BearerAuthentication",
        "config.kernel.api.authentication.PageSessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["config.kernel.api.parsers.StrictJSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_PAGINATION_CLASS": "config.kernel.api.pagination.NewestFirstPagination",
    "EXCEPTION_HANDLER": "config.kernel.api.problems.problem_response",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
    "COERCE_DECIMAL_TO_STRING": True,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Quan API",
    "DESCRIPTION": "Find, claim, quote, redeem and refund coupons. Amounts are decimal strings in the shop's currency.",
    "VERSION": "1.0.0",
    "SERVE_INCLUDE_SCHEMA": False,
    # Two components have it, a gift and a gift just offered.
    "ENUM_NAME_OVERRIDES": {"GiftStateEnum": "coupons.enums.GiftState"},
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
}
OAUTH2_PROVIDER = {
    "SCOPES": {
        "coupons:read": "Read coupons and products",
        "claims:read": "Read shoppers' claims",
        "claims:write": "Claim coupons for shoppers",
        "quotes:write": "Price carts",
        "orders:read": "Read orders",
        "orders:write": "Lock, redeem, release and refund",
        "events:write": "Send behaviour events",
        "shoppers:write": "Create and update shoppers",
    },
    "DEFAULT_SCOPES": ["coupons:read"],
    "ACCESS_TOKEN_EXPIRE_SECONDS": 3600,
    # RFC 9700, best current practice for OAuth 2.0 security. Quan serves client credentials alone; these close
    # what the library would otherwise leave open.
    "COMPLIANT_BCP_RFC9700_IMPLICIT_GRANT": True,
    "COMPLIANT_BCP_RFC9700_PASSWORD_GRANT": True,
    "COMPLIANT_BCP_RFC9700_PKCE_METHOD": True,
    "COMPLIANT_BCP_RFC9700_ACCESS_TOKEN_TRANSPORT": True,
    "COMPLIANT_BCP_RFC9700_AUTHZ_RESPONSE_ISS": True,
    "COMPLIANT_BCP_RFC9700_TOKEN_STORAGE": True,
    "REFRESH_TOKEN_REUSE_PROTECTION": True,
    "ALLOWED_REDIRECT_URI_SCHEMES": ["https"],
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024

# Languages and time
LANGUAGE_CODE = choice("SHOP_LANGUAGE", choices=("zh-hans", "en"), default="zh-hans")
LANGUAGES = [("zh-hans", _("Simplified Chinese")), ("en", _("English"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = time_zone("SHOP_TIME_ZONE", default="Asia/Shanghai")
USE_I18N = True
LANGUAGE_COOKIE_AGE = 365 * 24 * 3600
USE_TZ = True

# Static files
STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

# Messages to shoppers
EMAIL_CONFIG = email("EMAIL_URL", default="consolemail://")
vars().update(EMAIL_CONFIG)
EMAIL_TIMEOUT = 10
# A function (phone, text) of the shop's own that hands a text message over, by its dotted path; none: no SMS.
SMS_GATEWAY = env.str("SMS_GATEWAY", default="")
# Only on a developer's machine: whoever reads the log gets in.
ONE_TIME_CODES_IN_LOG = False
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="Quan <coupons@localhost>")

# Background work
CELERY_BROKER_URL = env.str("CELERY_BROKER_URL", default=REDIS_URL)
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# Above the longest task, or a broker hands a running task to a second worker.
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 6 * 3600}
CELERY_TASK_TIME_LIMIT = 5 * 3600
CELERY_TIMEZONE = TIME_ZONE
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
DJANGO_STRUCTLOG_CELERY_ENABLED = True
# One line a request, when it is over. The address is bound by our own middleware, which believes trusted proxies alone.
DJANGO_STRUCTLOG_STATUS_START_LOG_LEVEL = logging.DEBUG
DJANGO_STRUCTLOG_IP_LOGGING_ENABLED = False

# Security headers; the admin theme needs its own policy, see config/middleware.py.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF],
        "worker-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "connect-src": [SELF],
        "font-src": [SELF],
        "object-src": [NONE],
        "base-uri": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}
X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"

# Logs: one line an event, with the id of its request; JSON in production, readable elsewhere.
LOG_FORMAT = choice("LOG_FORMAT", choices=("console", "json"), default="console")
LOG_LEVEL = choice("LOG_LEVEL", choices=("DEBUG", "INFO", "WARNING", "ERROR"), default="INFO")
_shared_processors: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
    structlog.processors.format_exc_info,
]
_renderer: Any = (
    structlog.processors.JSONRenderer() if LOG_FORMAT == "json" else structlog.dev.ConsoleRenderer(colors=False)
)
LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "()": structlog.stdlib.ProcessorFormatter,
            "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, _renderer],
            "foreign_pre_chain": _shared_processors,
        }
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": LOG_LEVEL},
    "loggers": {
        "django.server": {"handlers": ["console"], "level": "WARNING", "propagate": False},
        "axes": {"level": "WARNING"},
    },
}
structlog.configure(
    # What nobody will read is dropped before it is written out.
    processors=[
        structlog.stdlib.filter_by_level,
        *_shared_processors,
        structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
    ],
    logger_factory=structlog.stdlib.LoggerFactory(),
    wrapper_class=structlog.stdlib.BoundLogger,
    cache_logger_on_first_use=True,
)

UNFOLD = {
    "SITE_TITLE": "Quan 券",
    "SITE_HEADER": "Quan 券",
    "SITE_SYMBOL": "confirmation_number",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("img/quan.svg")}],
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": True,
    "SHOW_LANGUAGES": True,
    "STYLES": ["config.navigation.stylesheet"],
    "DASHBOARD_CALLBACK": "analytics.admin.dashboard.dashboard_callback",
    "SIDEBAR": {
        "show_search": True,
        "navigation": "config.navigation.sidebar",
    },
}
