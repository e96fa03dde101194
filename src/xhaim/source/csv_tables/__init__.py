"""Checked reading of csv tables: every row is used, or set aside with its line and a reason."""
