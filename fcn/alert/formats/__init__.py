"""What an alert looks like to others: QuakeML, SCML, CAP, and the table at the end of an event."""
