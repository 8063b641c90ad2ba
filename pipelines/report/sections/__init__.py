"""The sections of the report, one file a subject; each turns material into HTML."""
