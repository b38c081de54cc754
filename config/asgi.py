import os

from django.conf import settings
from django.core.asgi import get_asgi_application

from config.kernel.postgresql.patience import limit_waiting

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.production")

application = get_asgi_application()
limit_waiting(settings.DATABASE_ANSWER_SECONDS)
