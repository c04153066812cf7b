"""The twin: the first hour of the 2016 Kumamoto sequence, simulated at real sites."""
