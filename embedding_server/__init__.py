"""The embedder: one warm model behind an OpenAI-compatible `/v1/embeddings`, batching across callers.

Its own process, because importing the model's libraries and loading the weights is far too slow for a task.
"""

import os

# Set before NumPy is imported. It multiplies matrices for the reference only, where a second thread costs four times the
# processor time on a busy machine: OpenBLAS's threads spin while they wait.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
