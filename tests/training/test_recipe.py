from pathlib import Path

import pytest

from mmssl.errors import UsageError
from mmssl.training.recipe import Recipe


@pytest.mark.parametrize(
    ("page", "told"),
    [
        ("x = (", "never closed"),
        ("import not_installed_here", "No module named 'not_installed_here'"),
        ("def other():\n    pass", "has no function `recipe`"),
        ("def recipe():\n    pass", "unexpected keyword argument 'steps'"),
        ("def recipe(steps):\n    return steps", "returned a int"),
    ],
)
def test_what_is_no_recipe_says_why(page: str, told: str, tmp_path: Path) -> None:
    path = tmp_path / "page.py"
    path.write_text(page)
    with pytest.raises(UsageError, match=told) as caught:
        Recipe(path, {"steps": 3}).build()
    assert str(path) in str(caught.value)
