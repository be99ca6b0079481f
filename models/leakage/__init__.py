"""The alarm for what makes every figure a lie: columns that know the answer, patients in two folds, chosen columns."""
