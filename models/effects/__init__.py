"""Therapies compared over a population: what each option would give on average, and how far the data can carry that."""
