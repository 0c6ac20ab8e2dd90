"""Anthropic's SDK, as its documentation uses it: nothing is set but where to ask and with which key."""

import anthropic
from sdk_calls import CASE_HEADER, serve


def made_by(client_class):
    return lambda url, secret: client_class(base_url=url, api_key=secret)


def headers(call):
    return {"extra_headers": {CASE_HEADER: call["name"]}}


def said(call):
    messages = [{"role": "user", "content": call["said"]}]
    return {"model": call["model"], "messages": messages, **headers(call)}


def whole(call):
    return {"max_tokens": 100, **said(call)}


def ask(client, call):
    if call["how"] == "models":
        return ",".join(model.id for model in client.models.list(**headers(call)))
    if call["how"] == "model":
        return client.models.retrieve(call["model"], **headers(call)).id
    if call["how"] == "files":
        return ",".join(file.id for file in client.beta.files.list(**headers(call)))
    if call["how"] == "tokens":
        return str(client.messages.count_tokens(**said(call)).input_tokens)
    if call["how"] == "whole":
        return text_of(client.messages.create(**whole(call)))
    with client.messages.stream(**whole(call)) as stream:
        return text_of(stream.get_final_message())


async def ask_asynchronously(client, call):
    if call["how"] == "models":
        return ",".join([model.id async for model in client.models.list(**headers(call))])
    if call["how"] == "model":
        return (await client.models.retrieve(call["model"], **headers(call))).id
    if call["how"] == "files":
        return ",".join([file.id async for file in client.beta.files.list(**headers(call))])
    if call["how"] == "tokens":
        return str((await client.messages.count_tokens(**said(call))).input_tokens)
    if call["how"] == "whole":
        return text_of(await client.messages.create(**whole(call)))
    async with client.messages.stream(**whole(call)) as stream:
        return text_of(await stream.get_final_message())


def text_of(message):
    return "".join(part.text for part in message.content if part.type == "text")


def describe(error):
    if not isinstance(error, anthropic.APIStatusError):
        return {}
    shown = {"status": error.status_code, "code": error.error_code, "type": error.type}
    return {**shown, "requestId": error.request_id}


serve(
    {"Anthropic": (made_by(anthropic.Anthropic), ask)},
    {"AsyncAnthropic": (made_by(anthropic.AsyncAnthropic), ask_asynchronously)},
    describe,
)
