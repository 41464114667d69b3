"""All pairs of pictures, compared in blocks: never an n x n matrix.

Rows stand in the order of their groups, so that a block of scores is of one pair of groups: it is
counted in fine bins. The largest scores are kept as they are, with whose they are: at thresholds
that matter, errors are known by identity. Genuine scores are all kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Lock

import numpy as np
import numpy.typing as npt
import torch

from evenface.heads.threads import cores, torch_threads
from evenface.pairs.bins import LOWEST, NARROWEST, Bins
from evenface.pairs.compared import Compared
from evenface.pairs.found import Found, Kept, least
from evenface.pairs.people import People
from evenface.pairs.similarity import Prepared

ROWS, COLUMNS = 512, 2048
GPU_ROWS, GPU_COLUMNS = 8192, 16384
"""Shape of a block: on a processor, some of it stays in the cache."""

MOST_KEPT = 1 << 22
"""Impostor scores kept as they are, the largest."""

LEAST_SHARE = 0.002
"""Lowest scores that share a bin: no threshold lies among them."""

SAMPLE = 1 << 21
"""Impostor pairs of those persons whose scores are all kept, where not everybody's are."""

Step = Callable[[int, int], None]


def compare_all(
    prepared: Prepared,
    people: People,
    *,
    most_kept: int = MOST_KEPT,
    sample: int = SAMPLE,
    seed: int = 0,
    exact: Sequence[float] = (),
    on_step: Step | None = None,
) -> Compared:
    """Compare every two rows.

    Parameters
    ----------
    prepared : Prepared
        Rows in the order of `people`.
    people : People
    most_kept : int
        Impostor scores to keep exactly. Thresholds below them lie on edges of bins.
    sample : int
        Impostor pairs, about, of the persons drawn to say how rates vary at such thresholds.
    seed : int
        Draws these persons.
    exact : sequence of float
        Thresholds at which matches are counted wherever they lie.
    on_step : callable, optional
        Called with (pairs compared, pairs in all).
    """
    pairs = people.impostor_pairs()
    total = int(np.triu(pairs).sum())
    part, cut, reach = None, LOWEST, prepared.reach
    if total > most_kept:
        chosen = people.some(sample, seed)
        places = np.flatnonzero(chosen[people.person])
        drawn = prepared.at(places)
        size = int(np.triu(people.part(places).impostor_pairs()).sum())
        part = compare_all(drawn, people.part(places), most_kept=size)
        # Rather too low a cut than one above scores that there is room for.
        cut = _top(part.kept.scores, 1.1 * most_kept / total)
        # Where scores lie close together, bins that reach over all that could be tell none apart.
        reach = _reach(part.kept.scores, reach)
    groups = len(people.groups)
    bins = Bins.between(reach, groups * (groups + 1) // 2)
    work = _Work(prepared, people, bins, most_kept, cut, exact)
    tiles = list(_tiles(people.bounds, prepared.vectors.device.type == "cuda"))
    todo, done = sum(t.pairs for t in tiles), 0
    with torch_threads(1), ThreadPoolExecutor(cores()) as pool:
        for tile in pool.map(work, tiles) if len(tiles) > 1 else map(work, tiles):
            done += tile.pairs
            if on_step is not None:
                on_step(done, todo)
        return work.compared(part, pool.map)


def _top(scores: npt.NDArray[np.float32], share: float) -> float:
    """Return the score that so many are above."""
    if not scores.size:
        return LOWEST
    k = scores.size - 1 - min(int(share * scores.size), scores.size - 1)
    return float(np.partition(scores, k)[k])


def _reach(scores: npt.NDArray[np.float32], all_could: tuple[float, float]) -> tuple[float, float]:
    """Return between which scores finer bins pay: all that were drawn but the lowest few."""
    if not scores.size:
        return all_could
    low, high = (float(x) for x in np.quantile(scores, [LEAST_SHARE, 1], method="lower"))
    return (low, high) if high - low > NARROWEST else all_could


class Tile:
    """A block of places: rows of one group with rows of another, or the same."""

    def __init__(self, number: int, cell: int, rows: slice, columns: slice) -> None:
        self.number, self.cell, self.rows, self.columns = number, cell, rows, columns

    @property
    def pairs(self) -> int:
        """Products in it."""
        height, width = (int(s.stop - s.start) for s in (self.rows, self.columns))
        return height * width


def _tiles(bounds: npt.NDArray[np.intp], gpu: bool) -> Iterator[Tile]:
    ends, number, cell = bounds.tolist(), 0, 0
    height, width = (GPU_ROWS, GPU_COLUMNS) if gpu else (ROWS, COLUMNS)
    groups = len(ends) - 1
    for g in range(groups):
        for h in range(g, groups):
            for top in range(ends[g], ends[g + 1], height):
                rows = slice(top, min(top + height, ends[g + 1]))
                for left in range(top if g == h else ends[h], ends[h + 1], width):
                    columns = slice(left, min(left + width, ends[h + 1]))
                    yield Tile(number, cell, rows, columns)
                    number += 1
            cell += 1


class _Work:
    """What is found, block by block, by several threads."""

    def __init__(
        self, prepared: Prepared, people: People, bins: Bins, most: int, cut: float,
        exact: Sequence[float],
    ) -> None:  # fmt: skip
        self.prepared, self.people, self.bins, self.most = prepared, people, bins, most
        device = prepared.vectors.device
        self.person = torch.from_numpy(people.person).to(device)
        self.identity = torch.from_numpy(people.identity).to(device)
        groups = len(people.groups)
        self.counts = np.zeros((groups * (groups + 1) // 2, bins.count), dtype=np.int64)
        self.exact = {t: np.zeros(len(self.counts), dtype=np.int64) for t in exact}
        self.nearest = torch.full((2, len(people.order)), -torch.inf, device=device)
        self.cut, self.lock = cut, Lock()
        self.kept: dict[tuple[int, int], Found] = {}
        self.held = 0
        self.genuine: dict[int, Found] = {}

    def __call__(self, tile: Tile) -> Tile:
        scores = self.prepared.block(tile.rows, tile.columns)
        hidden = self._hide_own(tile, scores)
        highest, highest_below = scores.amax(1), scores.amax(0)
        counts = torch.bincount(self.bins.places(scores).view(-1), minlength=self.bins.count)
        counted = counts.cpu().numpy()
        # What is hidden has a score of minus infinity, and is in the first bin.
        counted[0] -= hidden
        reached = {t: int((scores >= float(least(t))).sum()) for t in self.exact}
        large = self._large(scores) if bool((highest >= self.cut).any()) else None
        with self.lock:
            self.counts[tile.cell] += counted
            for threshold, matches in reached.items():
                self.exact[threshold][tile.cell] += matches
            kinds = (0, 1) if self._one_group(tile) else (0,)
            for kind in kinds:
                own = self.nearest[kind]
                torch.maximum(own[tile.rows], highest, out=own[tile.rows])
                columns = own[tile.columns]
                torch.maximum(columns, highest_below, out=columns)
            if large is not None:
                self.kept[tile.cell, tile.number] = self._found(tile, *large)
                self.held += large[0].size
                if self.held > 1.5 * self.most:
                    self._raise_cut()
        return tile

    def _one_group(self, tile: Tile) -> bool:
        who, group = self.people.person, self.people.group
        return bool(group[who[tile.rows.start]] == group[who[tile.columns.start]])

    def _hide_own(self, tile: Tile, scores: torch.Tensor) -> int:
        """Take out genuine pairs, pairs of one person, and those that come twice."""
        who = self.people.person
        a, b = tile.rows, tile.columns
        twice = b.start < a.stop and self._one_group(tile)
        # Persons stand together, so only blocks near the diagonal have pairs of one.
        if not twice and who[a.stop - 1] != who[b.start]:
            return 0
        i = torch.arange(a.start, a.stop, device=scores.device)[:, None]
        j = torch.arange(b.start, b.stop, device=scores.device)[None, :]
        one = self.person[a][:, None] == self.person[b][None, :]
        genuine = one & (self.identity[a][:, None] == self.identity[b][None, :]) & (i < j)
        found = torch.nonzero(genuine)
        if len(found):
            values = scores[found[:, 0], found[:, 1]].cpu().numpy()
            own = who[found[:, 0].cpu().numpy() + a.start]
            with self.lock:
                self.genuine[tile.number] = Found.of(values, own, own)
        hide = one | (j <= i)
        scores.masked_fill_(hide, -torch.inf)
        return int(hide.sum())

    def _large(self, scores: torch.Tensor) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.float32]]:
        """Return places and values of scores from the cut on."""
        flat = scores.view(-1)
        if flat.is_cuda:
            at = torch.nonzero(flat >= self.cut)[:, 0]
            return at.cpu().numpy(), flat[at].cpu().numpy()
        # NumPy finds the few that are true several times as fast.
        values = flat.numpy()
        places = np.flatnonzero(values >= self.cut)
        return places, values[places]

    def _found(
        self, tile: Tile, places: npt.NDArray[np.intp], values: npt.NDArray[np.float32]
    ) -> Found:
        i, j = np.divmod(places, tile.columns.stop - tile.columns.start)
        who = self.people.person
        return Found.of(values, who[i + tile.rows.start], who[j + tile.columns.start])

    def _raise_cut(self) -> None:
        """Let go of what there is no room for: whole bins, the lowest first."""
        at = np.zeros(self.bins.count, dtype=np.int64)
        for found in self.kept.values():
            places = self.bins.places(torch.from_numpy(found.scores)).numpy()
            at += np.bincount(places, minlength=self.bins.count)
        self.cut = max(self.cut, self._lowest_edge(at))
        self.kept = {n: f.above(self.cut) for n, f in self.kept.items()}
        self.held = sum(f.scores.size for f in self.kept.values())

    def _lowest_edge(self, at: npt.NDArray[np.int64]) -> float:
        """Return the lowest edge of a bin from which on there are no more than can be kept."""
        above = np.append(np.cumsum(at[::-1])[::-1], 0)
        k = int(np.argmax(above <= self.most))
        if k == 0:
            return LOWEST
        return float(self.bins.edges[k]) if k < self.bins.count else float("inf")

    def compared(self, part: Compared | None, each: Callable[..., Iterator[Found]]) -> Compared:
        """Put together what all blocks gave; the order in which they came is forgotten."""
        cut = max(self.cut, self._lowest_edge(self.counts.sum(axis=0)))
        if cut > LOWEST:
            # Where bins end and single scores begin, both must count alike.
            # Beyond the last edge there is no such place, and no single score is kept.
            edges = np.append(self.bins.edges, np.float32(np.inf))
            cut = float(edges[np.searchsorted(edges, np.float32(cut))])
        cells: list[list[Found]] = [[] for _ in self.counts]
        for cell, number in sorted(self.kept):
            cells[cell].append(self.kept.pop((cell, number)).above(cut))
        kept = Kept.of_cells(list(each(lambda parts: Found.together(parts).sorted(), cells)))
        genuine = Found.together([self.genuine[n] for n in sorted(self.genuine)])
        nearest = self.nearest.cpu().numpy().astype(np.float64)
        return Compared(
            self.people, self.bins, self.counts, kept, cut, genuine, nearest, part, exact=self.exact
        )
