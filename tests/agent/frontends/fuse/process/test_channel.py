"""Both ends in one process, over a real socket pair."""

from __future__ import annotations

import asyncio
import errno
import os
import resource
import socket
import threading
from itertools import count, islice
from typing import Any

import pytest
import uvloop

from s3d.agent.frontends.fuse.process.channel import (
    Channel,
    Message,
    _encode,
    encoded,
)
from s3d.agent.frontends.fuse.process.frame_socket import (
    _HEADER,
    MAX_DESCRIPTORS,
    ChannelClosed,
)
from s3d.agent.s3.errors import S3Error
from s3d.shared.errors import UsageError
from tests.agent.frontends.fuse.process.pairs import (
    MANY_SECONDS,
    connected,
    identity,
    new_file,
    open_descriptors,
    quiet,
    turns,
    until,
)

LARGE = os.urandom(3 << 20)
"""More than a socket takes at once."""


async def echo(message: Message) -> Any:
    return message.value


async def count_files(message: Message) -> Any:
    """The bytes of the files that have come."""
    found = [os.pread(each, 100, 0) for each in message.descriptors]
    for each in message.descriptors:
        os.close(each)
    return found


class Gate:
    """A handler that waits."""

    def __init__(self) -> None:
        self.begun, self.open, self.cancelled = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def __call__(self, message: Message) -> Any:
        self.begun.set()
        try:
            await self.open.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        return message.value


@pytest.mark.parametrize(
    "value",
    [
        *(None, True, 0, -5, 1 << 60, 1.5, "text", "ä\N{GRINNING FACE}", b"", b"\0\xff"),
        *([], [1, [2]], {"a": {"b": None}}),
    ],
    ids=repr,
)
async def test_a_value_survives_both_ways(value):
    async with connected({"echo": echo}) as pair:
        assert (await pair.near.call("echo", value)).value == value


async def test_both_ends_call_and_a_handler_calls_back():
    async def ask(message: Message) -> Any:
        return ["asked", (await pair.far.call("echo", message.value)).value]

    async with connected({"ask": ask}, near={"echo": echo}) as pair:
        assert (await pair.near.call("ask", 5)).value == ["asked", 5]


async def test_hundreds_of_calls_at_once_get_their_own_answers():
    async def later(message: Message) -> Any:
        for _ in range(message.value % 7):
            await asyncio.sleep(0)
        return message.value

    async with (
        connected({"later": later}, near={"later": later}) as pair,
        asyncio.TaskGroup() as group,
    ):
        there = [group.create_task(pair.near.call("later", n)) for n in range(600)]
        back = [group.create_task(pair.far.call("later", n)) for n in range(600)]
    assert [task.result().value for task in there] == list(range(600))
    assert [task.result().value for task in back] == list(range(600))


async def test_large_frames_cross_both_ways_at_once():
    async with connected({"echo": echo}, near={"echo": echo}) as pair, asyncio.TaskGroup() as group:
        calls = [
            group.create_task(end.call("echo", [number, LARGE]))
            for end in (pair.near, pair.far)
            for number in range(3)
        ]
        small = group.create_task(pair.near.call("echo", "behind them"))
    assert [task.result().value for task in calls] == [[n, LARGE] for n in (0, 1, 2, 0, 1, 2)]
    assert small.result().value == "behind them"


async def test_descriptors_come_with_the_frame_that_waits_for_the_socket():
    async with (
        connected({"files": count_files, "echo": echo}) as pair,
        asyncio.TaskGroup() as group,
    ):
        group.create_task(pair.near.call("echo", LARGE))
        await asyncio.sleep(0)  # its first bytes fill the socket
        calls = []
        for number in range(20):
            files = [new_file(b"%d-%d" % (number, each)) for each in range(number)]
            calls.append(group.create_task(pair.near.call("files", LARGE[: number * 999], files)))
            await asyncio.sleep(0)
            for each in files:  # the channel has copies
                os.close(each)
    assert [task.result().value for task in calls] == [
        [b"%d-%d" % (number, each) for each in range(number)] for number in range(20)
    ]


async def test_descriptors_of_a_result():
    files = [new_file(b"one"), new_file(b"two")]

    async def give(message: Message) -> Message:
        return Message("here", files)

    async with connected({"give": give}) as pair:
        answer = await pair.near.call("give")
        assert [identity(each) for each in answer.descriptors] == [identity(each) for each in files]
        assert not {*answer.descriptors} & {*files}
        assert not any(os.get_inheritable(each) for each in answer.descriptors)
        for each in answer.descriptors:
            os.close(each)
    for each in files:
        os.close(each)


async def test_a_notice_is_known_before_an_answer_that_follows_it():
    noted: list[Any] = []

    async def note(message: Message) -> list[Any]:
        for number in range(300):
            pair.near.notify("noted", number)
        return []

    async with connected(listeners={"noted": noted.append}, near={"note": note}) as pair:
        await pair.far.call("note")
        assert noted == list(range(300))


async def test_a_call_has_begun_when_a_notice_that_follows_it_is_known():
    seen: list[Any] = []

    async def begin(message: Message) -> None:
        seen.append(message.value)

    async with (
        connected({"begin": begin}, {"noted": seen.append}) as pair,
        asyncio.TaskGroup() as group,
    ):
        for number in range(0, 20, 2):
            group.create_task(pair.near.call("begin", number))
            await asyncio.sleep(0)
            pair.near.notify("noted", number + 1)
    assert seen == list(range(20))


@pytest.mark.parametrize("value", [10, 1 << 40])
async def test_frames_that_come_byte_by_byte(value):
    ours, theirs = socket.socketpair()
    channel = Channel(ours, handlers={"echo": echo}, listeners={})
    theirs.setblocking(False)
    frame = _encode([0, 7, "echo", value])
    loop = asyncio.get_running_loop()
    for byte in _HEADER.pack(len(frame), 0) + frame:
        await loop.sock_sendall(theirs, bytes([byte]))
        await asyncio.sleep(0)
    async with asyncio.timeout(MANY_SECONDS):
        answer = await loop.sock_recv(theirs, 1000)
    assert answer[_HEADER.size :] == _encode([1, 7, "", value])
    channel.close()
    theirs.close()


# ---------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("raised", "kind", "text"),
    [
        (S3Error("NoSuchKey", Key="k"), S3Error, "NoSuchKey"),
        (UsageError("title", "detail"), UsageError, "title: detail"),
        (TimeoutError("late"), TimeoutError, "late"),
        (OSError(errno.ENOSPC, "full"), OSError, "full"),
        (KeyError("k"), RuntimeError, "KeyError: 'k'"),
        (StopAsyncIteration(), RuntimeError, "StopAsyncIteration"),
        (asyncio.CancelledError(), TimeoutError, "cancelled"),
        (ChannelClosed(), OSError, "has ended"),
    ],
    ids=lambda each: type(each).__name__,
)
async def test_what_a_handler_raises_is_raised_by_the_caller(raised, kind, text):
    async def fail(message: Message) -> None:
        raise raised

    async with connected({"fail": fail, "echo": echo}) as pair:
        with pytest.raises(kind, match=text):
            await pair.near.call("fail")
        assert (await pair.near.call("echo", 1)).value == 1


async def test_an_unknown_call_is_an_error_and_its_descriptors_are_closed():
    async with connected() as pair:
        file = new_file(b"")
        with pytest.raises(RuntimeError, match="there is no call nonesuch"):
            await pair.near.call("nonesuch", 1, [file])
        os.close(file)


async def test_a_value_that_cannot_be_sent_is_an_error_of_its_call_alone():
    async def give(message: Message) -> Any:
        return {"object()": object, "surrogate": "\udcff", "huge": 1 << 80}[message.value]

    async with connected({"give": give, "echo": echo}) as pair:
        for value in (object(), "\udcff", 1 << 80):
            with pytest.raises((NotImplementedError, TypeError, ValueError, OverflowError)):
                await pair.near.call("echo", value)
        for name in ("object()", "surrogate", "huge"):
            with pytest.raises(RuntimeError):
                await pair.near.call("give", name)
        with pytest.raises(NotImplementedError):
            encoded(object())
        assert (await pair.near.call("echo", 1)).value == 1


async def test_a_notice_that_nobody_knows_or_that_fails_disturbs_nothing():
    noted: list[Any] = []

    def fail(value: Any) -> None:
        noted.append(value)
        raise KeyError(value)

    async with connected({"echo": echo}, {"fail": fail}) as pair:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda loop, context: noted.append(context["exception"]))
        pair.near.notify("nonesuch", 1)
        pair.near.notify("fail", 2)
        assert (await pair.near.call("echo", 1)).value == 1
        assert (await pair.near.call("echo", 2)).value == 2
    assert (noted[0], repr(noted[1]), len(noted)) == (2, "KeyError(2)", 2)


async def test_a_descriptor_that_is_closed_is_an_error_of_its_call_alone():
    async with connected({"echo": echo}) as pair:
        file = new_file(b"")
        os.close(file)
        with pytest.raises(OSError, match="Bad file descriptor"):
            await pair.near.call("echo", 1, [file])
        with pytest.raises(ValueError, match="too many"):
            await pair.near.call("echo", 1, [0] * (MAX_DESCRIPTORS + 1))
        assert (await pair.near.call("echo", 1)).value == 1


async def test_as_many_descriptors_as_a_frame_can_have():
    async with connected({"files": count_files}) as pair:
        file = new_file(b"x")
        answer = await pair.near.call("files", 1, [file] * MAX_DESCRIPTORS)
        assert answer.value == [b"x"] * MAX_DESCRIPTORS
        os.close(file)


def limit_for(number: int) -> int:
    """The limit with which so many further descriptors can be opened."""
    taken = {*open_descriptors()}
    return next(islice((each for each in count() if each not in taken), number, None))


@pytest.mark.parametrize("way", ["call", "result"])
async def test_a_process_with_too_many_descriptors_refuses_what_it_cannot_take(way):
    discarded: list[Any] = []
    file = new_file(b"x")

    async def give(message: Message) -> Message:
        return Message("given", [file] * message.value)

    async with connected({"files": count_files, "give": give}) as pair:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit_for(3), hard))
        try:
            if way == "call":
                call = pair.near.call("files", 1, [file] * 150)
            else:
                call = pair.near.call("give", 150, discard=lambda m: discarded.append(m.value))
            with pytest.raises(OSError, match="Too many open files"):
                await call
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert (await pair.near.call("files", 1, [file])).value == [b"x"]
        answer = await pair.near.call("give", 1)
        os.close(answer.descriptors[0])
    os.close(file)
    assert discarded == ["given"] * (way == "result")


# ---------------------------------------------------------------- callers that are cancelled


async def test_a_call_that_is_cancelled_is_cancelled_at_the_other_end():
    gate = Gate()
    async with connected({"wait": gate}) as pair:
        caller = asyncio.get_running_loop().create_task(pair.near.call("wait"))
        await gate.begun.wait()
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
        await gate.cancelled.wait()
        await quiet(pair.near, pair.far)


@pytest.mark.parametrize("count", [0, 1])
async def test_a_call_that_is_cancelled_at_once_has_begun(count):
    begun: list[Any] = []

    async def take(message: Message) -> None:
        begun.append(message.value)
        try:
            await asyncio.Event().wait()
        finally:
            for each in message.descriptors:
                os.close(each)

    async with connected({"take": take}) as pair:
        files = [new_file(b"") for _ in range(count)]
        caller = asyncio.get_running_loop().create_task(pair.near.call("take", 5, files))
        await asyncio.sleep(0)
        caller.cancel()  # without descriptors, both frames are read at once
        with pytest.raises(asyncio.CancelledError):
            await caller
        await quiet(pair.near, pair.far)
        for each in files:
            os.close(each)
    assert begun == [5]


async def test_a_call_that_is_cancelled_before_it_is_sent_sends_nothing():
    async with connected({"echo": echo}) as pair:
        caller = asyncio.get_running_loop().create_task(pair.near.call("echo"))
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller


@pytest.mark.parametrize("turns_after", range(6))
@pytest.mark.parametrize("is_cancelled_first", [True, False])
async def test_a_result_that_comes_while_its_caller_is_cancelled_is_given_back(
    turns_after, is_cancelled_first
):
    """The caller is cancelled in each turn of the loop around the one in which the answer comes."""
    given, discarded = [], []
    file = new_file(b"")

    async def give(message: Message) -> Message:
        given.append(message.value)
        return Message("given", [file])

    async with connected({"give": give}) as pair:
        loop = asyncio.get_running_loop()
        call = pair.near.call("give", 1, discard=lambda each: discarded.append(each.value))
        caller = loop.create_task(call)
        await turns(turns_after)
        if is_cancelled_first:
            caller.cancel()
            pair.near._frames._read()  # as if the answer had come just now
        else:
            pair.near._frames._read()
            caller.cancel()
        taken = 0
        try:
            os.close((await caller).descriptors[0])
            taken = 1
        except asyncio.CancelledError:
            pass
        await quiet(pair.near, pair.far)
        await turns()
        assert len(discarded) + taken == len(given)
    os.close(file)


async def test_the_result_of_a_handler_that_does_not_end_when_it_is_cancelled_is_given_back():
    begun = asyncio.Event()
    discarded: list[Any] = []
    file = new_file(b"")

    async def insist(message: Message) -> Message:
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return Message("after all", [file])
        raise AssertionError

    async with connected({"insist": insist}) as pair:
        call = pair.near.call("insist", discard=lambda each: discarded.append(each.value))
        caller = asyncio.get_running_loop().create_task(call)
        await begun.wait()
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
        await quiet(pair.near, pair.far)
        await turns()
    os.close(file)
    assert discarded == ["after all"]


async def test_the_result_of_a_call_that_was_posted_is_thrown_away():
    file, given = new_file(b""), asyncio.Event()

    async def give(message: Message) -> Message:
        given.set()
        return Message("given", [file])

    async with connected({"give": give, "echo": echo}) as pair:
        pair.near.post("give")
        pair.near.post("nonesuch")
        await given.wait()
        assert (await pair.near.call("echo", 1)).value == 1
    os.close(file)


# ---------------------------------------------------------------- the end


async def test_calls_end_when_the_other_process_does():
    gate, ended = Gate(), []
    async with connected({"wait": gate}, on_close=lambda: ended.append(1)) as pair:
        caller = asyncio.get_running_loop().create_task(pair.near.call("wait"))
        await gate.begun.wait()
        pair.far.close()
        pair.far.close()
        with pytest.raises(ChannelClosed, match="has ended"):
            await caller
        assert pair.near.is_closed
        await gate.cancelled.wait()
        with pytest.raises(ChannelClosed):
            await pair.near.call("wait")
        pair.near.notify("noted")
        pair.near.post("wait")
    assert ended == [1]


async def test_handlers_are_cancelled_when_the_caller_ends():
    gate = Gate()
    async with connected({"wait": gate}) as pair:
        caller = asyncio.get_running_loop().create_task(pair.near.call("wait"))
        await gate.begun.wait()
        pair.near.close()
        await gate.cancelled.wait()
        with pytest.raises(ChannelClosed):
            await caller
        await quiet(pair.far)
        assert pair.far.is_closed


async def test_a_handler_that_has_not_begun_at_the_end_closes_its_descriptors():
    async def take(message: Message) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            for each in message.descriptors:
                os.close(each)

    async with connected({"take": take}) as pair:
        file = new_file(b"")
        caller = asyncio.get_running_loop().create_task(pair.near.call("take", 1, [file]))
        await asyncio.sleep(0)
        pair.far._frames._read()
        pair.far.close()
        with pytest.raises(ChannelClosed):
            await caller
        os.close(file)


async def test_an_answer_that_was_sent_before_the_end_arrives():
    ours, theirs = socket.socketpair()
    channel = Channel(ours, handlers={}, listeners={})
    loop = asyncio.get_running_loop()
    caller = loop.create_task(channel.call("first"))
    await asyncio.sleep(0)
    theirs.recv(1000)
    frame = _encode([1, 1, "", "answered"])
    theirs.send(_HEADER.pack(len(frame), 0) + frame)
    theirs.close()
    with pytest.raises(ChannelClosed):
        await channel.call("second")
    async with asyncio.timeout(MANY_SECONDS):
        assert (await caller).value == "answered"
        await until(lambda: channel.is_closed)


@pytest.mark.parametrize("part", [3, 20])
async def test_the_other_process_ends_in_the_middle_of_a_frame(part):
    ours, theirs = socket.socketpair()
    channel = Channel(ours, handlers={"echo": echo}, listeners={})
    end = ours.fileno()
    file = new_file(b"")
    frame = _encode([0, 1, "echo", "x" * 100])
    data = _HEADER.pack(len(frame), 1) + frame
    socket.send_fds(theirs, [data[:part]], [file])
    os.close(file)
    theirs.close()
    before = {*open_descriptors()}
    caller = asyncio.get_running_loop().create_task(channel.call("first"))
    async with asyncio.timeout(MANY_SECONDS):
        with pytest.raises(ChannelClosed):
            await caller
        await until(lambda: channel.is_closed)
    assert {*open_descriptors()} <= before - {end}


async def test_what_waits_for_the_socket_is_given_up_at_the_end():
    async with connected({"files": count_files}) as pair, asyncio.TaskGroup() as group:
        files = [new_file(b"x")]
        for _ in range(3):
            group.create_task(_ends(pair.near.call("files", LARGE, files)))
        await asyncio.sleep(0)
        assert pair.near._frames._unsent
        os.close(files[0])
        pair.far.close()


async def test_the_end_is_found_while_the_socket_is_written():
    """The reader may be the second to notice."""
    async with connected({"files": count_files}) as pair, asyncio.TaskGroup() as group:
        group.create_task(_ends(pair.near.call("files", LARGE)))
        await asyncio.sleep(0)
        pair.far.close()
        pair.near._frames._write()
        assert not pair.near._frames._unsent
        group.create_task(_ends(pair.near.call("files", 1)))


async def test_close_in_a_listener_ends_what_came_with_it():
    noted: list[Any] = []

    def close(value: Any) -> None:
        noted.append(value)
        pair.far.close()

    async with connected({"echo": echo}, {"close": close}) as pair:
        pair.near.notify("close", 1)
        await _ends(pair.near.call("echo"))
    assert noted == [1]


async def _ends(call: Any) -> None:
    with pytest.raises(ChannelClosed):
        await call


# ---------------------------------------------------------------- other loops


def test_a_loop_in_a_thread_of_its_own_and_uvloop():
    """As the agent has it, and the process of the mounts."""
    ends = socket.socketpair()
    ready = threading.Event()

    async def serve() -> None:
        closed = asyncio.Event()
        Channel(
            ends[1],
            handlers={"files": count_files, "echo": echo},
            listeners={},
            on_close=closed.set,
        )
        ready.set()
        await closed.wait()

    async def ask() -> None:
        channel = Channel(ends[0], handlers={}, listeners={})
        file = new_file(b"x")
        async with asyncio.timeout(MANY_SECONDS), asyncio.TaskGroup() as group:
            large = [group.create_task(channel.call("echo", LARGE)) for _ in range(2)]
            files = [group.create_task(channel.call("files", n, [file] * n)) for n in range(50)]
        assert all(each.result().value == LARGE for each in large)
        assert [each.result().value for each in files] == [[b"x"] * n for n in range(50)]
        os.close(file)
        channel.close()

    uvloop.new_event_loop().close()  # the first one opens what all have
    before = open_descriptors()
    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    ready.wait(MANY_SECONDS)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(ask())
    thread.join(MANY_SECONDS)
    assert set(open_descriptors()) <= set(before)
