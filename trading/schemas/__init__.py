"""Columns of every table, one declaration each, by the part of the line that makes it."""
