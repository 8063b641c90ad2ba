"""The weekly job that brings the review pages of MLflow up to date."""

from collections.abc import Iterable

import dagster as dg

from assets.failures import translated
from pipelines.reviews import publish_reviews
from trading import calendar

REVIEW = "review"
SATURDAY_CRON = "0 7 * * 6"


def review_job(models: Iterable[str]) -> dg.JobDefinition:
    """The job `review` of a home's models."""
    named = tuple(models)

    @dg.op(
        required_resource_keys={"home"}, description="Figures, pictures and words of each version, in MLflow."
    )
    def publish_review_pages(context: dg.OpExecutionContext) -> None:
        with translated():
            made = publish_reviews(context.resources.home, named)
        context.add_output_metadata({"pages": len(made)})

    @dg.job(name=REVIEW, description="Bring the review pages of all versions up to date.")
    def review() -> None:
        publish_review_pages()

    return review


def weekly_review(job: dg.JobDefinition) -> dg.ScheduleDefinition:
    """The schedule of `review`: a week's forecasts have matured by then."""
    return dg.ScheduleDefinition(
        name="weekly_review",
        job=job,
        cron_schedule=SATURDAY_CRON,
        execution_timezone=calendar.TIMEZONE,
        description="Review pages in MLflow, once a week.",
    )
