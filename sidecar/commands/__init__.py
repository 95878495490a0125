"""What each command of the command line does; cli.py only parses words and turns errors into one line and a number."""
