"""OpenAI's SDK, as its documentation uses it: nothing is set but where to ask and with which key."""

import openai
from sdk_calls import CASE_HEADER, serve


def direct(client_class, path="/v1"):
    return lambda url, secret: client_class(base_url=url + path, api_key=secret)


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


def response(call):
    return {"model": call["model"], "input": call["said"], **headers(call)}


def ask(client, call):
    if call["how"] == "models":
        return ",".join(model.id for model in client.models.list(**headers(call)))
    if call["how"] == "model":
        return client.models.retrieve(call["model"], **headers(call)).id
    if call["how"] == "files":
        return ",".join(file.id for file in client.files.list(**headers(call)))
    if call["how"] == "response":
        return client.responses.create(**response(call)).output_text
    if call["how"] == "response, streamed":
        with client.responses.stream(**response(call)) as stream:
            return stream.get_final_response().output_text
    if call["how"] == "embedding":
        return numbers(client.embeddings.create(**embedding(call)))
    if call["how"] == "whole":
        return client.chat.completions.create(**whole(call)).choices[0].message.content
    return "".join(text_of(chunk) for chunk in client.chat.completions.create(**whole(call), stream=True))


async def ask_asynchronously(client, call):
    if call["how"] == "models":
        return ",".join([model.id async for model in client.models.list(**headers(call))])
    if call["how"] == "model":
        return (await client.models.retrieve(call["model"], **headers(call))).id
    if call["how"] == "files":
        return ",".join([file.id async for file in client.files.list(**headers(call))])
    if call["how"] == "response":
        return (await client.responses.create(**response(call))).output_text
    if call["how"] == "response, streamed":
        async with client.responses.stream(**response(call)) as stream:
            return (await stream.get_final_response()).output_text
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
    {
        "OpenAI": (direct(openai.OpenAI), ask),
        "OpenAI at /openai/v1": (direct(openai.OpenAI, "/openai/v1"), ask),
        "AzureOpenAI": (azure(openai.AzureOpenAI), ask),
    },
    {
        "AsyncOpenAI": (direct(openai.AsyncOpenAI), ask_asynchronously),
        "AsyncAzureOpenAI": (azure(openai.AsyncAzureOpenAI), ask_asynchronously),
    },
    describe,
)
