"""Thin aiohttp handlers by area: read the request, ask one question, answer. No SQL, no rules, no HTML by hand."""
