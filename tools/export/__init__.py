"""Export a tuned model for others to use: python -m tools.export"""
