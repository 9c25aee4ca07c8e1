"""The demo: a whole small world on one machine, to see it work before anything is wired."""
