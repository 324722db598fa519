"""Formation: what of a message is kept, and the work on the messages that wait for it."""
