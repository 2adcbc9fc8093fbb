"""The operator's command line: it speaks to the ingestion service over HTTP and knows no store, no Airflow and no model."""
