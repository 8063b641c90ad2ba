"""The only wiring: definitions, jobs, schedules, sensors and the command line."""
