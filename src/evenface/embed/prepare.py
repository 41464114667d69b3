"""One row of the faces table to one crop: read, hash, decode, detect, align."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol, final

import numpy as np
from numpy.typing import NDArray

from evenface.embed.align import align_face, box_crop, center_crop
from evenface.embed.decode import decode_image, located, read_image
from evenface.embed.detect import WHERE, Detection, Detector
from evenface.embed.models.cards import ModelCard
from evenface.embed.models.catalogue import YUNET
from evenface.embed.models.place import checked, first_present
from evenface.errors import ImageError, ModelError

ALIGNMENTS: Final = ("auto", "yunet", "none")
WANTED: Final = {
    "arcface5": "faces aligned to five points",
    "box": "a square around each detected face",
}


@dataclass(frozen=True, eq=False)
class Crop:
    """A picture ready for the network, and its row in the part."""

    row: dict[str, Any]
    pixels: NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Known:
    """A picture that was embedded before, and its row in the part."""

    row: dict[str, Any]
    vector: NDArray[Any]


@dataclass(frozen=True)
class Failure:
    """A picture that could not be embedded."""

    picture: dict[str, Any]
    stage: str
    reason: str
    sha256: str | None = None

    def row(self) -> dict[str, Any]:
        """Return the failure as its table has it."""
        said = {"sha256": self.sha256, "stage": self.stage, "reason": self.reason}
        return {**self.picture, **said}


class Bank(Protocol):
    """Vectors that are at hand."""

    def of_picture(self, sha256: str, /) -> Known | None:
        """Return what is known of a picture with these bytes."""

    def of_row(self, sample_id: str, /) -> Known | None:
        """Return what is known of a row whose picture can't be read any more."""


@final
class Preparer:
    """Turns rows into crops; may be called by several threads at once.

    Parameters
    ----------
    root : Path
        What relative paths are relative to.
    card : ModelCard
        Whose size the crops have.
    detector : Detector or None
        None where the picture's centre is cut instead.
    max_pixels : int
        Limit on a picture.
    bank : Bank, optional
        What need not be embedded again.
    """

    def __init__(
        self,
        root: Path,
        card: ModelCard,
        detector: Detector | None,
        max_pixels: int,
        bank: Bank | None = None,
    ) -> None:
        self._root, self._card, self._detector = root, card, detector
        self._max_pixels, self._bank = max_pixels, bank

    def __call__(self, picture: dict[str, Any]) -> Crop | Known | Failure:
        """Prepare one row of the faces table."""
        digest = None
        try:
            data = read_image(located(self._root, picture["path"]))
            digest = hashlib.sha256(data).hexdigest()
            known = self._bank.of_picture(digest) if self._bank else None
            if known is not None:
                return Known({**known.row, **picture, "sha256": digest}, known.vector)
            image = decode_image(data, self._max_pixels)
            pixels, found = self._crop(image)
        except ImageError as error:
            held = self._bank.of_row(picture["sample_id"]) if self._bank and not digest else None
            if held is not None:
                return Known({**held.row, **picture}, held.vector)
            return Failure(picture, error.stage, str(error), digest)
        except MemoryError:
            return Failure(picture, "decode", "there is not enough memory for the picture", digest)
        return Crop({**picture, "sha256": digest, **found}, pixels)

    def _crop(self, image: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], dict[str, Any]]:
        import cv2

        if self._detector is None:
            return center_crop(image, self._card.size), {"faces_found": None, "face_size": None}
        try:
            faces = self._detector.detect(image)
            if not faces:
                raise ImageError("detect", "no face was found")
            size = round(float(min(faces[0].box[2:])))
            return self._cut(image, faces[0]), {"faces_found": len(faces), "face_size": size}
        except (cv2.error, ValueError, np.linalg.LinAlgError) as error:
            raise ImageError("detect", f"the face can't be aligned: {error}") from error

    def _cut(self, image: NDArray[np.uint8], face: Detection) -> NDArray[np.uint8]:
        if self._card.box is not None:
            return box_crop(image, face.box, self._card.size, *self._card.box)
        return align_face(image, face.landmarks, self._card.size)


def plan_preprocessing(
    card: ModelCard, align: str, detector: str | Path | None, max_pixels: int
) -> tuple[dict[str, Any], Detector | None]:
    """Decide how crops are made.

    Returns
    -------
    plan : dict
        The manifest's ``preprocessing``: ``align`` is what is done, ``reason`` why it isn't
        what the network wants (None where it is).
    detector : Detector or None
        None where faces are not aligned.

    Raises
    ------
    ModelError
        Where `align` is unknown, or ``yunet`` and there is no detector that fits.
    """
    if align not in ALIGNMENTS:
        raise ModelError(f"align must be one of {', '.join(ALIGNMENTS)}, not {align!r}")
    if align == "yunet" and detector is None:
        found = first_present(YUNET)
        if found is None:
            raise ModelError(
                "--align yunet needs YuNet's file: run `evenface models fetch yunet`, or "
                f"{WHERE} and give --detector FILE"
            )
        checked(*found)
        detector = found[0]
    wanted = card.alignment != "none"
    use = align == "yunet" or (align == "auto" and wanted and detector is not None)
    found_by = Detector(detector) if use and detector is not None else None
    reason = None
    if wanted and not use:
        why = "no alignment was asked for" if align == "none" else "no face detector was given"
        reason = f"{card.name} wants {WANTED[card.alignment]}, but {why}"
    crop = ("box" if card.box else "arcface5") if use else "centre"
    plan = {
        "align": "yunet" if use else "none",
        "aligned": use,
        "reason": reason,
        "detector": None if found_by is None else {"name": "yunet", "sha256": found_by.sha256},
        "crop": crop,
        "contract": card.contract or None,
        "size": list(card.size),
        "max_pixels": max_pixels,
    }
    return plan, found_by
