"""Is the process alive, and can it serve?"""

from __future__ import annotations

from collections.abc import Callable

from django.core.cache import cache
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

_migrated = False


@never_cache
@require_safe
def alive(request: HttpRequest) -> JsonResponse:
    """Answers as long as the process can answer at all; looks at nothing else."""
    return JsonResponse({"status": "alive"})


@never_cache
@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """Answers 200 when a shopper can be served, 503 with the reason otherwise.

    Without Redis the platform serves in degraded mode, so that is reported and is no reason for 503.
    """
    checks = {name: _outcome(check) for name, check in CHECKS.items()}
    required_fine = all(checks[name] == "ok" for name in REQUIRED)
    status = "ready" if all(outcome == "ok" for outcome in checks.values()) else "degraded"
    return JsonResponse(
        {"status": status if required_fine else "unavailable", "checks": checks}, status=200 if required_fine else 503
    )


def _outcome(check: Callable[[], bool]) -> str:
    try:
        return "ok" if check() else "failed"
    # Whatever the driver raises, the answer is the same: this part does not work.
    except Exception as error:
        return f"failed: {type(error).__name__}"


def _database_answers() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        return cursor.fetchone() == (1,)


def _migrations_applied() -> bool:
    # Asked until the answer is yes; a running process never becomes unmigrated again.
    global _migrated
    if not _migrated:
        executor = MigrationExecutor(connection)
        _migrated = not executor.migration_plan(executor.loader.graph.leaf_nodes())
    return _migrated


def _cache_answers() -> bool:
    cache.set("health", "ok", timeout=10)
    return cache.get("health") == "ok"


CHECKS: dict[str, Callable[[], bool]] = {
    "database": _database_answers,
    "migrations": _migrations_applied,
    "redis": _cache_answers,
}
REQUIRED = ("database", "migrations")
