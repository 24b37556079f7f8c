"""Signatures of thoughts and names of tool calls: what the fake knows again when a client sends it back.

Nothing is remembered. A signature holds what it vouches for and is sealed with the server's key. A tool call's id is
sealed twice: as one of ours, and together with the thoughts of its turn, so that a turn without them is found out.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from orchestrator.testing.request import Json

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_TOOL = "toolu_01"
_NAME, _SEAL = 12, 5  # characters


@dataclass(frozen=True)
class Thought:
    """What a signature vouches for: the model, what stood before, the signature before it, and the text."""

    model: str
    prefix: str
    after: str
    text: str


@dataclass(frozen=True)
class Seal:
    """Whoever has the key can make signatures, and know them again."""

    key: str

    def sign(self, model: str, prefix: str, after: str, text: str) -> str:
        """The signature of one thought; `after` is the signature of the thought before it, or empty."""
        held = json.dumps(
            asdict(Thought(model, prefix[:16], short(after), short(text))), separators=(",", ":")
        ).encode()
        return base64.b64encode(self._mac(held) + held).decode()

    def read(self, signature: str) -> Thought | None:
        """What a signature vouches for; None when it is none of ours."""
        try:
            data = base64.b64decode(signature, validate=True)
        except ValueError:
            return None
        mac, held = data[:32], data[32:]
        return Thought(**json.loads(held)) if hmac.compare_digest(mac, self._mac(held)) else None

    def tool_id(self, conversation: str, place: int, thoughts: Sequence[Json]) -> str:
        """The id of a tool call: the same when the request is sent again."""
        name = letters(f"{conversation}/{place}", _NAME)
        return _TOOL + name + self._letters(name) + self._letters(name, *_signatures(thoughts))

    def is_ours(self, tool_id: str) -> bool:
        """Whether we made an id."""
        name, seal, _ = _parts(tool_id)
        return tool_id.startswith(_TOOL) and hmac.compare_digest(seal.encode(), self._letters(name).encode())

    def goes_with(self, tool_id: str, thoughts: Sequence[Json]) -> bool:
        """Whether an id of ours was made in a turn with just these thoughts."""
        name, _, seal = _parts(tool_id)
        return hmac.compare_digest(seal.encode(), self._letters(name, *_signatures(thoughts)).encode())

    def _mac(self, data: bytes) -> bytes:
        return hmac.digest(self.key.encode(), data, "sha256")

    def _letters(self, *words: str) -> str:
        return letters(self._mac("\n".join(words).encode()).hex(), _SEAL)


def letters(seed: str, count: int) -> str:
    """Letters and digits that follow from a seed, as the API's ids have them."""
    number = int.from_bytes(hashlib.sha256(seed.encode()).digest(), "big")
    made = ""
    for _ in range(count):
        number, digit = divmod(number, len(_DIGITS))
        made += _DIGITS[digit]
    return made


def short(text: str) -> str:
    """A short hash; nothing for nothing."""
    return hashlib.sha256(text.encode()).hexdigest()[:16] if text else ""


def _parts(tool_id: str) -> tuple[str, str, str]:
    rest = tool_id.removeprefix(_TOOL)
    return rest[:_NAME], rest[_NAME : _NAME + _SEAL], rest[_NAME + _SEAL :]


def _signatures(thoughts: Sequence[Json]) -> tuple[str, ...]:
    return tuple(block.get("signature", "") for block in thoughts)
