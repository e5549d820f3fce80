"""Which folders a start uses, on real files; the remote is asked by a function of the test."""

from __future__ import annotations

import logging

import msgspec
import pytest

from s3d.agent.app.remote_folders import FILE, read_identity, write_identity
from s3d.agent.app.remote_state import open_remote_state
from s3d.agent.s3.errors import S3Error
from s3d.agent.stores.remote.credential_provider import CredentialProvider
from s3d.agent.stores.remote.static_credentials import RemoteKey
from s3d.shared.config.load import load_config
from s3d.shared.errors import S3dError
from s3d.shared.paths import find_places

HERE = "https://s3.example.org"
OWNERS = {"K1": "owner-1", "K2": "owner-1", "K3": "owner-3", "K4": ""}


class Starts:
    """Starts with one home."""

    def __init__(self, home, monkeypatch) -> None:
        self.home = home
        self.patch = monkeypatch
        self.asked: list[str] = []
        self.is_away = False
        self.pending = False

    async def ask(self, key: RemoteKey) -> str:
        self.asked.append(key.access_key)
        if self.is_away:
            raise S3Error("ServiceUnavailable")
        return OWNERS[key.access_key]

    async def start(self, remote=HERE, key="K1", **env):
        self.patch.setenv("AWS_ACCESS_KEY_ID", key)
        self.patch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        env = {"S3D_LOCAL_DIR": str(self.home), "S3D_REMOTE": remote} | env
        config = load_config(None, env, {})
        places = find_places(config, {})
        places.state_dir.mkdir(parents=True, exist_ok=True)
        keys = CredentialProvider(key=RemoteKey(key, "secret"))
        state = await open_remote_state(config, places, keys, self.ask, lambda path: self.pending)
        state.claim_cache(places.read_cache_dir)
        return state

    async def learn(self, state) -> None:
        assert await state.account._learn()


@pytest.fixture
def starts(tmp_path, monkeypatch):
    return Starts(tmp_path, monkeypatch)


async def test_the_first_start_asks_nothing_and_has_the_usual_folders(starts):
    state = await starts.start()
    assert state.places.write_queue_dir == starts.home / "data" / "write_queue"
    assert state.places.capabilities_file == starts.home / "state" / "capabilities.json"
    assert (starts.asked, state.account.is_confirmed) == ([], True)
    for base in ("data/write_queue", "cache/read_cache", "state"):
        assert read_identity(starts.home / base).keys == ("K1",)


@pytest.mark.finding("D1")
@pytest.mark.parametrize(
    ("remote", "env"),
    [
        ("HTTPS://S3.Example.org:443/", {}),
        (HERE, {"S3D_REMOTE_REGION": "eu-central-1"}),
        (HERE, {"S3D_REMOTE_ADDRESSING": "path"}),
    ],
)
async def test_spelling_region_and_addressing_do_not_make_another_remote(starts, remote, env):
    first = await starts.start()
    again = await starts.start(remote, **env)
    assert again.identity == first.identity
    assert again.places == first.places
    assert starts.asked == []


@pytest.mark.finding("D1")
async def test_aws_is_the_same_by_its_name_and_by_any_url(starts):
    first = await starts.start("aws")
    again = await starts.start("https://s3.eu-central-1.amazonaws.com")
    assert (again.identity.id, again.places) == (first.identity.id, first.places)


@pytest.mark.finding("D2")
async def test_another_remote_has_folders_of_its_own_and_both_are_found_again(starts):
    first = await starts.start()
    second = await starts.start("https://s3.example.com", "K9")
    assert second.places.write_queue_dir.parent == starts.home / "data" / "write_queue" / "remotes"
    assert second.places.pins_file.parent.parent == starts.home / "state" / "remotes"
    assert second.places.transfers_file.parent == second.places.pins_file.parent
    assert (await starts.start()).places == first.places
    assert (await starts.start("https://s3.example.com", "K9")).places == second.places
    assert starts.asked == []


async def test_a_rotated_key_of_the_same_owner_is_the_same_account(starts):
    first = await starts.start()
    await starts.learn(first)
    starts.asked.clear()
    second = await starts.start(key="K2")
    assert (second.places, second.account.is_confirmed) == (first.places, True)
    assert starts.asked == ["K2"]
    await starts.start(key="K2")
    assert starts.asked == ["K2"], "it is listed now"
    assert read_identity(starts.home / "state").keys == ("K1", "K2")


async def test_a_key_of_another_owner_is_another_account(starts):
    first = await starts.start()
    await starts.learn(first)
    second = await starts.start(key="K3")
    assert second.places != first.places
    assert second.identity.owner == "owner-3"


async def test_with_the_remote_away_a_new_key_goes_on_unconfirmed(starts):
    first = await starts.start()
    await starts.learn(first)
    starts.is_away = True
    second = await starts.start(key="K2")
    assert (second.places, second.account.is_confirmed) == (first.places, False)
    assert second.account.trouble
    with pytest.raises(S3Error):
        await second.account.confirm()
    starts.is_away = False
    await second.account.confirm()
    assert (second.account.is_confirmed, second.account.trouble) == (True, "")
    assert read_identity(starts.home / "data" / "write_queue").keys == ("K1", "K2")


@pytest.mark.parametrize("pending", [True, False])
async def test_a_remote_that_does_not_tell_holds_what_is_pending(starts, pending):
    first = await starts.start()
    await starts.learn(first)
    starts.pending = pending
    second = await starts.start(key="K4")
    assert second.account.is_confirmed is not pending
    assert (second.places == first.places) is pending


async def test_adopted_keys_are_listed(starts):
    await starts.learn(await starts.start())
    starts.pending = True
    second = await starts.start(key="K4")
    await second.account.adopt()
    assert (await starts.start(key="K4")).account.is_confirmed


async def test_a_key_that_is_said_to_be_of_another_account_has_its_own_folders(starts):
    first = await starts.start()
    await starts.learn(first)
    starts.pending = True
    second = await starts.start(key="K4")
    await second.account.separate()
    assert second.account.changed.is_set()
    third = await starts.start(key="K4")
    assert third.places.write_queue_dir != first.places.write_queue_dir
    assert third.identity.take_over.source == first.identity.id
    assert read_identity(third.places.write_queue_dir).take_over is None


async def test_a_deleted_cache_is_begun_anew_for_the_remote_in_use(starts):
    await starts.start()
    (starts.home / "cache" / "read_cache" / FILE).unlink()
    second = await starts.start("https://s3.example.com", "K9")
    cache = read_identity(starts.home / "cache" / "read_cache")
    assert cache.id == second.identity.id


def old_state(home):
    """Files as a version without identities has left them; what is in them does not matter here."""
    for name in ("data/write_queue/index.sqlite", "cache/read_cache/v1/index.sqlite",
                 "state/capabilities.json"):  # fmt: skip
        (home / name).parent.mkdir(parents=True)
        (home / name).touch()


async def test_state_of_before_belongs_to_the_remote_of_the_first_start(starts, caplog):
    old_state(starts.home)
    with caplog.at_level(logging.INFO):
        state = await starts.start()
        await starts.start()
    assert state.places.write_queue_dir == starts.home / "data" / "write_queue"
    assert [r.message for r in caplog.records if "belong to" in r.message] == [
        f"the existing write queue and read cache belong to {HERE} from now on"
    ]


@pytest.mark.finding("D2")
async def test_an_adoption_that_a_crash_has_interrupted_is_finished_for_the_same_remote(starts):
    first = await starts.start()
    for base in ("cache/read_cache", "state"):
        (starts.home / base / FILE).unlink()
    (starts.home / "cache" / "read_cache" / "v1").mkdir()
    (starts.home / "state" / "pins.json").touch()
    second = await starts.start("https://s3.example.com", "K9")
    assert read_identity(starts.home / "cache" / "read_cache").id == first.identity.id
    assert second.places.pins_file != starts.home / "state" / "pins.json"


async def test_a_start_without_credentials_takes_what_was_used_last(starts, monkeypatch):
    first = await starts.start()
    monkeypatch.setattr(starts, "ask", None)
    state = await starts.start(key="")
    assert (state.places, state.account.is_confirmed) == (first.places, False)


async def test_without_a_queue_only_the_other_folders_are_made(starts):
    state = await starts.start(S3D_WRITE_QUEUE="false")
    assert not state.places.write_queue_dir.exists()
    assert read_identity(starts.home / "state") == state.identity


def test_the_identity_file_is_json(tmp_path, starts):
    from s3d.agent.stores.remote.identity import new_identity

    identity = new_identity(HERE, "K1", "", 1.0)
    write_identity(tmp_path, identity)
    assert msgspec.json.decode((tmp_path / FILE).read_bytes())["endpoint"] == HERE


@pytest.mark.finding("B4")
@pytest.mark.parametrize("base", ["data/write_queue", "state", "cache/read_cache"])
@pytest.mark.parametrize("content", [b"", b"{nonsense\xff"])
async def test_a_damaged_identity_is_written_again_from_the_others(starts, caplog, base, content):
    first = await starts.start()
    identity = read_identity(starts.home / base)
    file = starts.home / base / FILE
    file.write_bytes(content)
    with caplog.at_level(logging.WARNING):
        again = await starts.start()
    assert again.places == first.places
    assert read_identity(starts.home / base) == identity
    assert file.with_name(f"{FILE}.damaged").read_bytes() == content
    assert caplog.text.count(str(file)) == 1


@pytest.mark.finding("B4")
async def test_a_damaged_identity_of_another_remote_is_written_again(starts):
    first = await starts.start()
    second = await starts.start("https://s3.example.com", "K9")
    for file in (first.places.write_queue_dir / FILE, second.places.write_queue_dir / FILE):
        content = file.read_bytes()
        file.write_bytes(b"")
        assert (await starts.start()).places == first.places
        assert read_identity(file.parent) is not None
        assert msgspec.json.decode(file.read_bytes()) == msgspec.json.decode(content)


@pytest.mark.finding("B4")
async def test_a_damaged_identity_that_may_be_of_two_remotes_is_refused(starts):
    """The first remote was used without a queue, so the queue's folder is the second one's."""
    await starts.start(S3D_WRITE_QUEUE="off", S3D_READ_CACHE="off")
    second = await starts.start("https://s3.example.com", "K9", S3D_READ_CACHE="off")
    (second.places.write_queue_dir / FILE).write_bytes(b"")
    for remote, key in ((HERE, "K1"), ("https://s3.example.com", "K9")):
        with pytest.raises(S3dError, match="cannot read which remote"):
            await starts.start(remote, key)
    assert (second.places.write_queue_dir / FILE).read_bytes() == b""


@pytest.mark.finding("B4")
async def test_where_all_identities_are_damaged_the_start_is_refused(starts):
    await starts.start()
    for file in starts.home.rglob(FILE):
        file.write_bytes(b"")
    with pytest.raises(S3dError, match="cannot read which remote") as refused:
        await starts.start()
    assert "restore the file from a copy" in refused.value.remedy
