"""The arithmetic of a contact that bounces."""

from sensors.contact import Contact

MS = 1_000_000


def test_a_contact_closes_at_its_first_edge():
    """Closing is believed at once, and bounces do not count again."""
    contact = Contact(50 * MS)
    contact.close(10 * MS)
    contact.open(12 * MS)
    contact.close(14 * MS)
    assert contact.closed_ns == 10 * MS
    assert contact.closings == 1


def test_a_contact_is_open_after_the_release_time_exactly():
    """One nanosecond earlier it is still closed."""
    contact = Contact(50 * MS)
    contact.close(0)
    contact.open(100 * MS)
    contact.settle(150 * MS - 1)
    assert contact.closed_ns == 0
    contact.settle(150 * MS)
    assert contact.closed_ns is None


def test_a_release_that_nobody_settled_counts_when_it_closes_again():
    """Without a poll between them, two presses are two closings."""
    contact = Contact(50 * MS)
    contact.close(0)
    contact.open(100 * MS)
    contact.close(150 * MS)
    assert contact.closings == 2
    assert contact.closed_ns == 150 * MS


def test_how_long_it_was_held_ends_where_it_was_first_seen_open():
    """The release time is no part of the hold, and bounces are."""
    contact = Contact(50 * MS)
    assert contact.held_ns(5 * MS) == 0
    contact.close(0)
    assert contact.held_ns(70 * MS) == 70 * MS
    contact.open(100 * MS)
    contact.open(120 * MS)
    assert contact.held_ns(140 * MS) == 100 * MS
    contact.close(140 * MS)
    assert contact.held_ns(200 * MS) == 200 * MS
    contact.open(300 * MS)
    contact.settle(350 * MS)
    assert contact.held_ns(360 * MS) == 0


def test_a_bounce_that_is_reported_after_the_release_is_no_closing():
    """Late news that are dated within the release time belong to the contact that was released."""
    contact = Contact(50 * MS)
    contact.close(0)
    contact.open(100 * MS)
    contact.settle(200 * MS)
    contact.close(101 * MS)
    assert contact.closed_ns is None
    contact.close(201 * MS)
    assert contact.closings == 2


def test_opening_an_open_contact_is_nothing():
    """A release without a closing leaves it as it is."""
    contact = Contact(50 * MS)
    contact.open(0)
    contact.settle(1000 * MS)
    assert (contact.closed_ns, contact.closings) == (None, 0)
