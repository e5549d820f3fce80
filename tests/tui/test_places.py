from s3d.tui.places import HOME, MOST, History, bucket_path, object_path, page_path, parent, parse


def test_back_and_forward():
    trail = History()
    assert trail.back(HOME) is None
    trail.left(HOME)
    trail.left(("b", ""))
    assert trail.back(("b", "p/")) == ("b", "")
    assert trail.back(("b", "")) == HOME
    assert trail.forward(HOME) == ("b", "")
    assert trail.forward(("b", "")) == ("b", "p/")
    assert trail.forward(("b", "p/")) is None


def test_a_new_way_forgets_the_old_one():
    trail = History()
    trail.left(HOME)
    trail.back(("b", ""))
    trail.left(HOME)
    assert trail.forward(("c", "")) is None
    for n in range(2 * MOST):
        trail.left(("b", f"{n}/"))
    assert len(trail._past) == MOST


def test_the_level_above():
    assert parent(("b", "a/c/")) == ("b", "a/")
    assert parent(("b", "a/")) == ("b", "")
    assert parent(("b", "")) == HOME


def test_a_place_is_read():
    assert parse(" s3://b/p/q ") == ("b", "p/q")
    assert parse("b") == ("b", "")


def test_paths_are_encoded():
    assert bucket_path("a/b") == "/v1/buckets/a%2Fb"
    assert object_path("b", "a b&c", ":presign") == "/v1/buckets/b/object:presign?key=a+b%26c"
    assert object_path("b", "k", version="").endswith("object?key=k")
    assert "delimiter=%2F" in page_path("b", "p/")
    path = page_path("b", "p/", cursor="x=", deep=True, standing=True)
    assert "delimiter" not in path
    assert path.endswith("&cursor=x%3D&limit=1000&standing=1")
