"""The embedder: one warm model behind an OpenAI-compatible `/v1/embeddings`, batching across callers.

Its own process, because importing the model's libraries and loading the weights is far too slow for a task.
"""
