"""Getting it there: a durable outbox, the uplink to the commune's broker, and the clock that both trust.

`sync` knows messages only: never a sensor, a rule or a picture. Importing the package imports nothing else.
"""
