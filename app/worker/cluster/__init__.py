"""The engine of a Ray cluster: slots on its nodes. Only this folder imports Ray, which is an extra."""
