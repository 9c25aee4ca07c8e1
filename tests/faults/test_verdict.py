"""The judge of the fault scenarios: it must see what is wrong, or its word is worth nothing."""

import pytest

from tests.faults.harness.ledger import PRESSED, RECEIVED, SENT, Archived, Lamp, Ledger
from tests.faults.harness.verdict import judge

MS = 1_000_000
S = 1000 * MS
START = 1_767_225_600 * S


class Story:
    """A ledger written by hand; times in milliseconds after the start."""

    def __init__(self):
        self.ledger, self.rows = Ledger(), []

    def life(self, start, end, *, orderly=False):
        life = self.ledger.born()
        life.started_ns, life.ended_ns, life.orderly = START + start * MS, START + end * MS, orderly
        return self

    def press(self, at):
        self.ledger.pressed(START + at * MS)
        return self

    def lamp(self, at, pin=PRESSED, *, lit=True):
        self.ledger.lamp(Lamp(pin, lit, START + at * MS))
        return self

    def row(self, at, *, came=None, seq=None, **changes):
        facts = {
            "id": str(len(self.rows)),
            "boot": "boot",
            "seq": len(self.rows) + 1 if seq is None else seq,
            "happened_ns": START + at * MS,
            "clock": "synced",
            "delayed": False,
            "topic": "tuquan/v1/c/n/alert/panic",
            "received_ns": START + (at + 5 if came is None else came) * MS,
        }
        self.rows.append(Archived(**facts | changes))
        return self

    def judged(self):
        return judge("by hand", 0, self.ledger, self.rows)

    def broken(self):
        return " ".join(self.judged().wrong)


@pytest.fixture
def story():
    return Story()


def test_a_press_that_lit_the_lamp_and_was_archived_is_well(story):
    """Pressed, stored, sent, received, with the node killed in the end."""
    story.life(0, 2000).press(100).lamp(103).row(101, came=108).lamp(110, SENT).lamp(112, RECEIVED)
    assert story.judged().good


def test_a_press_that_lit_the_lamp_and_is_not_archived_is_lost(story):
    """The one thing that must never be."""
    story.life(0, 110).press(100).lamp(103)
    assert "Press 0" in story.broken()


def test_a_press_that_nobody_was_shown_anything_of_may_be_gone(story):
    """Killed before the commit."""
    assert story.life(0, 101).press(100).judged().good


def test_a_lamp_that_falls_back_has_answered_a_second_press(story):
    """The row of lamps goes back to pressed for a new press: that one is owed its delivery, too."""
    story.life(0, 400).press(100).lamp(103).lamp(110, SENT).row(101).press(300)
    assert story.judged().good
    story.lamp(303, SENT, lit=False)
    assert "Press 1" in story.broken()


def test_a_lamp_that_answers_the_press_before_has_not_answered_this_one(story):
    """The node was busy for a while: its answer to the first press came after the second was made."""
    story.life(0, 205).press(100).press(200).lamp(203).row(199, came=400)
    assert story.judged().good


def test_a_press_on_a_node_that_ended_in_order_is_due_whatever_the_lamp_showed(story):
    """A stop is no excuse."""
    assert "Press 0" in story.life(0, 110, orderly=True).press(100).broken()


def test_a_lamp_that_still_shines_seconds_later_has_answered(story):
    """The lamp shone for an earlier press and did not change: whoever pressed took it for an answer."""
    story.life(0, 3500).press(100).lamp(103).row(101).press(300)
    assert "Press 1" in story.broken()


def test_a_row_that_nobody_pressed_for_is_told(story):
    """An alarm out of nothing."""
    assert "nobody pressed" in story.life(0, 1000).row(100).broken()


def test_a_second_row_for_one_press_is_told(story):
    """One press, two alarms."""
    story.life(0, 1000).press(100).row(101).row(140)
    assert "nobody pressed" in story.broken()


def test_one_message_archived_twice_is_told(story):
    """The archive must know ids."""
    story.life(0, 1000).press(100).row(101).row(101, id="0")
    assert "archived 2 times" in story.broken()


def test_a_number_that_two_messages_have_is_told(story):
    """A gap could not be seen any more."""
    story.life(0, 1000).press(100).row(101, seq=7).press(300).row(301, seq=7)
    assert "given to 2 messages" in story.broken()


def test_numbers_that_fall_while_time_rises_are_told(story):
    """Order within a boot goes by number."""
    story.life(0, 1000).press(100).row(101, seq=8).press(300).row(301, seq=7)
    assert "higher number" in story.broken()


def test_received_before_it_was_archived_is_a_false_light(story):
    """The lamp's word for the station was given before the station had it."""
    story.life(0, 2000).press(100).lamp(103).row(101, came=500).lamp(110, SENT).lamp(112, RECEIVED)
    assert "said received" in story.broken()


def test_a_lamp_that_was_lit_before_anybody_pressed_is_a_false_light(story):
    """For nobody."""
    story.life(0, 1000).lamp(50).press(100).row(101)
    assert "before anybody pressed" in story.broken()


def test_a_press_that_is_dated_wrong_or_comes_late_unmarked_is_told(story):
    """Right, or marked."""
    story.life(0, 60_000).press(100).row(101, came=30_000)
    assert "does not say so" in story.broken()
    story.rows.clear()
    assert story.row(101, came=30_000, delayed=True).judged().good


def test_a_press_that_is_dated_a_second_late_by_a_good_clock_is_told(story):
    """It finds no press, so it is nobody's row, and the press is lost."""
    story.life(0, 5000, orderly=True).press(100).row(1500)
    verdict = story.judged()
    assert len(verdict.wrong) == 2


def test_a_table_says_seed_figures_and_what_is_wrong(story):
    """What a person reads, and what runs it again."""
    table = story.life(0, 110).press(100).lamp(103).judged().table()
    assert table.startswith("by hand, seed 0: BROKEN")
    assert "lost" in table
    assert "! Press 0" in table
