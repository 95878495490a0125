"""Owns the conversation with Immich: requests, replies, retries and the translation of its words and errors into ours.

Refuses to know: storage, jobs, pairing, and what an answer is wanted for.
"""
