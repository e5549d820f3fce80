"""One process with several endpoints, some of which count: `python -m tests.torture.cost_server`.

Two processes of one build differ by more than the metrics cost, so endpoints of one process are
compared. Its arguments are a folder and, for each endpoint, on or off. It prints their ports, each
in a line, and serves until its standard input ends.
"""

import asyncio
import sys
from contextlib import AsyncExitStack
from pathlib import Path

from s3d.agent.app.embedded import open_embedded
from s3d.agent.app.process_metrics import commit_histogram
from s3d.agent.app.start_checks import loop_factory
from s3d.agent.core.access_keys import AccessKeys
from s3d.agent.core.telemetry import open_registry
from s3d.agent.frontends.http.s3_server import S3Server
from s3d.agent.s3.signature_elements import Signer
from s3d.shared.access_key import AccessKey
from s3d.shared.config.values import Secret

SIGNER = Signer("S3DKEY", "secret", "us-east-1")


async def open_endpoint(folder: Path, switch: str, closing: AsyncExitStack) -> int:
    """An endpoint with a store of its own; its port."""
    registry = open_registry({"S3D_TELEMETRY": switch})
    store = open_embedded(folder, commits=commit_histogram(registry, "store"))
    closing.callback(store.close)
    keys = AccessKeys([AccessKey(SIGNER.access_key, Secret(SIGNER.secret))])
    server = S3Server(store.local, keys=keys, registry=registry)
    _, port = await server.start("127.0.0.1", 0)
    closing.push_async_callback(server.stop, 0)
    return port


async def serve(folder: Path, switches: list[str]) -> None:
    async with AsyncExitStack() as closing:
        for number, switch in enumerate(switches):
            print(await open_endpoint(folder / str(number), switch, closing), flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(serve(Path(sys.argv[1]), sys.argv[2:]))
