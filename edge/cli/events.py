"""`tuquan events`: what the outbox holds."""

import click

command = click.Command("events")
