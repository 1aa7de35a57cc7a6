"""The one exception meant for the user, and how another exception is quoted in it."""


class UserError(ValueError):
    """Bad input, told in one sentence: what was found, where, what was expected and what to do.

    The command line prints the sentence alone and exits with status 2; a notebook shows it as the last line
    of the traceback.
    """


def first_line(problem: Exception) -> str:
    """An exception's message cut to one line, for use inside a sentence."""
    return (str(problem).strip() or type(problem).__name__).splitlines()[0][:200]
