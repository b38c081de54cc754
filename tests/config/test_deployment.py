"""What an operator copies: the example environment, the compose file, the image and the process list."""

import itertools
import re
from collections.abc import Callable

import pytest
import yaml
from django.core.exceptions import ImproperlyConfigured

from config.embedded.places import PROJECT
from config.env import key_ring, secret

READERS = r"env(?:\.\w+)?|secret|key_ring|currency|time_zone|boolean|whole_number|choice|names|networks|email"
READ_BY_CODE = re.compile(rf'\b(?:{READERS})\(\s*"([A-Z][A-Z0-9_]+)"')
LISTED = re.compile(r"^(?:# )?([A-Z][A-Z0-9_]+)=", re.MULTILINE)
INTERPOLATED = re.compile(r"(?<!\$)\$\{([A-Z_]+)")
# Read by manage.py, celery.py and wsgi.py rather than by the settings.
READ_BEFORE_SETTINGS = {"DJANGO_SETTINGS_MODULE"}


def text(name: str) -> str:
    return (PROJECT / name).read_text(encoding="utf-8")


def names_read_by_settings() -> set[str]:
    files = [PROJECT / "config" / "env.py", *(PROJECT / "config" / "settings").glob("*.py")]
    return {name for file in files for name in READ_BY_CODE.findall(file.read_text(encoding="utf-8"))}


def test_the_example_environment_lists_exactly_what_is_read() -> None:
    listed = LISTED.findall(text(".env.example"))
    only_in_compose = set(INTERPOLATED.findall(text("compose.yaml")))

    assert len(listed) == len(set(listed))
    assert set(listed) == names_read_by_settings() | READ_BEFORE_SETTINGS | only_in_compose


def test_every_variable_of_the_example_has_a_comment_above_it() -> None:
    for before, line in itertools.pairwise(text(".env.example").splitlines()):
        if LISTED.match(line):
            assert before.startswith("#"), line


@pytest.mark.parametrize(
    ("name", "read"), [("SECRET_KEY", secret), ("BLIND_INDEX_KEY", secret), ("FIELD_ENCRYPTION_KEYS", key_ring)]
)
def test_a_secret_that_was_not_filled_in_stops_the_start(
    name: str, read: Callable[[str], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    [example] = re.findall(rf"^{name}=(.*)$", text(".env.example"), re.MULTILINE)
    monkeypatch.setenv(name, example)
    with pytest.raises(ImproperlyConfigured, match=name):
        read(name)


def test_compose_starts_everything_in_an_order_that_exists() -> None:
    compose = yaml.safe_load(text("compose.yaml"))
    services = compose["services"]

    assert set(services) == {"migrate", "web", "worker", "granter", "beat", "postgres", "valkey", "rabbitmq"}
    for service in services.values():
        assert set(service.get("depends_on", {})) <= set(services)
        for volume in service.get("volumes", []):
            assert volume.partition(":")[0] in compose["volumes"]
    for name in ("web", "worker", "granter", "beat"):
        assert services[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}
    assert services["postgres"]["image"].startswith("postgres:17")


def test_the_image_runs_as_an_ordinary_user_and_tells_its_health() -> None:
    dockerfile = text("Dockerfile")
    assert re.search(r"^USER (?!root)\w+", dockerfile, re.MULTILINE)
    assert "HEALTHCHECK" in dockerfile
    assert "/healthz" in dockerfile


def test_the_image_holds_every_package_and_no_demo() -> None:
    ignored = text(".dockerignore").splitlines()
    packages = {path.parent.name for path in PROJECT.glob("*/__init__.py")} - {"tests", "benchmarks"}
    assert {f"!{package}" for package in packages} <= set(ignored)
    assert {"config/demo", "config/embedded"} <= set(ignored)


@pytest.mark.parametrize("name", ["web", "worker", "granter", "beat", "release"])
def test_the_process_list_names_every_process(name: str) -> None:
    assert re.search(rf"^{name}: \S", text("Procfile"), re.MULTILINE)


def test_deployed_code_imports_neither_the_demo_nor_the_embedded_servers() -> None:
    not_deployed = (PROJECT / "config" / "demo", PROJECT / "config" / "embedded")
    offenders = [
        path
        for package in ("config", "users", "coupons", "campaigns", "analytics")
        for path in (PROJECT / package).rglob("*.py")
        if not any(path.is_relative_to(folder) for folder in not_deployed)
        and re.search(r"(import|from) config\.(demo|embedded)", path.read_text(encoding="utf-8"))
    ]
    assert offenders == []
