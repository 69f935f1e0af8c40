"""Batch load: spreadsheets and CSV files in, validated rows and explained refusals out."""
