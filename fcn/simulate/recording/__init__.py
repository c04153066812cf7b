"""From ground to archive: noise, instruments, telemetry."""
