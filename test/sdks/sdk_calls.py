"""Does what each line on standard input asks of an SDK, all calls of a line at once, and answers with one line."""

import asyncio
import json
import sys
from concurrent.futures import ThreadPoolExecutor

CASE_HEADER = "x-sdk-case"
PARALLEL = 64


def serve(clients, asynchronous_clients, describe):
    """Both map a client's name to what makes one, of URL and secret, and what asks it for the text that the model says."""

    made = {}

    def client_of(call, make):
        # Made here, in one thread, and kept: a client that is dropped closes under whoever still uses it.
        named = (call["client"], call["url"], call["secret"])
        if named not in made:
            made[named] = make(call["url"], call["secret"])
        return made[named]

    async def outcome(call):
        try:
            return {"name": call["name"], "answer": await answer(call)}
        except Exception as error:
            return {"name": call["name"], "error": told(error)}

    def answer(call):
        if call["client"] in asynchronous_clients:
            make, ask = asynchronous_clients[call["client"]]
            return ask(client_of(call, make), call)
        make, ask = clients[call["client"]]
        return asyncio.get_running_loop().run_in_executor(pool, ask, client_of(call, make), call)

    def told(error):
        nothing = {"status": None, "code": None, "type": None, "requestId": None}
        return {"class": type(error).__name__, "message": str(error), **nothing, **describe(error)}

    async def all_lines():
        loop = asyncio.get_running_loop()
        while line := await loop.run_in_executor(pool, sys.stdin.readline):
            outcomes = await asyncio.gather(*(outcome(call) for call in json.loads(line)))
            print(json.dumps(outcomes), flush=True)

    with ThreadPoolExecutor(PARALLEL) as pool:
        asyncio.run(all_lines())
