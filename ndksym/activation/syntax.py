"""Text → Python syntax tree, after checks of its characters, its length and its nesting.

Python's own grammar reads the text; nothing is compiled or executed. The parser checks the nodes of the tree.
"""

import ast
import re
import warnings

from ndksym.activation.size_limits import HELP, MAX_DEPTH, MAX_LENGTH
from ndksym.errors import ParseError

__all__ = ["RefusalError", "parse_error", "refused_kind", "shown", "tree_of"]

_SAFE = re.compile(r"[A-Za-z0-9_+\-*/().,<>= ]*\Z")
_HINTS = {
    "^": "write ** for a power",
    "²": "write **2",
    "³": "write **3",
    "π": "write pi",
    "−": "write a plain minus sign",
    "·": "write *",
    "×": "write *",
    "÷": "write /",
    "√": "write sqrt(...)",
    "∞": "only finite numbers are allowed",
    "|": "write Abs(...)",
    "[": "only round parentheses are allowed",
    "{": "only round parentheses are allowed",
    ":": "lambda, slices and assignments are not allowed",
    "'": "strings are not allowed",
    '"': "strings are not allowed",
}
_KINDS: dict[type[ast.AST], str] = {
    ast.Attribute: "attribute access (.) is not allowed",
    ast.IfExp: "if/else is not allowed; write Piecewise((value, condition), (value, True))",
    ast.Compare: "a comparison may only be a condition of Piecewise; write Heaviside(x - 1) for x > 1",
    ast.BoolOp: "and/or may only join conditions of Piecewise",
    ast.Tuple: "a pair may only stand in Piecewise; decimal points are written as .",
    ast.Starred: "* before an argument is not allowed",
}


class RefusalError(Exception):
    """The reason why a syntax node is refused; the parser turns it into a ParseError with the text."""

    def __init__(self, node: ast.AST | None, why: str) -> None:
        super().__init__(why)
        self.node, self.why = node, why


def refused_kind(node: ast.AST) -> str:
    """The reason why a kind of syntax node is not allowed.

    >>> refused_kind(ast.parse("x.y", mode="eval").body)
    'attribute access (.) is not allowed'
    """
    if isinstance(node, ast.BinOp | ast.UnaryOp):
        return "of the operators only + - * / ** are allowed"
    return _KINDS.get(type(node), f"{type(node).__name__} is not allowed here")


def parse_error(text: str, refusal: RefusalError) -> ParseError:
    """The error for a text: the text, the place, the cause, and where to read what is allowed."""
    place = ""
    if refusal.node is not None and hasattr(refusal.node, "col_offset"):
        start, end = refusal.node.col_offset, getattr(refusal.node, "end_col_offset", None)
        if text[start:end] != text:
            place = f" at column {start + 1} ({shown(text[start:end])})"
    return ParseError(f"cannot read the activation {shown(text)}{place}: {refusal.why}; {HELP}")


def shown(text: object) -> str:
    """A text, short and in ASCII, for a message.

    >>> shown("x" * 1000)
    "'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'..."
    """
    if isinstance(text, str) and len(text) > 80:
        return ascii(text[:39]) + "..."
    return ascii(text)[:200]


def tree_of(text: str) -> tuple[str, ast.expr]:
    """The text with single spaces, and its syntax tree; RefusalError gives the reason if there is none."""
    if not isinstance(text, str):
        raise RefusalError(None, f"it is of type {type(text).__name__}, not text")
    if len(text) > MAX_LENGTH:
        raise RefusalError(None, f"it has {len(text)} characters; at most {MAX_LENGTH} are allowed")
    text = " ".join(re.split(r"[ \t\r\n]+", text)).strip(" ")
    if not text:
        raise RefusalError(None, "it is empty")
    for column, letter in enumerate(text, 1):
        if not _SAFE.match(letter):
            hint = _HINTS.get(letter, "this character is not allowed")
            raise RefusalError(None, f"{letter!a} (U+{ord(letter):04X}) at column {column}: {hint}")
    nesting = 0
    for column, letter in enumerate(text, 1):
        nesting += (letter == "(") - (letter == ")")
        if nesting > MAX_DEPTH:
            raise RefusalError(None, f"more than {MAX_DEPTH} nested parentheses at column {column}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python warns about odd literals; they are refused later
            return text, ast.parse(text, mode="eval").body
    except SyntaxError as error:
        hint = "; write 2*x, not 2x" if re.search(r"[0-9)] ?[A-Za-z(]", text) else ""
        raise RefusalError(None, f"it is not a formula near column {error.offset}{hint}") from None
    except (ValueError, MemoryError, RecursionError):
        raise RefusalError(None, "it is nested too deeply") from None
