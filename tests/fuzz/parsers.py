"""Every parser of outside text: its name, what is thrown at it, and what must be true of whatever it accepts."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from fuzz import editing, seeds, vocabulary
from fuzz.generator import Generator
from orchestrator import plan, policy
from orchestrator.agents.script import Script
from orchestrator.config import Config, load
from orchestrator.documents import front_matter, spec
from orchestrator.documents.checkpoint import Checkpoint
from orchestrator.documents.codec import Text
from orchestrator.documents.result import Result
from orchestrator.documents.spec import Spec
from orchestrator.documents.state import State
from orchestrator.documents.todo import Todo
from orchestrator.steps.conventions import with_block, without_block

NAME = "x.md"
NAMES = (
    "text", "spec", "result", "checkpoint", "todo", "plan", "state", "front-matter", "front-matter-slow", "config",
    "pyproject", "script", "conventions",
)  # fmt: skip


@dataclass(frozen=True)
class Parser:
    """One parser: `parse` raises an OrchestratorError where it refuses; `holds` asserts what is true of the rest."""

    generator: Generator
    parse: Callable[[bytes], Any]
    holds: Callable[[Any, bytes], None]

    @property
    def name(self) -> str:
        return self.generator.name


def _named(parse: Callable[[bytes, str], Any]) -> Callable[[bytes], Any]:
    return lambda data: parse(data, NAME)


def _same(parsed: Any, data: bytes) -> None:
    assert parsed.render() == data


def _text(text: Text, data: bytes) -> None:
    _same(text, data)
    assert text.count <= len(text.scan.kinds) == len(text.lines)


def _spec(parsed: Spec, data: bytes) -> None:
    _same(parsed, data)
    spec.lint(parsed)
    for file in parsed.files:
        policy.covers([file.path], "src/a.py")
        assert policy.is_glob(file.path) or policy.covers([file.path], file.path)
        assert policy.may_meet(file.path, file.path)


def _todo(parsed: Todo, data: bytes) -> None:
    _same(parsed, data)
    assert Todo.of(Text.parse(data, NAME)).tasks == parsed.tasks  # the quick way and the thorough one
    editing.todo(parsed, data)


def _planned(data: bytes) -> plan.Plan:
    return plan.build(Todo.parse(data, NAME), {}, (), NAME)


def _plan(built: plan.Plan, _data: bytes) -> None:
    assert set(built.phase_of) == set(built.tasks)
    assert set(built.phase_of.values()) <= set(built.phases)


def _state(parsed: State, data: bytes) -> None:
    _same(parsed, data)
    editing.state(parsed, data)


def _framed(data: bytes) -> bytes:
    return b"---\n" + data + b"\n---\n\ntext\n"


def _front(data: bytes) -> Text:
    return Text.parse(_framed(data), NAME)


def _front_without_libyaml(data: bytes) -> Text:
    """Read it as where PyYAML was installed without its C library."""
    usual = front_matter.SafeLoader
    front_matter.SafeLoader = yaml.SafeLoader
    try:
        return _front(data)
    finally:
        front_matter.SafeLoader = usual


def _front_matter(text: Text, data: bytes) -> None:
    _same(text, _framed(data))
    for field in text.front.values():
        str(field.value).encode()


def _configured(folder: Path, name: str) -> Callable[[bytes], Config]:
    """Read it as the configuration file `name` of a project in `folder`."""
    folder.mkdir(exist_ok=True)

    def parse(data: bytes) -> Config:
        (folder / name).write_bytes(data)
        return load(folder, MappingProxyType({"HOME": str(folder)}))[0]

    return parse


def _config(config: Config, _data: bytes) -> None:
    assert 1 <= config.jobs <= 256
    assert all(agent.command or agent.script for agent in config.agents.values())


def _scripted(data: bytes) -> Script:
    return Script.parse(data.decode("utf-8", "replace"), NAME)


def _script(script: Script, _data: bytes) -> None:
    assert script.steps
    assert all(0 <= step.sleep <= 1e9 for step in script.steps)


def _conventions(marked: bytes, data: bytes) -> None:
    assert with_block(marked, NAME) == marked
    if b"orchestrator:begin" not in data:
        assert without_block(marked, NAME) == data


def parsers(folder: Path) -> dict[str, Parser]:
    """Return every parser by name; `folder` is scratch for those that read from the disk."""
    words = vocabulary
    listed = [
        _parser("text", words.MARKDOWN + words.YAML[:3], seeds.examples(), _named(Text.parse), _text),
        _parser(
            "spec", words.SPEC + words.MARKDOWN, [seeds.example("spec"), seeds.FRONTED_SPEC], _named(Spec.parse), _spec
        ),
        _parser(
            "result",
            words.RESULT + words.MARKDOWN,
            [seeds.example("result"), seeds.RESULT],
            _named(Result.parse),
            _same,
        ),
        _parser(
            "checkpoint",
            words.CHECKPOINT + words.MARKDOWN,
            [seeds.example("checkpoint")],
            _named(Checkpoint.parse),
            _same,
        ),
        _parser("todo", words.TODO + words.MARKDOWN, [seeds.TODO, seeds.FRONTED_TODO], _named(Todo.parse), _todo),
        _parser("plan", words.TODO, [seeds.TODO], _planned, _plan),
        _parser(
            "state",
            words.STATE + words.MARKDOWN,
            [seeds.example("workflow-state"), seeds.STATE],
            _named(State.parse),
            _state,
        ),
        _parser("front-matter", words.YAML, [seeds.YAML], _front, _front_matter),
        _parser("front-matter-slow", words.YAML, [seeds.YAML], _front_without_libyaml, _front_matter),
        _parser(
            "config",
            words.TOML,
            [seeds.TOML, seeds.DOTTED, seeds.INLINE],
            _configured(folder / "own", "orchestrator.toml"),
            _config,
        ),
        _parser("pyproject", words.TOML, [seeds.PYPROJECT], _configured(folder / "shared", "pyproject.toml"), _config),
        _parser("script", words.SCRIPT, [seeds.SCRIPT], _scripted, _script),
        _parser("conventions", words.CONVENTIONS, [b"# Project\n\nRules.\n"], _named(with_block), _conventions),
    ]
    return {parser.name: parser for parser in listed}


def _parser(
    name: str,
    words: tuple[str, ...],
    good: list[bytes],
    parse: Callable[[bytes], Any],
    holds: Callable[[Any, bytes], None],
) -> Parser:
    return Parser(Generator(name, words, good), parse, holds)
