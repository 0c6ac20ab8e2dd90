"""Google's SDK, as its documentation uses it: nothing is set but where to ask, with which key, and, on request, retries."""

from google import genai
from google.genai import errors, types
from sdk_calls import CASE_HEADER, serve


def make(url, secret):
    return genai.Client(api_key=secret, http_options=types.HttpOptions(base_url=url))


def whole(call):
    retries = types.HttpRetryOptions(attempts=2) if call["retries"] else None
    http_options = types.HttpOptions(headers={CASE_HEADER: call["name"]}, retry_options=retries)
    config = types.GenerateContentConfig(http_options=http_options)
    return {"model": call["model"], "contents": call["said"], "config": config}


def ask(client, call):
    models = client.models
    if call["how"] == "whole":
        return models.generate_content(**whole(call)).text
    return "".join(chunk.text or "" for chunk in models.generate_content_stream(**whole(call)))


async def ask_asynchronously(client, call):
    models = client.aio.models
    if call["how"] == "whole":
        return (await models.generate_content(**whole(call))).text
    chunks = await models.generate_content_stream(**whole(call))
    return "".join([chunk.text or "" async for chunk in chunks])


def describe(error):
    return {"status": error.code, "type": error.status} if isinstance(error, errors.APIError) else {}


serve({"Client": (make, ask)}, {"Client.aio": (make, ask_asynchronously)}, describe)
