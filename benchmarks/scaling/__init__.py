"""Does Airflow run a study on a schedule, and over machines, and what does that cost?"""
