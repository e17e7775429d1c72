"""Bodies of requests and responses, without database or HTTP."""
