import asyncio
import os
import signal

import pytest

from s3d.tui.preview.decoder_client import DecoderFailed, ProcessDecoder
from s3d.tui.preview.object_parts import DecodeRequest, Part


def request(key, data):
    return DecodeRequest(key, len(data), [Part(0, data)])


@pytest.fixture
async def decoder():
    decoder = ProcessDecoder(timeout=60.0)
    yield decoder
    await decoder.close()


async def test_one_process_makes_all_drawings(decoder):
    assert (await decoder.decode(request("a.json", b"[1]"))).kind == "JSON"
    process = decoder._process
    assert (await decoder.decode(request("a.bin", bytes(1 << 20)))).kind == "bytes"
    assert decoder._process is process


async def test_one_that_was_killed_is_started_again(decoder):
    await decoder.decode(request("a.txt", b"x"))
    os.kill(decoder._process.pid, signal.SIGKILL)
    await decoder._process.wait()
    assert (await decoder.decode(request("a.txt", b"x"))).kind == "text"


async def test_one_that_ends_meanwhile_is_an_error(decoder):
    await decoder.decode(request("a.txt", b"x"))
    process = decoder._process
    process.send_signal(signal.SIGSTOP)
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(_failure(decoder.decode(request("a.txt", b"x"))))
        await asyncio.sleep(0)
        process.kill()
    assert "the decoder ended" in waiting.result()


async def _failure(decoding):
    with pytest.raises(DecoderFailed) as error:
        await decoding
    return str(error.value)


async def test_one_that_is_late_is_killed():
    decoder = ProcessDecoder(timeout=60.0)
    await decoder.decode(request("a.txt", b"x"))
    process, decoder._timeout = decoder._process, 0.05
    process.send_signal(signal.SIGSTOP)
    with pytest.raises(DecoderFailed, match="too long"):
        await decoder.decode(request("a.txt", b"x"))
    assert process.returncode == -signal.SIGKILL
    await decoder.close()


async def test_a_request_that_is_cancelled_kills_the_process(decoder):
    await decoder.decode(request("a.txt", b"x"))
    process = decoder._process
    process.send_signal(signal.SIGSTOP)
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(decoder.decode(request("a.txt", b"x")))
        await asyncio.sleep(0)  # it has the turn then
        assert decoder._turn.locked()
        waiting.cancel()
    assert process.returncode == -signal.SIGKILL
    assert (await decoder.decode(request("a.txt", b"x"))).kind == "text"
