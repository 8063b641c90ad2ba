"""What Alpaca asks for at the door; it never shows itself."""

from __future__ import annotations

from typing import NoReturn

KEY_ID, SECRET_KEY = "APCA_API_KEY_ID", "APCA_API_SECRET_KEY"
REMEDY = f"set {KEY_ID} and {SECRET_KEY} in the environment to a pair that Alpaca shows as valid"


class AlpacaKeys:
    """A key and its secret. It prints as stars, and cannot be pickled or copied into a file.

    Parameters
    ----------
    key, secret : as Alpaca gave them
    """

    __slots__ = ("key", "secret")

    def __init__(self, key: str, secret: str) -> None:
        self.key = key
        self.secret = secret

    def __repr__(self) -> str:
        return "AlpacaKeys(***)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("credentials are not written down")

    def hidden_in(self, text: str) -> str:
        """`text` with the key and the secret blotted out, wherever a library may have put them."""
        return text.replace(self.secret, "***").replace(self.key, "***")
