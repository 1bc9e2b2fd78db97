"""The error that wrong user data raises."""


class InputError(ValueError):
    """A user's data are wrong; the message is one sentence that names the file and the record."""
