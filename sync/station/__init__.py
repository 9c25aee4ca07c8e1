"""The commune's end of the line: what nodes send is taken in, stored durably, and answered with a receipt.

Import paths for those who build on it:

- `sync.station.records`: `Incoming`, `Verdict`, `Kind`, `Way`, `Archived`: what goes in and comes out.
- `sync.station.archive`: `Archive` (the one writer), `look` (reading beside a running station).
- `sync.station.answer`: `receipt_for`: which receipt a verdict earns, if any.
- `sync.station.receiver`: `Receiver`: one broker, persistent session, acknowledged after COMMIT.
- `sync.station.intake`: `Intake`: the same by HTTPS, for nodes whose brokers fail; `gate` is its door to the
  network, `tokens` says who may come in. Only these load the web server's libraries.
- `sync.station.batch`: `unpack`: CloudEvents batches into single messages.
- `sync.station.settings`: what can be set about all of it.

`edge.station.Station` puts them together (its `archive` is the one that every intake stores into);
`edge.stationconfig.load_station` reads `station.toml`; `tuquan station run --config station.toml` runs it.

Like all of `sync` it knows messages only; what an alert or a silent node means to people is `edge`'s.
"""
