import json


def start(s3d, bucket, *keys):
    """Detached downloads; their ids."""
    ids = []
    for key in keys:
        done = s3d("cp", "--detach", f"s3://{bucket}/{key}", "d")
        ids.append(done.out.partition(":")[0])
    return ids


def test_transfers_are_listed_shown_and_cleared(s3d, bucket, store):
    store("k", b"data")
    assert s3d("cp", f"s3://{bucket}/k", "d").code == 0
    shown = s3d("transfers").out
    assert f"download {bucket}/k" in shown
    rows = [json.loads(line) for line in s3d("transfers", "ls", "--json").out.splitlines()]
    (row,) = [row for row in rows if row["key"] == "k" and row["bucket"] == bucket]
    assert (row["kind"], row["state"], row["done"]) == ("download", "done", 4)
    shown = s3d("transfers", "show", row["id"]).out
    assert "4 B of 4 B" in shown
    assert "cleared" in s3d("transfers", "clear").out
    assert s3d("transfers", "show", row["id"]).code != 0


def test_one_that_failed_is_tried_again(s3d, bucket, store):
    (id,) = start(s3d, bucket, "late")
    while json.loads(s3d("transfers", "show", id, "--json").out)["state"] != "failed":
        pass
    store("late", b"here now")
    assert "is retried" in s3d("transfers", "retry", id).out
    while json.loads(s3d("transfers", "show", id, "--json").out)["state"] != "done":
        pass


def test_a_verb_that_does_not_fit_is_told(s3d, bucket, store):
    store("k", b"x")
    assert s3d("cp", f"s3://{bucket}/k", "d").code == 0
    id = json.loads(s3d("transfers", "ls", "--json").out.splitlines()[-1])["id"]
    for verb in ("pause", "resume", "cancel"):
        done = s3d("transfers", verb, id)
        assert done.code != 0
        assert f"cannot {verb}" in done.err
    done = s3d("transfers", "cancel", "t99999")
    assert (done.code, "no such transfer: " in done.err) == (3, True)
    for id in ("a\nb", "a/b", "\x01", "a?b#c", "ü"):
        assert (s3d("transfers", "show", id).code, s3d("transfers", verb, id).code) == (3, 3)


def test_an_unknown_id_and_an_empty_list_are_explained(s3d):
    assert "s3d transfers lists them" in s3d("transfers", "cancel", "t999").err
    s3d("transfers", "clear")
    shown = s3d("transfers", "ls", "--state", "waiting")
    assert (shown.code, shown.out, shown.err) == (0, "", "no transfers\n")
