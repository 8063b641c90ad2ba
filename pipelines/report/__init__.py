"""The report of a home: one self-contained HTML file, and a summary for the terminal."""

from pipelines.report.facts import ReportFacts
from pipelines.report.page import render, write_report

__all__ = ["ReportFacts", "render", "write_report"]
