"""`make eval`: how well retrieval finds what people's own indexes point to, measured on public documentation.

`manual` fetches the documentation, `markdown` and `book_index` read it, `questions` chooses and splits what is asked,
`asking` asks it, `evaluate` measures, `findings` writes down. Start with `evaluate`.
"""
