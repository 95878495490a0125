"""The pages: each asks what the JSON API's own operations answer, and shows it. What was decided is sent on to them."""
