"""One frozen dataclass a page: all that its template may know. Plain values; no request, no database."""
