"""What every stage needs: errors, parameters, files, text tables."""
