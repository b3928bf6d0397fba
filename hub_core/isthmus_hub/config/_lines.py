"""Which line of a TOML text each key stands on.

``tomllib`` checks the text and gives the values, but not their places. This scanner walks a text that ``tomllib`` has
already accepted, so it need not find errors; it only has to agree with it about where keys begin (TOML 1.0, "Keys").
"""

from __future__ import annotations

Path = tuple[str | int, ...]
"""Keys from the root; the number of an element inside an array."""

_BARE = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")
_ESCAPES = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r", '"': '"', "\\": "\\"}


def key_lines(text: str) -> dict[Path, int]:
    """Line, counted from 1, of every key, table and array element of a valid TOML document."""
    return _Scanner(text).run()


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.lines: dict[Path, int] = {}
        self.elements: dict[Path, int] = {}
        """Number of the last ``[[table]]`` seen of each array of tables."""
        self._counted_to = 0
        self._line = 1

    def run(self) -> dict[Path, int]:
        table: Path = ()
        while True:
            self._skip_blank()
            if self.at >= len(self.text):
                return self.lines
            if self.text[self.at] == "[":
                table = self._header()
            else:
                self._pair(table)

    def _header(self) -> Path:
        line = self._line_here()
        array = self.text.startswith("[[", self.at)
        self.at += 2 if array else 1
        keys = self._dotted()
        path: Path = ()
        for depth, key in enumerate(keys):
            path = (*path, key)
            if depth == len(keys) - 1 and array:
                self.elements[path] = self.elements.get(path, -1) + 1
            self.lines.setdefault(path, line)
            if path in self.elements:
                path = (*path, self.elements[path])
        self.lines.setdefault(path, line)
        if array:
            # Arrays below this element start anew.
            for other in [known for known in self.elements if known[: len(path)] == path]:
                del self.elements[other]
        self._skip_spaces()
        self.at += 2 if array else 1
        return path

    def _pair(self, table: Path) -> None:
        line = self._line_here()
        path = table
        for key in self._dotted():
            path = (*path, key)
            self.lines.setdefault(path, line)
        self._skip_spaces()
        self.at += 1  # the equals sign
        self._skip_spaces()
        self._value(path)

    def _value(self, path: Path) -> None:
        sign = self.text[self.at]
        if sign in "\"'":
            self._string()
        elif sign == "[":
            self._array(path)
        elif sign == "{":
            self._inline_table(path)
        else:
            while self.at < len(self.text) and self.text[self.at] not in ",]}#\n":
                self.at += 1

    def _array(self, path: Path) -> None:
        self.at += 1
        index = 0
        while True:
            self._skip_blank()
            sign = self.text[self.at]
            if sign == "]":
                self.at += 1
                return
            if sign == ",":
                self.at += 1
                continue
            self.lines.setdefault((*path, index), self._line_here())
            self._value((*path, index))
            index += 1

    def _inline_table(self, path: Path) -> None:
        self.at += 1
        while True:
            self._skip_blank()
            sign = self.text[self.at]
            if sign == "}":
                self.at += 1
                return
            if sign == ",":
                self.at += 1
                continue
            self._pair(path)

    def _dotted(self) -> list[str]:
        keys = []
        while True:
            self._skip_spaces()
            if self.text[self.at] in "\"'":
                keys.append(self._string())
            else:
                start = self.at
                while self.at < len(self.text) and self.text[self.at] in _BARE:
                    self.at += 1
                keys.append(self.text[start : self.at])
            self._skip_spaces()
            if not self.text.startswith(".", self.at):
                return keys
            self.at += 1

    def _string(self) -> str:
        quote = self.text[self.at]
        if self.text.startswith(quote * 3, self.at):
            self._long_string(quote)
            return ""
        self.at += 1
        out = []
        while (sign := self.text[self.at]) != quote:
            if sign == "\\" and quote == '"':
                out.append(self._escape())
            else:
                out.append(sign)
                self.at += 1
        self.at += 1
        return "".join(out)

    def _long_string(self, quote: str) -> None:
        """Pass over a multi-line string; never a key, so its text does not matter."""
        self.at += 3
        while not self.text.startswith(quote * 3, self.at):
            self.at += 2 if quote == '"' and self.text[self.at] == "\\" else 1
        # Up to two quotes may stand directly before the closing three.
        while self.text.startswith(quote * 4, self.at):
            self.at += 1
        self.at += 3

    def _escape(self) -> str:
        sign = self.text[self.at + 1]
        if sign in "uU":
            width = 4 if sign == "u" else 8
            code = self.text[self.at + 2 : self.at + 2 + width]
            self.at += 2 + width
            return chr(int(code, 16))
        self.at += 2
        return _ESCAPES[sign]

    def _skip_spaces(self) -> None:
        while self.at < len(self.text) and self.text[self.at] in " \t":
            self.at += 1

    def _skip_blank(self) -> None:
        while self.at < len(self.text):
            if self.text[self.at] in " \t\r\n":
                self.at += 1
            elif self.text[self.at] == "#":
                end = self.text.find("\n", self.at)
                self.at = len(self.text) if end < 0 else end
            else:
                return

    def _line_here(self) -> int:
        self._line += self.text.count("\n", self._counted_to, self.at)
        self._counted_to = self.at
        return self._line


__all__ = ["Path", "key_lines"]
