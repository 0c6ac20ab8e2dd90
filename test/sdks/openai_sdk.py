"""OpenAI's SDK, as its documentation uses it: nothing is set but where to ask and with which key."""

import openai
from sdk_calls import CASE_HEADER, serve


def direct(client_class):
    return lambda url, secret: client_class(base_url=url + "/v1", api_key=secret)


def azure(client_class):
    return lambda url, secret: client_class(azure_endpoint=url, api_version="2024-10-21", api_key=secret)


def headers(call):
    return {"extra_headers": {CASE_HEADER: call["name"]}}


def embedding(call):
    return {"model": call["model"], "input": call["said"], "encoding_format": "float", **headers(call)}


def numbers(answer):
    return ",".join(str(number) for number in answer.data[0].embedding)


def whole(call):
    messages = [{"role": "user", "content": call["said"]}]
    return {"model": call["model"], "messages": messages, **headers(call)}


def ask(client, call):
    if call["how"] == "models":
        return ",".join(model.id for model in client.models.list(**headers(call)))
    if call["how"] == "embedding":
        return numbers(client.embeddings.create(**embedding(call)))
    if call["how"] == "whole":
        return client.chat.completions.create(**whole(call)).choices[0].message.content
    return "".join(text_of(chunk) for chunk in client.chat.completions.create(**whole(call), stream=True))


async def ask_asynchronously(client, call):
    if call["how"] == "models":
        return ",".join([model.id async for model in client.models.list(**headers(call))])
    if call["how"] == "embedding":
        return numbers(await client.embeddings.create(**embedding(call)))
    if call["how"] == "whole":
        return (await client.chat.completions.create(**whole(call))).choices[0].message.content
    chunks = await client.chat.completions.create(**whole(call), stream=True)
    return "".join([text_of(chunk) async for chunk in chunks])


def text_of(chunk):
    return (chunk.choices[0].delta.content or "") if chunk.choices else ""


def describe(error):
    if not isinstance(error, openai.APIStatusError):
        return {}
    shown = {"status": error.status_code, "code": error.code, "type": error.type}
    return {**shown, "requestId": error.request_id}


serve(
    {"OpenAI": (direct(openai.OpenAI), ask), "AzureOpenAI": (azure(openai.AzureOpenAI), ask)},
    {
        "AsyncOpenAI": (direct(openai.AsyncOpenAI), ask_asynchronously),
        "AsyncAzureOpenAI": (azure(openai.AsyncAzureOpenAI), ask_asynchronously),
    },
    describe,
)
