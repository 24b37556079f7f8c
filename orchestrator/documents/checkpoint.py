"""checkpoints/NNNN-<slug>.md: everything a fresh session needs to go on from here."""

from dataclasses import dataclass

from orchestrator.documents.codec import Text


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A re-entry point. Each list holds its items' text, without bullets."""

    text: Text
    title: str
    date: str
    resumable: str
    context: tuple[str, ...]
    summary: tuple[str, ...]
    decisions: tuple[str, ...]
    files: tuple[str, ...]
    next_actions: tuple[str, ...]

    @classmethod
    def parse(cls, data: bytes, path: str) -> "Checkpoint":
        """Take the bytes, or refuse them with `file:line` and the fix."""
        text = Text.parse(data, path)
        return cls(
            text=text,
            title=_title(text),
            date=text.word("Date"),
            resumable=text.word("Resumable by"),
            context=text.entries("Context Required*"),
            summary=text.entries("State Summary"),
            decisions=text.entries("Key Decisions*"),
            files=text.entries("Current File State"),
            next_actions=text.entries("Next Actions*"),
        )

    def render(self) -> bytes:
        """The bytes this was parsed from."""
        return self.text.render()


def _title(text: Text) -> str:
    heading = text.title
    if heading is None or not heading.name.startswith("checkpoint:"):
        line = text.scan.headings[0].line if text.scan.headings else 1
        raise text.error(
            line,
            "the heading `# Checkpoint: ...` is missing",
            hint="start with `# Checkpoint: where the work stands`",
        )
    return heading.text.partition(":")[2].strip()
