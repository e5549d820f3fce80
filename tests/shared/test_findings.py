from s3d.shared.findings import Level, fail, ok, warn


def test_only_a_problem_has_a_remedy() -> None:
    assert (ok("disk", "free").level, ok("disk", "free").remedy) == (Level.OK, "")
    assert (warn("a", "b", "c").remedy, fail("a", "b", "c").level) == ("c", Level.FAIL)
