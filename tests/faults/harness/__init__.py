"""What all scenarios share: the parts of a world that can be broken, and the judge of what became of it."""
