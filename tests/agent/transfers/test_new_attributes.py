from s3d.shared.transfer_options import NewObject

FILE = {"base": "", "to_prefix": ""}


async def test_an_upload_has_what_the_request_says(world):
    world.folder.mkdir()
    (world.folder / "a.txt").write_text("1")
    new = NewObject(metadata={"of": "me"}, tags={"k": "v"}, headers={"cache-control": "no-store"})
    path = str(world.folder / "a.txt")
    assert (await world.do("upload", paths=[path], as_key="b", new_object=new)).state == "done"
    info = await world.objects.head("one", "b")
    assert info.content_type == "text/plain"
    assert info.metadata["of"] == "me"
    assert "mtime" in info.metadata
    assert info.headers["cache-control"] == "no-store"
    assert await world.objects.tags("one", "b") == {"k": "v"}


async def test_a_copy_keeps_what_the_request_does_not_name(world):
    world.folder.mkdir()
    (world.folder / "a.txt").write_text("1")
    new = NewObject(metadata={"of": "me"}, tags={"k": "v"})
    await world.do("upload", paths=[str(world.folder / "a.txt")], as_key="a", new_object=new)
    copy = {"keys": ["a"], "to_bucket": "one"}
    await world.do("copy", **copy, as_key="b", new_object=NewObject(content_type="x/y"))
    info = await world.objects.head("one", "b")
    assert (info.content_type, info.metadata["of"]) == ("x/y", "me")
    assert await world.objects.tags("one", "b") == {"k": "v"}
    await world.do("copy", **copy, as_key="a", new_object=NewObject(metadata={"n": "1"}, tags={}))
    info = await world.objects.head("one", "a")
    assert (info.content_type, info.metadata) == ("text/plain", {"n": "1"})
    assert await world.objects.tags("one", "a") == {}
