"""What people see of each stage in Dagster."""
