import pytest

from s3d.agent.sync.decide import Action
from s3d.agent.sync.pass_scope import PassResult, Scope, StepResult


@pytest.mark.parametrize(
    ("scope", "is_empty", "is_whole"),
    [
        (Scope(), True, False),
        (Scope(events={"a"}), True, False),
        (Scope(paths={"a"}), False, False),
        (Scope(folders={"a/"}), False, False),
        (Scope(touched={"a"}), False, False),
        (Scope(everything_here=True), False, False),
        (Scope(everything_here=True, bucket=True), False, True),
    ],
)
def test_a_scope_is_empty_or_whole(scope, is_empty, is_whole):
    assert (not scope, scope.is_whole) == (is_empty, is_whole)


def test_results_are_counted_as_they_come():
    result = PassResult([StepResult("a", Action.UPLOAD)])
    result.add([StepResult("b", Action.UPLOAD), StepResult("c", Action.WAIT)])
    assert result.count(Action.UPLOAD, Action.WAIT, Action.DOWNLOAD) == 3
    assert ([done.path for done in result.done], result.has_more) == (["a", "b", "c"], False)
    result.add([StepResult("d", Action.CONFLICT, more=("e",))])
    assert result.has_more
