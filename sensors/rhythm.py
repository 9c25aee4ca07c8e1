"""On, off, on, off: how lamps wink and sirens chirp, from the clock alone, without a thread."""


def is_on(rhythm: tuple[int, ...], elapsed_ms: int) -> bool:
    """Tell whether a rhythm of on, off, on, off … milliseconds is on, so long after its start."""
    phase = elapsed_ms % sum(rhythm)
    for index, length_ms in enumerate(rhythm):
        if phase < length_ms:
            return index % 2 == 0
        phase -= length_ms
    return False
