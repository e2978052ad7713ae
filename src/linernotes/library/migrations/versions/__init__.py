"""A script for each format of the database, in order."""
