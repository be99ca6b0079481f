"""What became of predictions: kept until their outcome comes, counted for drift, set beside a challenger's."""
