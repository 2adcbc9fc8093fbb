"""The only room that imports Airflow: tasks as thin callables, triggers, retry policy, links."""
