"""From what the page sends to the text of a configuration: nothing else in it is touched."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.setup.draft import BadDraft, UnsafeEdit, apply, drawn_of, read_draft

TEXT = """\
# của tổ
[node]
name = "cho"   # ngắn

# vẽ ngày 20/11
[[zone]]
name = "Cổng"   # như biển
points = "0.1,0.1 0.9,0.1 0.9,0.9"

[[zone]]
name = "Sân"
points = "0,0 0.5,0 0.5,0.5"

[[rule]]
kind = "intrusion"
zone = "Cổng"

[[broker]]
host = "b"
"""
TRIANGLE = [[0.1, 0.1], [0.5, 0.1], [0.3, 0.6]]


def drawn(text=TEXT):
    return {**drawn_of(tomllib.loads(text)), "thresholds": {}}


def made(document, text=TEXT):
    return apply(text, read_draft(document))


def test_what_was_not_changed_leaves_the_file_as_it_is():
    """Every byte of it, comments and spaces."""
    assert made(drawn()) == TEXT


def test_a_shape_that_stayed_is_written_as_it_was():
    """Also where the page would have written it otherwise."""
    text = TEXT.replace("0,0 0.5,0 0.5,0.5", "0.00,0 .50,0.0  0.5000,0.5")
    document = drawn(text)
    document["zone"][0]["name"] = "Ngõ"
    assert made(document, text) == text.replace('"Cổng"   # như', '"Ngõ"   # như')


def test_a_changed_point_changes_one_line():
    """The comment behind the name and the other zone stay."""
    document = drawn()
    document["zone"][0]["points"][2] = [0.85, 0.95]
    assert made(document) == TEXT.replace("0.9,0.1 0.9,0.9", "0.9,0.1 0.85,0.95")


def test_a_new_zone_comes_after_the_others_and_a_deleted_one_is_gone():
    """The rest is as it was."""
    document = drawn()
    del document["zone"][1]
    document["zone"].append({"name": "Bãi xe", "points": TRIANGLE})
    text = made(document)
    assert [zone["name"] for zone in tomllib.loads(text)["zone"]] == ["Cổng", "Bãi xe"]
    assert "# như biển" in text
    assert "# vẽ ngày 20/11" in text
    assert '[[broker]]\nhost = "b"' in text


def test_the_first_mask_line_and_threshold_make_their_sections():
    """In a file that had none of them."""
    document = drawn()
    document["mask"] = [{"name": "Cửa sổ nhà số 12", "points": TRIANGLE}]
    document["line"] = [{"name": "Cổng Đông", "points": [[0, 0.5], [1, 0.5]]}]
    document["thresholds"] = {"tracker.min_score": 0.6}
    raw = tomllib.loads(made(document))
    assert raw["mask"] == [{"name": "Cửa sổ nhà số 12", "points": "0.1,0.1 0.5,0.1 0.3,0.6"}]
    assert raw["line"][0]["points"] == "0,0.5 1,0.5"
    assert raw["tracker"] == {"min_score": 0.6}


def test_everything_drawn_can_go():
    """A group may begin anew."""
    raw = tomllib.loads(made({"zone": [], "rule": []}))
    assert "zone" not in raw
    assert "rule" not in raw
    assert raw["broker"] == [{"host": "b"}]


def test_a_setting_that_goes_back_to_its_default_leaves_the_file():
    """None from the page means that nothing is to be written."""
    document = drawn()
    document["rule"][0]["zone"] = None
    assert tomllib.loads(made(document))["rule"] == [{"kind": "intrusion"}]


def test_zones_written_in_one_line_are_rewritten_as_sections():
    """What somebody wrote as a list of inline tables can be changed too."""
    text = 'zone = [{ name = "A", points = "0,0 1,0 1,1" }]\n\n[node]\nname = "n"\n'
    document = drawn(text)
    document["zone"][0]["name"] = "B"
    assert tomllib.loads(made(document, text)) == {
        "zone": [{"name": "B", "points": "0,0 1,0 1,1"}],
        "node": {"name": "n"},
    }


def test_a_finger_that_left_the_picture_means_its_edge():
    """Points outside are brought back, to a thousandth."""
    document = drawn()
    document["zone"][1]["points"] = [[-0.2, 0], [1.7, 0.00049], [0.33333, 2]]
    assert tomllib.loads(made(document))["zone"][1]["points"] == "0,0 1,0 0.333,1"


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        {"zone": {}},
        {"zone": [1]},
        {"zone": [{"points": [[1]]}]},
        {"zone": [{"points": [["a", "b"]]}]},
        {"zone": [{"name": {"a": 1}}]},
        {"zone": [{"opening_hours": [[1]]}]},
        {"zone": [{"from": 1}, {"from": 0}]},
        {"zone": [{"name": "x"}, {"from": 0}]},
        {"zone": [{"from": True}]},
        {"zone": [{}] * 101},
        {"thresholds": {"node.name": "x"}},
        {"thresholds": {"tracker.min_score": [1]}},
        {"thresholds": 3},
    ],
)
def test_what_the_page_never_sends_is_refused(document):
    """Only what is drawn and a few thresholds can be reached from the page."""
    with pytest.raises(BadDraft):
        read_draft(document)


def test_an_entry_of_the_file_that_is_not_there_is_refused():
    """As after somebody else deleted a zone."""
    document = drawn()
    document["zone"].append(document["zone"].pop() | {"from": 7, "name": "Ao"})
    with pytest.raises(UnsafeEdit):
        made(document)


names = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=30)
point = st.tuples(st.floats(0, 1), st.floats(0, 1)).map(list)
entry = st.fixed_dictionaries({"name": names, "points": st.lists(point, max_size=5)})


@given(zones=st.lists(entry, max_size=4), keep=st.booleans())
def test_any_names_and_points_come_back_as_they_were_meant(zones, keep):
    """Quotes, emoji and brackets in a name never break the file, nor reach another section."""
    document = drawn()
    document["zone"] = (document["zone"] if keep else []) + zones
    raw = tomllib.loads(made(document))
    written = [zone["name"] for zone in raw.get("zone", [])][2 * keep :]
    assert written == [zone["name"] for zone in zones]
    assert raw["node"] == {"name": "cho"}
    assert raw["broker"] == [{"host": "b"}]
