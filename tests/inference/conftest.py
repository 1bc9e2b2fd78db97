"""What the tests of plots share."""

import matplotlib.figure
import pytest


@pytest.fixture
def figures(monkeypatch):
    """All figures that are saved."""
    saved, save = [], matplotlib.figure.Figure.savefig

    def remember(self, *arguments, **settings):
        saved.append(self)
        save(self, *arguments, **settings)

    monkeypatch.setattr(matplotlib.figure.Figure, 'savefig', remember)
    return saved
