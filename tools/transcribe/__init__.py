"""Transcribe recordings: python -m tools.transcribe"""
