"""A certificate is a list of evidence that is short to read, shows itself as a table, and can be copied and compared."""

import copy
import pickle

from ndksym.verify import Certificate, Evidence

CHECKS = Certificate(
    [
        Evidence("exact", "K < 1", "proved", "a"),
        Evidence("laws", "symmetry", "holds", "b"),
        Evidence("code", "c", "skipped", ""),
    ]
)


def test_a_certificate_is_short_and_its_text_is_the_table():
    assert repr(CHECKS) == "Certificate(3 checks, 1 proved, 1 holds, 1 skipped: passed)"
    assert repr(Certificate([*CHECKS, Evidence("exact", "K", "unknown", "")])).endswith(": failed)")
    assert repr(Certificate()) == "Certificate(0 checks: passed)"
    lines = str(CHECKS).splitlines()[1:]
    assert [line.split()[:2] for line in lines] == [["exact", "proved"], ["laws", "holds"], ["code", "skipped"]]
    table = CHECKS._repr_html_()
    assert table.count("<tr>") == 4
    assert "K &lt; 1" in table


def test_it_can_be_copied_and_compared():
    for other in (pickle.loads(pickle.dumps(CHECKS)), copy.copy(CHECKS), copy.deepcopy(CHECKS)):
        assert isinstance(other, Certificate)
        assert (other == CHECKS) is True
    assert (Certificate(CHECKS[:2]) == CHECKS) is False
    assert CHECKS[0].record() == {"rung": "exact", "claim": "K < 1", "verdict": "proved", "detail": "a"}
