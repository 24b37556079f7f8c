"""One call of the program, with everything seen before and after it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cached_property

from harness import Said
from sight import Sight
from story import Chapter, Story, story
from terminal import Terminal


class Kind(Enum):
    """What a call may change."""

    READS = "nothing"
    AUTHORS = "documents in the working tree"
    CLAIMS = "claims"
    FORKS = "one new branch"
    LEADS = "the branch, as its leader"


@dataclass(frozen=True)
class Step:
    """One call of the program.

    Attributes:
        mine: what the person had not committed before it: path to bytes, None for a deleted file.
        murky: a kill had left something half-way before.
        killed: this call was killed.
        meanwhile: what the person changed while it ran, in `mine` too; None where they did nothing.
    """

    repo: Terminal
    kind: Kind
    argv: tuple[str, ...]
    said: Said
    before: Sight
    after: Sight
    mine: Mapping[str, bytes | None]
    murky: bool
    killed: bool
    meanwhile: Collection[str] | None = None

    @property
    def finished(self) -> bool:
        """Whether a leader came to the end of its work, well or not."""
        refused = '"ok": false' in self.said.out or self.said.err.startswith("error: ")
        return self.kind is Kind.LEADS and not self.killed and self.said.code in {0, 1, 3} and not refused

    @property
    def took_in(self) -> bool:
        """Whether a leader finished that takes a person's edits in; `doctor` only mends."""
        return self.finished and self.argv[0] != "doctor"

    @cached_property
    def then(self) -> Story:
        """The branch's story before."""
        return story(self.repo, self.before.tip)

    @cached_property
    def now(self) -> Story:
        """The branch's story after."""
        return self.then if self.after.tip == self.before.tip else story(self.repo, self.after.tip)

    def fresh(self) -> list[Chapter]:
        """Return the commits this call made."""
        known = {chapter.commit for chapter in self.then.chapters}
        return [chapter for chapter in self.now.chapters if chapter.commit not in known]
