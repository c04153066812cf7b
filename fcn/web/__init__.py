"""The monitor's page: what it knows, for a browser, read-only.

`snapshot`: the monitor at one moment; `board`: where the loop leaves it; `state`: as JSON, with `fronts`;
`server`: a thread that serves it, with `guard`, `connection` and `events`; `assets`: what a browser runs.
"""
