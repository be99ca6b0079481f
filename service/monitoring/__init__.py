"""What is asked about since training, and what became of it: drift and live performance, by model version."""
