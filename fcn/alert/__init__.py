"""What is said of events, and where: alerts, formats, sinks, and the journal of what was delivered."""
