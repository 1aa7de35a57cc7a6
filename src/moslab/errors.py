"""The one exception meant for the person at the keyboard."""


class UserError(ValueError):
    """Bad input, told in one sentence: what was found, where, what was expected and what to do.

    The command line prints the sentence alone and exits with status 2; notebooks show it as the last line of the traceback.
    """
