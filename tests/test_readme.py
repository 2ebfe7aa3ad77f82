"""README's code runs as it stands."""

import re
from pathlib import Path

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")


def test_the_python_blocks_run(capsys):
    blocks = re.findall(r"```python\n(.*?)```", README, flags=re.S)
    assert blocks
    space: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, "README.md", "exec"), space)
    assert "proved" in capsys.readouterr().out


def test_it_names_two_set_up_commands():
    blocks = re.findall(r"```bash\n(.*?)```", README, flags=re.S)
    assert len(blocks) == 2
    assert all(block.strip().count("\n") == 0 and "python3 -m venv" in block for block in blocks)
    assert "ndksym derive" in blocks[0]
    assert "ndksym generate" in blocks[0]
    assert "ndksym verify" in blocks[0]
    assert "pytest" in blocks[1]
    assert README.index("<!-- test-command -->") < README.index(blocks[1])
