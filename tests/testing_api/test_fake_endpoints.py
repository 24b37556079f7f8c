"""Models and batches, through the real SDK; every answer is what the SDK's own types say."""

from typing import Any, get_args

import pytest

from orchestrator.testing import MODELS, FakeAPI, Fault, Reply, Rule, Script, Trouble

ASKED = {"model": "claude-opus-5-5", "max_tokens": 10, "messages": [{"role": "user", "content": "x"}]}


def strictly(shown: Any) -> Any:
    """The same, once more through pydantic, which the SDK does not ask."""
    return type(shown).model_validate(shown.model_dump(), strict=True)


def test_every_model_is_as_the_sdk_has_it(client: Any) -> None:
    shown = [strictly(model) for model in client.models.list()]
    assert [model.id for model in shown] == list(MODELS)
    opus = client.models.retrieve("claude-opus-5-5")
    assert opus == shown[[model.id for model in shown].index("claude-opus-5-5")]
    assert (opus.display_name, opus.line, opus.max_tokens) == ("Claude Opus 5.5", "opus", 128_000)
    assert opus.max_input_tokens == 1_000_000
    thinking = opus.capabilities.thinking.types
    assert (thinking.adaptive.supported, thinking.disabled.supported) == (True, False)


def test_the_models_are_those_the_sdk_knows(sdk: Any) -> None:
    named, _ = get_args(sdk.types.model.Model)
    assert set(get_args(named)) <= set(MODELS)


def test_models_come_in_pages(client: Any) -> None:
    first = client.models.list(limit=2)
    assert ([model.id for model in first.data], first.has_more) == (list(MODELS)[:2], True)
    assert [model.id for model in first.get_next_page().data] == list(MODELS)[2:4]
    before = client.models.list(limit=1, before_id=first.last_id)
    assert ([model.id for model in before.data], before.has_more) == (list(MODELS)[:1], False)


def test_models_can_be_chosen_by_lifecycle(client: Any) -> None:
    active = {model.id for model in client.models.list(lifecycle=["active"])}
    deprecated = {model.id for model in client.models.list(lifecycle=["deprecated"])}
    assert "claude-sonnet-4-5" in deprecated
    assert "claude-opus-5-5" in active
    assert active | deprecated == set(MODELS)
    assert active & deprecated == set()


def test_an_unknown_model_is_not_found(client: Any, sdk: Any) -> None:
    with pytest.raises(sdk.NotFoundError, match="model: gpt"):
        client.models.retrieve("gpt")


def test_a_message_is_as_the_sdk_has_it(client: Any) -> None:
    strictly(client.messages.create(**ASKED))


def batch(client: Any, **params: Any) -> Any:
    requests = [{"custom_id": name, "params": {**ASKED, **given}} for name, given in params.items()]
    return strictly(client.messages.batches.create(requests=requests))


def test_a_batch_runs_and_has_results(fake: FakeAPI, client: Any) -> None:
    fake.script = Script(
        [Rule("busy", [Reply("x", trouble=Trouble(Fault.OVERLOADED, times=None))])], otherwise=Reply("OK")
    )
    busy = [{"role": "user", "content": "busy"}]
    made = batch(client, good={}, bad={"max_tokens": -1}, worse={"messages": busy})
    assert (made.processing_status, made.request_counts.processing, made.results_url) == ("in_progress", 3, None)
    states = [strictly(client.messages.batches.retrieve(made.id)).processing_status for _ in range(2)]
    assert states == ["in_progress", "ended"]
    ended = client.messages.batches.retrieve(made.id)
    assert (ended.request_counts.succeeded, ended.request_counts.errored) == (1, 2)
    good, bad, worse = (strictly(line) for line in client.messages.batches.results(made.id))
    assert (good.custom_id, good.result.type, good.result.message.content[0].text) == ("good", "succeeded", "OK")
    assert good.result.message.usage.service_tier == "batch"
    assert (bad.custom_id, bad.result.error.error.type) == ("bad", "invalid_request_error")
    assert (worse.custom_id, worse.result.error.error.type) == ("worse", "overloaded_error")
    assert [each.id for each in client.messages.batches.list()] == [made.id]


def test_a_batch_that_is_canceled_has_no_answers(client: Any, sdk: Any) -> None:
    made = batch(client, one={})
    with pytest.raises(sdk.BadRequestError, match="cannot be deleted while it is in progress"):
        client.messages.batches.delete(made.id)
    assert strictly(client.messages.batches.cancel(made.id)).processing_status == "canceling"
    assert client.messages.batches.retrieve(made.id).request_counts.canceled == 1
    (line,) = client.messages.batches.results(made.id)
    assert line.result.type == "canceled"
    with pytest.raises(sdk.BadRequestError, match="because it has ended"):
        client.messages.batches.cancel(made.id)
    assert client.messages.batches.delete(made.id).type == "message_batch_deleted"
    with pytest.raises(sdk.NotFoundError):
        client.messages.batches.retrieve(made.id)


def test_the_same_batch_twice_is_two(client: Any) -> None:
    first, second = batch(client, one={}), batch(client, one={})
    assert first.id != second.id
    assert [each.id for each in client.messages.batches.list()] == [second.id, first.id]


@pytest.mark.parametrize(
    ("requests", "said"),
    [
        ([], "at least one request"),
        ([{"custom_id": "a b", "params": ASKED}], "requests.0.custom_id: String should match"),
        ([{"custom_id": "a", "params": ASKED}] * 2, "custom_id must be unique"),
        ([{"custom_id": "a"}], "requests.0.params: Input should be a valid dictionary"),
        ([{"custom_id": "a", "params": ASKED, "x": 1}], "requests.0.x: Extra inputs"),
    ],
)
def test_a_batch_is_refused(client: Any, sdk: Any, requests: Any, said: str) -> None:
    with pytest.raises(sdk.BadRequestError) as caught:
        client.messages.batches.create(requests=requests)
    assert said in caught.value.api_message


def test_results_that_are_not_there_yet(client: Any, sdk: Any) -> None:
    made = batch(client, one={})
    with pytest.raises(sdk.NotFoundError, match="has no results yet"):
        client.get(f"/v1/messages/batches/{made.id}/results", cast_to=object)
