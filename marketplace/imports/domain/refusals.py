"""A file that cannot be taken in: a code with a sentence in `imports.po` (`import.refused.<code>`)."""


class FileRefused(Exception):
    """The file as a whole is refused; `params` fill the sentence."""

    def __init__(self, code: str, **params: str | int) -> None:
        super().__init__(code)
        self.code = code
        self.params = params
