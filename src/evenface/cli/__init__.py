"""The command line: each command reads, calls one function, and prints."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from cyclopts import App, CycloptsError

from evenface._version import __version__
from evenface.cli import compare, embed, erase, lists, models, run, studies, vectors, verify
from evenface.cli.usage import usage_error
from evenface.errors import EvenfaceError, GateFailed

COMMANDS: dict[str, Callable[..., None]] = {
    "demo": run.demo,
    "vectors": vectors.vectors,
    "run": run.run,
    "embed": embed.embed_command,
    "import": embed.import_command,
    "export": embed.export,
    "check": embed.check,
    "join": embed.join,
    "checks": studies.checks,
    "map": studies.map_command,
    "probe": studies.probe,
    "transfer": studies.transfer,
    "spaces": studies.spaces,
    "bias": studies.bias,
    "verify": verify.verify,
    "erase": erase.erase,
    "fit-eraser": erase.fit_eraser,
    "apply-eraser": erase.apply_eraser,
    "compare": compare.compare,
    "report": run.report,
}

app = App(
    name="evenface",
    help="What a face embedding knows about gender and ethnicity, and how unequally it serves "
    "demographic groups: from a folder of faces to a report.",
    version=__version__,
    help_format="plaintext",
    result_action="return_value",
    suppress_keyboard_interrupt=False,
)
for _name, _command in COMMANDS.items():
    app.command(_command, name=_name)
app.command(models.app)
app.command(lists.app)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code.

    It is 0, 2 for bad input or usage, 3 if a gate failed, 130 or 143 if somebody stopped it.
    """
    try:
        with _stoppable():
            app(
                list(argv) if argv is not None else None,
                exit_on_error=False,
                print_error=False,
            )
        sys.stdout.flush()
    except CycloptsError as error:
        return _complain(usage_error(error, app))
    except EvenfaceError as error:
        return _complain(str(error))
    except GateFailed as failure:
        try:
            sys.stdout.flush()
        except BrokenPipeError:
            _hush()
        print(f"evenface: {failure}", file=sys.stderr)  # noqa: T201
        return 3
    except BrokenPipeError:
        _hush()
        return 0
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return _complain(f"{where}{error.strerror or error}")
    except MemoryError as error:
        return _complain(f"not enough memory ({error or 'nothing more is known'}); ask for less")
    except RuntimeError as error:
        # PyTorch has no error of its own for it.
        if "can't allocate memory" not in str(error):
            raise
        return _complain("not enough memory for so large a network; ask for a smaller one")
    except KeyboardInterrupt as stopped:
        _complain("stopped; the same command goes on from here")
        return 128 + (signal.SIGTERM if isinstance(stopped, Terminated) else signal.SIGINT)
    return 0


class Terminated(KeyboardInterrupt):
    """Somebody asked the process to end (``kill``); it ends as if stopped from the keyboard."""


@contextmanager
def _stoppable() -> Iterator[None]:
    """Let whatever goes on end in order when the process is asked to end."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:
        del frame
        raise Terminated(number)

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _hush() -> None:
    # Whoever read our output has seen enough; nothing more is flushed at exit.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _complain(text: str) -> int:
    print(f"evenface: error: {text}", file=sys.stderr)  # noqa: T201
    return 2
