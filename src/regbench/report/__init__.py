"""The report: its page, tables, sentences and plots."""
