"""What learns: each family turns a table of raw columns into something that predicts and saves as data."""
