"""The fake, and the real SDK talking to it. The SDK takes seconds to import, so only the tests that use it do."""

from collections.abc import Callable, Iterator
from importlib import import_module
from types import ModuleType
from typing import Any

import pytest

from orchestrator.testing import FakeAPI

Caller = Callable[..., Any]


@pytest.fixture(scope="session")
def sdk() -> ModuleType:
    return import_module("anthropic")


@pytest.fixture
def fake() -> Iterator[FakeAPI]:
    with FakeAPI() as made:
        yield made


@pytest.fixture(scope="session")
def connect(sdk: ModuleType) -> Iterator[Caller]:
    """Make clients that do not try again, unless they are told to. They share their connections: making some is slow."""
    with sdk.DefaultHttpxClient() as connections:

        def client(fake: FakeAPI, **options: Any) -> Any:
            known = {"base_url": fake.url, "api_key": fake.key, "max_retries": 0, "http_client": connections}
            return sdk.Anthropic(**{**known, **options})

        yield client


@pytest.fixture
def client(fake: FakeAPI, connect: Caller) -> Any:
    return connect(fake)
