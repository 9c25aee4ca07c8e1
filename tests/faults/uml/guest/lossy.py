"""A bad line between node and broker: packets are lost, or late by seconds, and everything arrives once."""

from __future__ import annotations

from typing import Any

from tests.faults.uml.guest import house
from tests.faults.uml.guest.commune import NODE_SIDE, Commune, play


def story(commune: Commune, job: dict[str, Any]) -> None:
    """In each weather the broker is started anew, so that the node has to connect in it, too."""
    with commune.station(), commune.node():
        with commune.broker():
            commune.press()
            commune.arrive("sound")
        for weather in job["weathers"]:
            line(weather)
            with commune.broker():
                for _ in range(job["presses"]):
                    commune.press()
                    commune.hand.watch(0.5)
                commune.arrive(weather)
        line("delay 0ms")
        with commune.broker():
            commune.press()
            commune.arrive("sound again")


def line(weather: str) -> None:
    """Both directions of the cable from now on."""
    house.sh(f"tc qdisc replace dev here root netem {weather}")
    house.sh(f"{' '.join(NODE_SIDE)} tc qdisc replace dev there root netem {weather}")


def main(job: dict[str, Any]) -> None:
    house.load("veth", "sch_netem")
    play(job, lambda commune: story(commune, job))


if __name__ == "__main__":
    house.main(main)
