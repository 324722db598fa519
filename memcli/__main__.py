"""`python -m memcli`: the same program."""

from memcli.cli.main import main

main()
