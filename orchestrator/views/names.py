"""What a person typed, as the one thing it names: exactly, by a unique prefix, or else what is near."""

from collections.abc import Iterable

from orchestrator.errors import Exit, OrchestratorError

_SHOWN = 5


def find(wanted: str, known: Iterable[str], what: str, hint: str) -> str:
    """Return the one of `known` that `wanted` names: exactly, in another case, or as a unique prefix.

    Args:
        wanted: what was typed.
        known: every name there is.
        what: the noun for the error, such as `task`.
        hint: the command that lists the names.

    Raises:
        OrchestratorError: none or more than one fits (`Exit.PRECONDITION`).
    """
    names = list(known)
    for fits in (str.__eq__, _same, _starts):
        found = [name for name in names if fits(name, wanted)] if wanted else []
        if len(found) == 1:
            return found[0]
        if found:
            raise _ambiguous(wanted, found, what)
    import difflib  # noqa: PLC0415 - 4 ms that only a mistyped name pays

    near = difflib.get_close_matches(wanted, names, 1, 0.6)
    raise OrchestratorError(
        f"there is no {what} {wanted!r}",
        hint=f"did you mean {near[0]}?" if near else hint,
        code=Exit.PRECONDITION,
    )


def _same(name: str, wanted: str) -> bool:
    return name.casefold() == wanted.casefold()


def _starts(name: str, wanted: str) -> bool:
    return name.casefold().startswith(wanted.casefold())


def _ambiguous(wanted: str, found: list[str], what: str) -> OrchestratorError:
    listed = ", ".join(found[:_SHOWN]) + (", ..." if len(found) > _SHOWN else "")
    return OrchestratorError(
        f"{wanted!r} could be more than one {what}: {listed}", hint="type more of it", code=Exit.PRECONDITION
    )
