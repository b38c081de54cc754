from importlib import import_module

from django.apps import AppConfig


class KernelConfig(AppConfig):
    name = "config.kernel"
    label = "kernel"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # Makes it the current Celery application of every Django process, whichever sends a task.
        import_module("config.celery")
