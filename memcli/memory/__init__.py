"""The pipeline, one module per step: form, recall, context; timeline for times. Pure functions over plain records."""
