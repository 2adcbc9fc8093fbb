"""The only package that imports Airflow: tasks as thin callables, triggers, retry policy, links."""
