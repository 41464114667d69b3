"""Code blocks of Markdown pages, and what is done with each language."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from commands_of_others import OTHERS
from evenface.cli import app, main
from evenface.config import make_config
from evenface.embed.models.options import read_sidecar
from evenface.faces.source import read_faces
from support import ROOT, write_picture

FENCE = re.compile(r"^(`{3,})([^\n`]*)\n(.*?)^\1$", re.M | re.S)
NUMBER = re.compile(r"[+−-]?\d+(?:[. ]\d+)*")


@dataclass(frozen=True)
class Block:
    """A fenced block, and where it begins."""

    where: str
    language: str
    text: str


def blocks(page: Path, language: str | None = None) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    found = [
        Block(f"{page.name}:{text[: m.start()].count(chr(10)) + 1}", m[2].strip(), m[3])
        for m in FENCE.finditer(text)
    ]
    return [b for b in found if language in (None, b.language)]


def commands(text: str) -> Iterator[list[str]]:
    """Yield the commands of a shell's lines as words, without comments."""
    for line in text.replace("\\\n", " ").splitlines():
        if words := shlex.split(line, comments=True):
            yield words


@dataclass
class Reader:
    """Somebody who follows a page, block by block, in the present folder.

    `changed` says which words of a command stand for others here, or for none.
    """

    printed: Callable[[], str]
    changed: Callable[[list[str]], list[str] | None] = lambda words: words
    code: Callable[[str], str] = lambda text: text
    names: dict[str, Any] = field(default_factory=dict)
    seen: str = ""

    def follow(self, page: Path) -> None:
        for block in blocks(page):
            if block.language.startswith("{"):
                continue  # A directive: the site is built in another test.
            assert block.language in HANDLED, f"{block.where}: no test reads {block.language!r}"
            HANDLED[block.language](self, block)
            self.seen += self.printed()

    def run(self, block: Block) -> None:
        for words in commands(block.text):
            if words[0] == "evenface":
                argv = self.changed(words[1:])
                assert argv is None or main(argv) == 0, f"{block.where}: {shlex.join(words)}"
            else:
                known(block, words)

    def python(self, block: Block) -> None:
        exec(compile(self.code(block.text), block.where, "exec"), self.names)

    def parse(self, block: Block) -> None:
        """Look at commands that need what isn't here: a cluster, a GPU, a shop of objects."""
        subprocess.run(["bash", "-n"], input=block.text, text=True, check=True)
        for words in commands(block.text):
            if words[0] == "evenface":
                # Complains of a command or an option that doesn't exist.
                app.parse_args(words[1:], exit_on_error=False, print_error=False)
            elif words[0] != "ray":
                known(block, words)

    def card(self, block: Block) -> None:
        """The one kind of JSON that people write is a network's card."""
        assert json.loads(block.text)
        file = Path("card/network.onnx")
        file.parent.mkdir(exist_ok=True)
        Path(f"{file}.json").write_text(block.text)
        assert read_sidecar(file)["size"] == (112, 112), block.where

    def study(self, block: Block) -> None:
        assert make_config(tomllib.loads(block.text), block.where).studies

    def workflow(self, block: Block) -> None:
        """What a workflow runs is run here too."""
        jobs = yaml.safe_load(block.text)["jobs"]
        for step in (s for job in jobs.values() for s in job["steps"]):
            assert ("run" in step) != ("uses" in step), block.where
            self.run(Block(block.where, "", step.get("run", "")))

    def table(self, block: Block) -> None:
        """A table of labels, or one with paths, which is a manifest."""
        head, *rows = block.text.splitlines()
        assert {line.count(",") for line in rows} == {head.count(",")}, block.where
        if "path" in head.split(","):
            file = Path("manifest/faces.csv")
            file.parent.mkdir(exist_ok=True)
            file.write_text(block.text)
            for k, row in enumerate(rows):
                write_picture(file.parent / row.split(",")[head.split(",").index("path")], seed=k)
            assert read_faces(file).frame.height == len(rows)

    def output(self, block: Block) -> None:
        """What a page says is printed was printed; numbers may be others elsewhere."""
        seen = plain(self.seen)
        for part in plain(block.text).split("..."):
            assert part.strip() in seen, f"{block.where}: {part!r} wasn't printed in\n{seen}"


HANDLED: dict[str, Callable[[Reader, Block], None]] = {
    "": Reader.run,
    "python": Reader.python,
    "sh": Reader.parse,
    "json": Reader.card,
    "toml": Reader.study,
    "yaml": Reader.workflow,
    "csv": Reader.table,
    "text": Reader.output,
}


def plain(text: str) -> str:
    return NUMBER.sub("#", " ".join(text.split()))


def known(block: Block, words: list[str]) -> None:
    """Fail unless a command is a script of ours, or one of another program that fits us."""
    line = shlex.join(words)
    ours = words[1] if words[0] == "python" else words[0]
    if ours == "-m":
        assert words == ["python", "-m", "venv", ".venv"], f"{block.where}: {line}"
        return
    if ours.startswith(("scripts/", "benchmarks/")):
        assert (ROOT / ours).is_file(), f"{block.where}: {line}"
        return
    assert words[0] in OTHERS, f"{block.where}: no test knows {line}"
    OTHERS[words[0]](words)
