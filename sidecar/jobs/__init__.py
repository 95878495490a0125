"""What runs in the background: the jobs, the queue that wakes them and the embedded Valkey behind it.

A job body loads, decides (grouping/), records and acts; what is left to do is in the database, never only in the queue.
"""
