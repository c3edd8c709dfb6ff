"""What people read of a run folder: the HTML report, TensorBoard's events, a table at the end."""

from dlcore.console.progress import bar
from dlcore.report.comparison import compare, draw_comparison
from dlcore.report.ending import finish
from dlcore.report.html import UndrawnError, build
from dlcore.report.live import LiveLines, View, live_view, write_view
from dlcore.report.tensorboard import LiveEvents, write_events
from dlcore.report.terminal import summary
from dlcore.runs import RunFolder, environment, read

__all__ = [
    "LiveEvents",
    "LiveLines",
    "RunFolder",
    "UndrawnError",
    "View",
    "bar",
    "build",
    "compare",
    "draw_comparison",
    "environment",
    "finish",
    "live_view",
    "read",
    "summary",
    "write_events",
    "write_view",
]
