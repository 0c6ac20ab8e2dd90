"""Google's SDK, as its documentation uses it: nothing is set but where to ask, with which key, and, on request, retries."""

from google import genai
from google.genai import errors, types
from sdk_calls import CASE_HEADER, serve


def make(url, secret):
    return genai.Client(api_key=secret, http_options=types.HttpOptions(base_url=url))


def http_options(call):
    retries = types.HttpRetryOptions(attempts=2) if call["retries"] else None
    return {"http_options": types.HttpOptions(headers={CASE_HEADER: call["name"]}, retry_options=retries)}


def whole(call):
    return {"model": call["model"], "contents": call["said"], "config": http_options(call)}


def numbers(answer):
    return ",".join(str(number) for number in answer.embeddings[0].values)


def ask(client, call):
    models = client.models
    if call["how"] == "models":
        return ",".join(model.name for model in models.list(config=http_options(call)))
    if call["how"] == "model":
        return models.get(model=call["model"], config=http_options(call)).name
    if call["how"] == "files":
        return ",".join(file.name for file in client.files.list(config=http_options(call)))
    if call["how"] == "tokens":
        return str(models.count_tokens(**whole(call)).total_tokens)
    if call["how"] == "embedding":
        return numbers(models.embed_content(**whole(call)))
    if call["how"] == "whole":
        return models.generate_content(**whole(call)).text
    return "".join(chunk.text or "" for chunk in models.generate_content_stream(**whole(call)))


async def ask_asynchronously(client, call):
    models = client.aio.models
    if call["how"] == "models":
        return ",".join([model.name async for model in await models.list(config=http_options(call))])
    if call["how"] == "model":
        return (await models.get(model=call["model"], config=http_options(call))).name
    if call["how"] == "files":
        return ",".join([file.name async for file in await client.aio.files.list(config=http_options(call))])
    if call["how"] == "tokens":
        return str((await models.count_tokens(**whole(call))).total_tokens)
    if call["how"] == "embedding":
        return numbers(await models.embed_content(**whole(call)))
    if call["how"] == "whole":
        return (await models.generate_content(**whole(call))).text
    chunks = await models.generate_content_stream(**whole(call))
    return "".join([chunk.text or "" async for chunk in chunks])


def describe(error):
    return {"status": error.code, "type": error.status} if isinstance(error, errors.APIError) else {}


serve({"Client": (make, ask)}, {"Client.aio": (make, ask_asynchronously)}, describe)
