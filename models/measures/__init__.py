"""Measures of predictions for unseen patients, each over bootstrap draws of patients."""
