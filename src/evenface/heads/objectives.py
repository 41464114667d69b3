"""The losses there are, in a table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor
from torch.nn.functional import normalize

from evenface.errors import ConfigError
from evenface.heads import sampling
from evenface.heads.contrastive import Contrastive
from evenface.heads.losses import Criterion, Logits, Softmax, Triplet
from evenface.heads.metric import Metric, arcface, metric_loss


@dataclass(frozen=True)
class Loss:
    """An entry of the table.

    Attributes
    ----------
    title : str
        What figures call it.
    criterion : type
    plan, drawn : callable
        Makes an epoch's plan: within batches, and from all training rows.
    weighs : bool
        Whether row weights act on it.
    classifies : bool
        Whether it has logits, which logit adjustment needs.
    by_angle : bool
        Whether it compares directions, so that lengths mean nothing.
    """

    title: str
    criterion: type[Criterion]
    plan: Callable[..., sampling.Plan] = sampling.rows_only
    drawn: Callable[..., sampling.Plan] = sampling.rows_only
    weighs: bool = False
    classifies: bool = False
    by_angle: bool = False

    def place(self, z: Tensor) -> Tensor:
        """Return embeddings (..., p) as they are compared: by distance, or by angle alone."""
        return normalize(z, dim=-1) if self.by_angle else z


LOSSES: dict[str, Loss] = {
    "softmax": Loss("softmax", Softmax, weighs=True, classifies=True),
    "contrastive": Loss("contrastive", Contrastive, drawn=sampling.pairs, weighs=True),
    "triplet": Loss("triplet", Triplet, sampling.batch_triplets, sampling.triplets, weighs=True),
    "supcon": Loss(
        "supervised contrastive",
        metric_loss("supcon", lambda m, _c, _p: m.SupConLoss()),
        by_angle=True,
    ),
    "multi-similarity": Loss(
        "multi-similarity",
        metric_loss("multi-similarity", lambda m, _c, _p: m.MultiSimilarityLoss()),
        by_angle=True,
    ),
    "arcface": Loss("ArcFace", metric_loss("arcface", arcface), by_angle=True),
    "cosface": Loss(
        "CosFace", metric_loss("cosface", lambda m, c, p: m.CosFaceLoss(c, p)), by_angle=True
    ),
}
"""Name to loss; `LOGITS` stands apart, for networks without a bottleneck."""

LOGITS = Loss("cross-entropy", Logits, weighs=True, classifies=True)


def check_losses(names: Sequence[str]) -> tuple[str, ...]:
    """Return the names, or raise a ConfigError for one that is not in the table or not there."""
    unknown = [n for n in names if n not in LOSSES]
    if unknown or not names:
        said = ", ".join(map(repr, unknown)) or "(none given)"
        raise ConfigError(f"no loss named {said}; there are {', '.join(LOSSES)}")
    for name in names:
        criterion = LOSSES[name].criterion
        if issubclass(criterion, Metric):
            criterion.make(2, 2)
    return tuple(dict.fromkeys(names))
