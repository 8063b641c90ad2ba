"""MLflow keeps an engine for every database that it ever opened; a test must not leave one."""


def forget_engines() -> None:
    """Close all of them."""
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    for engine in getattr(SqlAlchemyStore, "_engine_map", {}).values():
        engine.dispose()
