"""The interactive session: prompt, slash commands, completion, toolbar."""
