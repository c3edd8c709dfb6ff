"""Run folders and what people read of them: progress, figures, the HTML report, TensorBoard, a table at the end."""

from dlcore.report.environment import environment
from dlcore.report.folder import RunFolder, read_arrays, read_json
from dlcore.report.html import build
from dlcore.report.progress import bar
from dlcore.report.tensorboard import write_events
from dlcore.report.terminal import summary

__all__ = ["RunFolder", "bar", "build", "environment", "read_arrays", "read_json", "summary", "write_events"]
