"""llama.cpp: the chat model, the embedder, where they run and how they are found."""
