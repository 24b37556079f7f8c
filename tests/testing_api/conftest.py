"""The fake, and the real SDK talking to it. The SDK takes seconds to import, so only the tests that use it do."""

from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest

from orchestrator.testing import FakeAPI

Caller = Callable[..., Any]


@pytest.fixture(scope="session")
def sdk() -> ModuleType:
    import anthropic

    return anthropic


@pytest.fixture
def fake() -> Iterator[FakeAPI]:
    with FakeAPI() as made:
        yield made


@pytest.fixture
def connect(sdk: ModuleType) -> Iterator[Caller]:
    """Make clients that do not try again, unless they are told to."""
    made = []

    def client(fake: FakeAPI, **options: Any) -> Any:
        made.append(sdk.Anthropic(**{"base_url": fake.url, "api_key": fake.key, "max_retries": 0, **options}))
        return made[-1]

    yield client
    for each in made:
        each.close()


@pytest.fixture
def client(fake: FakeAPI, connect: Caller) -> Any:
    return connect(fake)
