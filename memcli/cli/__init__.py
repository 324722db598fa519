"""The command line: parse, call, render; one module per family of commands and one error boundary."""
