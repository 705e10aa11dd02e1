"""Find where each line of a transcript is spoken in a recording: python -m tools.align"""
