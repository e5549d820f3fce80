from s3d.shared.status_rows import _conditions


def test_the_conditions_of_many_buckets_are_one_line_for_each_answer():
    levels = {f"b{number:03}": "A" for number in range(205)} | {"photos": "C"}
    assert list(_conditions(levels)) == [
        ("conditions", "b000, b001, b002 and 202 more: the remote evaluates conditional writes"),
        (
            "conditions",
            "photos: the remote ignores conditions; s3d does so for its own clients only",
        ),
    ]


def test_the_conditions_of_few_buckets_name_each():
    levels = {"c": "A", "a": "A", "b": "A", "d": "A"}
    ((_, text),) = _conditions(levels)
    assert text == "a, b, c, d: the remote evaluates conditional writes"
