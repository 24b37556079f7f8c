"""As much of OpenAI's Responses API on loopback as Codex needs to carry one spec out; it checks nothing."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

USAGE = {
    "input_tokens": 100,
    "input_tokens_details": {"cached_tokens": 40},
    "output_tokens": 10,
    "output_tokens_details": {"reasoning_tokens": 3},
    "total_tokens": 110,
}
Turn = Mapping[str, Any] | int  # an item of the answer, or the status of a refusal


def command(line: str) -> dict[str, Any]:
    arguments = json.dumps({"cmd": line})
    return {"type": "function_call", "id": "fc", "call_id": "call", "name": "exec_command", "arguments": arguments}


def words(said: str) -> dict[str, Any]:
    content = [{"type": "output_text", "text": said, "annotations": []}]
    return {"type": "message", "id": "msg", "role": "assistant", "status": "completed", "content": content}


class Responses:
    """Answers each request by what `turn` makes of its input."""

    def __init__(self) -> None:
        self.turn: Callable[[list[Mapping[str, Any]]], Turn] = lambda _input: words("OK")
        self.bodies: list[dict[str, Any]] = []
        self.url = ""


@contextmanager
def responding() -> Iterator[Responses]:
    """Serve within the block."""
    made = Responses()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            self._send(404, b"{}", "application/json")

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            made.bodies.append(body)
            turn = made.turn(body["input"])
            if isinstance(turn, int):
                error = {"error": {"message": "no", "type": "x", "code": "y"}}
                self._send(turn, json.dumps(error).encode(), "application/json")
            else:
                self._send(200, _stream(turn), "text/event-stream")

        def _send(self, status: int, data: bytes, kind: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.url = f"http://127.0.0.1:{server.server_port}/v1"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _stream(item: Mapping[str, Any]) -> bytes:
    response = {"id": "resp", "object": "response", "status": "in_progress", "output": []}
    ended = {**response, "status": "completed", "output": [item], "usage": USAGE}
    events = [
        {"type": "response.created", "response": response},
        {"type": "response.output_item.added", "output_index": 0, "item": item},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": ended},
    ]
    return "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events).encode()
