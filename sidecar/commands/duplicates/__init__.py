"""`sidecar duplicates`: what there is, what each set holds, and deciding which copies stay.

Owns the words, lists and questions of that command. What a decision does is the business of jobs/duplicates.
"""
