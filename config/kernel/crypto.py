"""Encryption of personal data at rest, and the keyed hash by which it is found.

A value is sealed with AES-256-GCM (NIST SP 800-38D) under the newest key of the ring and bound to its
column, so that a ciphertext moved to another column does not open. The key's id travels with the value:
older keys open what they sealed until it has been sealed anew.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

VERSION = "q1"
NONCE_BYTES = 12


class KeyRingError(ValueError):
    """The key ring is missing or malformed."""


class CannotDecrypt(Exception):
    """A stored value was damaged, moved, or sealed with a key that is not in the ring."""


@dataclass(frozen=True, slots=True)
class KeyRing:
    """Keys by id; the first seals, every one opens."""

    keys: tuple[tuple[str, bytes], ...]

    @classmethod
    def parse(cls, text: str) -> KeyRing:
        """Reads `id:base64key,id:base64key`, newest first; each key has 32 bytes.

        Raises:
            KeyRingError: no key, an id twice, or a key that is not 32 bytes of base64.
        """
        keys: list[tuple[str, bytes]] = []
        for part in filter(None, (part.strip() for part in text.split(","))):
            key_id, separator, encoded = part.partition(":")
            try:
                key = base64.urlsafe_b64decode(encoded)
            except (binascii.Error, ValueError) as error:
                raise KeyRingError(f"key {key_id!r} is not base64") from error
            if not separator or not key_id.isalnum() or len(key) != 32:
                raise KeyRingError("each key is written id:base64 and holds 32 bytes")
            keys.append((key_id, key))
        if not keys:
            raise KeyRingError("at least one key is needed, written id:base64")
        if len({key_id for key_id, _ in keys}) != len(keys):
            raise KeyRingError("a key id stands twice")
        return cls(tuple(keys))

    def seal(self, plain: str, *, context: str) -> str:
        """Encrypts a text for one column (`context`); the same text never seals to the same value twice."""
        key_id, key = self.keys[0]
        nonce = secrets.token_bytes(NONCE_BYTES)
        sealed = AESGCM(key).encrypt(nonce, plain.encode(), context.encode())
        return f"{VERSION}.{key_id}.{base64.urlsafe_b64encode(nonce + sealed).decode()}"

    def open(self, token: str, *, context: str) -> str:
        """Decrypts what `seal` made for the same column.

        Raises:
            CannotDecrypt: damaged, moved from another column, or its key is not in the ring.
        """
        try:
            version, key_id, payload = token.split(".")
            key = dict(self.keys)[key_id]
            raw = base64.urlsafe_b64decode(payload)
            if version != VERSION:
                raise CannotDecrypt(f"unknown version {version!r}")
            plain = AESGCM(key).decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], context.encode())
        except (ValueError, KeyError, binascii.Error, InvalidTag) as error:
            raise CannotDecrypt(f"a value of {context} cannot be decrypted") from error
        return plain.decode()


def blind_index(value: str, *, key: bytes, context: str) -> str:
    """Returns a keyed hash (HMAC-SHA-256) of a normalised value: equal values meet, nobody reads them back."""
    return hmac.new(key, f"{context}\0{value}".encode(), hashlib.sha256).hexdigest()


def token_checksum(token: str | bytes) -> str:
    """Returns what is stored of a secret that its bearer presents: SHA-256, enough for one of 128 random bits."""
    return hashlib.sha256(token.encode() if isinstance(token, str) else token).hexdigest()
