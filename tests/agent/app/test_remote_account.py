"""Keys that change while the agent runs; keys of a start are in test_remote_state.py."""

import asyncio
from types import SimpleNamespace

import pytest

from s3d.agent.app import remote_account
from s3d.agent.app.remote_account import HeldUntilConfirmed, RemoteAccount
from s3d.agent.app.remote_folders import RemoteFolder, claim, folders_of, read_identity
from s3d.agent.core.clock import Clock
from s3d.agent.core.failures import FailureClass, classify
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import BytesBody, S3Request, S3Response
from s3d.agent.s3.model import operations
from s3d.agent.stores.remote.credential_provider import CredentialProvider
from s3d.agent.stores.remote.identity import RemoteIdentity
from s3d.agent.stores.remote.static_credentials import RemoteKey
from s3d.agent.stores.write_queue.push.remote_gate import HELD, RemoteGate

ONE = RemoteIdentity("one", "http://one", "http://one", ("K1",), "owner-1")
OWNERS = {"K1": "owner-1", "K2": "owner-1", "K3": "owner-3", "K4": ""}


class Rig:
    def __init__(self, base, *, key="K1", identity=ONE, is_confirmed=True):
        self.base = base
        self.keys = CredentialProvider(key=RemoteKey(key, "secret"))
        self.is_away = False
        self.account = RemoteAccount(self.ask, self.keys, "http://one", is_confirmed=is_confirmed)
        self.account.state_is_in(base)
        self.account.opened(RemoteFolder(claim(base, identity), identity))
        self.passed = []

    async def ask(self, key):
        if self.is_away:
            raise S3Error("ServiceUnavailable")
        return OWNERS[key.access_key]

    def call(self, request):
        self.passed.append(request.op.name)

        async def answer():
            return S3Response({})

        return answer()


def put():
    return S3Request(operations()["PutObject"], {"Bucket": "b", "Key": "k"}, BytesBody(b"x"))


@pytest.mark.finding("D1")
async def test_a_key_that_the_chain_finds_is_used_only_for_the_same_owner(tmp_path):
    rig = Rig(tmp_path)
    assert await rig.account.admit(RemoteKey("K2", "s"))
    assert read_identity(tmp_path).keys == ("K1", "K2")
    rig.is_away = True
    assert not await rig.account.admit(RemoteKey("K3", "s"))
    assert not rig.account.changed.is_set()
    rig.is_away = False
    assert not await rig.account.admit(RemoteKey("K3", "s"))
    assert rig.account.changed.is_set()
    other = next(each.identity for each in folders_of(tmp_path) if each.path != tmp_path)
    assert (other.keys, other.owner, other.take_over) == (("K3",), "owner-3", None)


async def test_a_key_of_which_nothing_is_known_is_looked_at_as_at_a_start(tmp_path):
    rig = Rig(tmp_path)
    rig.account.before = SimpleNamespace(is_left=True, after=7)
    assert not await rig.account.admit(RemoteKey("K4", "s"))
    assert rig.account.changed.is_set()
    assert [each.identity for each in folders_of(tmp_path)] == [ONE]


async def test_temporary_keys_of_one_provider_are_of_one_account(tmp_path):
    rig = Rig(tmp_path)
    rig.is_away = True
    await rig.keys.on_key(RemoteKey("K1", "s"), RemoteKey("T1", "s"))
    assert read_identity(tmp_path).keys == ("K1", "T1")


async def test_the_first_key_is_noted_before_it_is_used(tmp_path):
    nobody = RemoteIdentity("one", "http://one", "http://one")
    rig = Rig(tmp_path, identity=nobody)
    await rig.keys.on_key(None, RemoteKey("K1", "s"))
    assert read_identity(tmp_path).keys == ("K1",)


@pytest.mark.finding("D1")
async def test_nothing_is_pushed_with_a_key_of_another_account(tmp_path):
    rig = Rig(tmp_path, key="K3", is_confirmed=False)
    layer = HeldUntilConfirmed(rig, rig.account)
    rig.is_away = True
    with pytest.raises(S3Error):
        await layer.call(put())
    rig.is_away = False
    for _ in range(2):
        with pytest.raises(S3Error) as caught:
            await layer.call(put())
        assert classify(caught.value) is FailureClass.AUTH, "the queue pauses, nothing is parked"
    assert rig.passed == []
    other = next(each.identity for each in folders_of(tmp_path) if each.path != tmp_path)
    assert other.take_over.source == "one"


async def test_pushes_pass_once_the_key_is_known(tmp_path):
    rig = Rig(tmp_path, key="K2", is_confirmed=False)
    layer = HeldUntilConfirmed(rig, rig.account)
    await layer.call(put())
    assert (rig.passed, rig.account.is_confirmed) == (["PutObject"], True)
    await layer.call(put())
    assert len(rig.passed) == 2


async def test_the_owner_is_learnt_when_the_remote_has_answered(tmp_path, monkeypatch):
    monkeypatch.setattr(remote_account, "LOOK", 0.0)
    monkeypatch.setattr(remote_account, "PAUSE", 0.0)
    nobody = RemoteIdentity("one", "http://one", "http://one", ("K1",))
    rig = Rig(tmp_path, identity=nobody)
    rig.is_away = True
    answers = iter((False, True, True, True))

    def has_answered():
        answer = next(answers)
        rig.is_away = not answer
        return answer

    async with asyncio.timeout(10.0):
        await rig.account.run(has_answered)
    assert read_identity(tmp_path).owner == "owner-1"


@pytest.mark.finding("B2")
async def test_the_owner_is_learnt_at_the_first_answer_of_the_remote(tmp_path, monkeypatch):
    monkeypatch.setattr(remote_account, "LOOK", 3600.0)
    monkeypatch.setattr(remote_account, "SETTLE", 0.0)
    rig = Rig(tmp_path, identity=RemoteIdentity("one", "http://one", "http://one", ("K1",)))
    async with asyncio.timeout(10.0), asyncio.TaskGroup() as tasks:
        tasks.create_task(rig.account.run(lambda: True))
        await asyncio.sleep(0)
        assert read_identity(tmp_path).owner == ""
        rig.account.answered(403)
        rig.account.answered(200)
    assert read_identity(tmp_path).owner == "owner-1"


async def test_answers_show_that_pushes_pass_once_the_key_is_confirmed(tmp_path):
    rig, passed = Rig(tmp_path, key="K2", is_confirmed=False), []
    rig.account.on_answer = passed.append
    rig.account.answered(200)
    assert passed == []
    await rig.account.confirm()
    rig.account.answered(200)
    rig.account.answered(503)
    assert passed == [200, 503]


@pytest.mark.finding("B2")
async def test_held_writes_need_no_credentials_but_a_word_on_the_account(tmp_path):
    unknown = RemoteIdentity("one", "http://one", "http://one", ("K1",))
    rig = Rig(tmp_path, key="K3", identity=unknown, is_confirmed=False)
    rig.account.before = SimpleNamespace(is_left=True, after=7)
    gate = RemoteGate(Clock())
    with pytest.raises(S3Error) as caught:
        await HeldUntilConfirmed(rig, rig.account).call(put())
    gate.record_outcome(caught.value)
    assert gate.trouble == HELD
    assert rig.account.trouble == (
        "the account of the earlier key is not known, nor whether the access key is of the "
        "account that they were written for"
    )
