"""The server: many streams at one time, connections that stay, and an end that leaves nothing."""

import http.client
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from orchestrator.testing import FakeAPI, Fault, Reply, Script

BODY = {"model": "claude-opus-5-5", "max_tokens": 10, "messages": [{"role": "user", "content": "x"}]}
PROMPT = 2.0  # seconds


def post(fake: FakeAPI, connection: http.client.HTTPConnection | None = None, **more: Any) -> tuple[int, bytes]:
    mine = connection or http.client.HTTPConnection(fake.url.removeprefix("http://"), timeout=60)
    headers = {"x-api-key": fake.key, "anthropic-version": "2023-06-01"}
    try:
        mine.request("POST", "/v1/messages", json.dumps({**BODY, **more}).encode(), headers)
        answer = mine.getresponse()
        return answer.status, answer.read()
    finally:
        if connection is None:
            mine.close()


def test_fifty_streams_at_one_time(connect: Callable[..., Any]) -> None:
    together = threading.Barrier(50)
    with FakeAPI(Script(otherwise=Reply("one two three four", pace=0.02))) as fake, ThreadPoolExecutor(50) as pool:
        client = connect(fake)

        def stream(number: int) -> str:
            asked = {**BODY, "messages": [{"role": "user", "content": f"number {number}"}]}
            with client.messages.stream(**asked) as events:
                next(events)
                together.wait(60)  # all of them are open, and none has ended
                return str(events.get_final_message().content[0].text)

        assert list(pool.map(stream, range(50))) == ["one two three four"] * 50
        assert len({request.request_id for request in fake.requests}) == 50


def test_a_hundred_requests_hang_side_by_side_and_the_end_comes_promptly() -> None:
    before = threading.active_count()
    fake = FakeAPI()
    fake.fail(Fault.HANG, times=50)
    fake.fail(Fault.HANG_MIDWAY, times=None)
    broken = []

    def ask() -> None:
        try:
            post(fake, stream=True)
        except (OSError, http.client.HTTPException) as error:
            broken.append(error)

    threads = [threading.Thread(target=ask) for _ in range(100)]
    for thread in threads:
        thread.start()
    assert fake.wait(100, timeout=60)
    while len([request for request in fake.requests if request.fault]) < 100:
        time.sleep(0.01)
    began = time.monotonic()
    fake.close()
    assert time.monotonic() - began < PROMPT
    for thread in threads:
        thread.join()
    assert len(broken) == 100
    assert threading.active_count() == before
    fake.close()  # a second time does nothing


@pytest.mark.parametrize("slow", [{"delay": 60.0}, {"pace": 60.0}])
def test_a_slow_reply_does_not_hold_up_the_end(slow: dict[str, float]) -> None:
    before = threading.active_count()
    with FakeAPI(Script(otherwise=Reply("x", **slow))) as fake, ThreadPoolExecutor(1) as pool:
        asking = pool.submit(post, fake, stream=True)
        assert fake.wait(1)
        began = time.monotonic()
        fake.close()
        assert time.monotonic() - began < PROMPT
        assert isinstance(asking.exception(), OSError | http.client.HTTPException)
    assert threading.active_count() == before


def test_connections_that_say_nothing_do_not_hold_up_the_end() -> None:
    with FakeAPI() as fake:
        host, port = fake.url.removeprefix("http://").split(":")
        silent = [socket.create_connection((host, int(port))) for _ in range(5)]
        silent[0].sendall(b"POST /v1/messages HTTP/1.1\r\ncontent-length: 10\r\n\r\n12")
        assert fake.wait(1)
        began = time.monotonic()
    assert time.monotonic() - began < PROMPT
    for connection in silent:
        connection.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, int(port)))


def test_one_connection_serves_many_requests(fake: FakeAPI) -> None:
    connection = http.client.HTTPConnection(fake.url.removeprefix("http://"))
    answers = [post(fake, connection, stream=stream) for stream in (False, True, False)]
    refused = post(fake, connection, prompt="x")
    first = connection.sock
    assert post(fake, connection)[0] == 200
    assert connection.sock is first
    connection.close()
    assert [status for status, _ in answers] == [200] * 3
    assert refused[0] == 400
    assert answers[1][1].startswith(b"event: message_start\ndata: {")


def test_more_connections_than_it_takes_are_closed() -> None:
    with FakeAPI(connections=2) as fake:
        held = [http.client.HTTPConnection(fake.url.removeprefix("http://")) for _ in range(2)]
        assert [post(fake, each)[0] for each in held] == [200, 200]
        with pytest.raises((OSError, http.client.HTTPException)):
            post(fake)
        held[0].close()
        while True:  # the place is free once the server has seen that the client went
            try:
                assert post(fake)[0] == 200
                break
            except (OSError, http.client.HTTPException):
                time.sleep(0.01)
        held[1].close()


def test_a_body_of_unknown_length_is_refused(fake: FakeAPI) -> None:
    connection = http.client.HTTPConnection(fake.url.removeprefix("http://"))
    connection.request("POST", "/v1/messages", iter([b"{}"]), {"x-api-key": fake.key})
    answer = connection.getresponse()
    assert (answer.status, b"known length" in answer.read()) == (400, True)
    connection.close()


def test_the_journal_lets_the_oldest_go(fake: FakeAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.testing.journal._KEPT", 3)
    for _ in range(5):
        post(fake)
    assert len(fake.requests) == 3
    assert fake.usage()["output_tokens"] == 5


def test_it_needs_no_kit() -> None:
    code = "import sys, orchestrator.testing; sys.exit({'anthropic', 'pydantic', 'httpx2'} & {*sys.modules} or 0)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
