"""The JSON API: operations that say of themselves what they take and give, so that their description is never a lie."""
