"""docs/semantics.md and the tests speak of the same rules."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
ID = r"[A-Z]+-\d+"


def test_each_rule_has_a_test_and_each_tested_rule_is_documented():
    text = (ROOT / "docs" / "semantics.md").read_text()
    ids = re.findall(rf"^\| ({ID}) \|", text, re.MULTILINE)
    documented = set(ids)
    assert len(ids) == len(documented), "an id is given twice"
    tested = {
        rule
        for file in (ROOT / "tests").rglob("test_*.py")
        for rule in re.findall(rf'pytest\.mark\.rule\("({ID})"\)', file.read_text())
    }
    assert documented - tested == set(), "these rules have no test"
    assert tested - documented == set(), "these rules are not in docs/semantics.md"
    assert len(documented) > 10
