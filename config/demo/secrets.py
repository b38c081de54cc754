"""Secrets of the demo and of a developer's shell: made once per clone, never used in production."""

import base64
import os
import secrets
from pathlib import Path

FILE_NAME = "secrets.env"


def development_secrets(folder: Path) -> dict[str, str]:
    """Return the secret variables kept in `folder`, made on first use and readable by this user only.

    Personal data in the database is encrypted with them, so they live as long as the data does.

    Args:
        folder: an existing folder of this clone's data.
    """
    file = folder / FILE_NAME
    if not file.exists():
        draft = folder / f"{FILE_NAME}.{os.getpid()}"
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as target:
            target.writelines(f"{name}={value}\n" for name, value in fresh_secrets(key_id="demo").items())
        try:
            # Unlike a rename, a link never replaces what somebody beside us has just written.
            file.hardlink_to(draft)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return dict(line.split("=", maxsplit=1) for line in file.read_text(encoding="utf-8").splitlines() if line)


def fresh_secrets(*, key_id: str) -> dict[str, str]:
    """Return new random values for every secret variable.

    Args:
        key_id: the name of the encryption key in the key ring; letters and digits.
    """
    return {
        "SECRET_KEY": secrets.token_urlsafe(48),
        "BLIND_INDEX_KEY": secrets.token_urlsafe(48),
        "FIELD_ENCRYPTION_KEYS": f"{key_id}:{base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()}",
    }
