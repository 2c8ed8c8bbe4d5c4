"""The results as bars against their targets."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .result import Result


def plot(results: Sequence[Result], file: Path) -> bool:
    """Draw those with a target; whether matplotlib is there to do it."""
    try:
        import matplotlib as mpl  # noqa: PLC0415 - not everybody has it
    except ImportError:
        return False
    mpl.use("svg")
    from matplotlib import pyplot as plt  # noqa: PLC0415 - after the backend is chosen

    aimed = [result for result in results if result.target is not None][::-1]
    if not aimed:
        return False
    figure, axes = plt.subplots(figsize=(9, 1 + 0.35 * len(aimed)))
    reached = [_reached(result, result.value) for result in aimed]
    ends = [sorted((_reached(result, result.low), _reached(result, result.high))) for result in aimed]
    spread = [
        [at - low for at, (low, _) in zip(reached, ends, strict=True)],
        [high - at for at, (_, high) in zip(reached, ends, strict=True)],
    ]
    colours = ["#4477aa" if result.reached else "#cc6677" for result in aimed]
    bars = axes.barh(
        [result.name for result in aimed], reached, xerr=spread, color=colours, ecolor="#999999", capsize=2
    )
    axes.bar_label(
        bars, [f"{result.value:.3g} {result.unit}" for result in aimed], label_type="center", color="white", size=8
    )
    axes.axvline(1, color="black", linewidth=1)
    axes.set_xscale("log")
    axes.set_xlabel("result / target (target / result where less is better); line: the target; whiskers: min and max")
    figure.tight_layout()
    figure.savefig(file)
    plt.close(figure)
    return True


def _reached(result: Result, value: float) -> float:
    assert result.target is not None
    value = max(value, 1e-3 * result.target)  # something a logarithm can take
    return result.target / value if result.at_most else value / result.target
