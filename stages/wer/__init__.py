"""What a word error is: normalisers, alignment, counts."""
