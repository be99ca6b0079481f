"""The door for image files: NIfTI, NRRD or MetaImage, gzip allowed around any, or DICOM; told by content.

Our own parsers read the header and know the sizes before anything is allocated; voxels are
then decoded in slabs straight into the array that stays. No header is followed to another
file, and no foreign decoder sees a caller's bytes in this process. DICOM, a zip of it, several
files or a folder go to `features.dicom`, which is loaded when the first one comes.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.case import Source, Structures
from features.errors import (
    DamagedFile,
    NonFiniteVoxels,
    NotLabels,
    ReferenceMismatch,
    StructureNotFound,
    UnknownFormat,
    UnsupportedImage,
)
from features.imaging.header import Header, Limits
from features.imaging.metaimage import looks_like_metaimage, parse_metaimage
from features.imaging.nifti import looks_like_nifti, parse_nifti
from features.imaging.nrrd import looks_like_nrrd, parse_nrrd
from features.imaging.stream import GZIP_MAGIC, Body, Inflated, Stream, fill, require_end
from features.imaging.volume import Image, Segmentation
from features.types import Floats, Labels, Voxels

__all__ = ["Limits", "read_image", "read_segmentation"]

HEADER_BYTES = 1024 * 1024
"""Longest header that is searched for its end."""
SLAB_BYTES = 1024 * 1024
DICOM_BYTES = 132
"""What tells DICOM: DICM after 128 bytes of anything."""
EXACT_IN_FLOAT32 = 2**24
"""Every whole number up to here has its own float32."""

_FORMATS = (
    (looks_like_nifti, parse_nifti),
    (looks_like_nrrd, parse_nrrd),
    (looks_like_metaimage, parse_metaimage),
)


def read_image(source: Source, limits: Limits = Limits()) -> Image:  # noqa: B008 - immutable
    """Reads the intensities of one scan.

    Raises:
        BadImage: One of its leaves, whatever the bytes are.
    """
    if holds_dicom(source):
        from features.dicom.series import read_series  # noqa: PLC0415  loads pydicom

        return read_series(source, limits)
    with _opened(source, limits) as (header, stream):
        voxels: Voxels = np.empty(header.voxel_count, dtype=np.float32)
        non_finite = 0
        for start, slab in _slabs(header, stream):
            part = voxels[start : start + slab.size]
            _convert(slab, header, part)
            if header.scaled or slab.dtype.kind == "f":
                non_finite += part.size - int(np.count_nonzero(np.isfinite(part)))
    if non_finite:
        raise NonFiniteVoxels(
            f"{non_finite:,} of {voxels.size:,} voxels are NaN or infinite; wanted numbers", count=non_finite
        )
    return Image(voxels.reshape(header.grid.size[::-1]), header.grid, source.digest, _pixel_type(header))


def read_segmentation(
    source: Source,
    limits: Limits = Limits(),  # noqa: B008 - immutable
    *,
    image: Image | None = None,
    numbers: tuple[int, ...] = (),
    structures: Structures = Structures(),  # noqa: B008 - immutable
) -> Segmentation:
    """Reads the labelled regions of one scan: whole numbers from 0 up, 0 being background.

    Args:
        source: Labels in a file, or a DICOM RTSTRUCT or SEG.
        limits: What it may claim.
        image: What the regions lie on; an RTSTRUCT or SEG wants it.
        numbers: Of an RTSTRUCT or SEG: which structures are asked, by number.
        structures: Of an RTSTRUCT or SEG: the same by name or pattern.

    Raises:
        BadImage: One of its leaves.
        NotLabels: A value that is no whole number, negative, or above 2,147,483,647.
        BadSegmentation: An RTSTRUCT or SEG without the structure, or of another image.
    """
    if holds_dicom(source):
        from features.dicom.segmentation import read_dicom_segmentation  # noqa: PLC0415  loads pydicom

        if image is None:
            raise ReferenceMismatch("a DICOM segmentation without its image; wanted both")
        return read_dicom_segmentation(source, image, numbers, structures, limits)
    if structures:
        raise StructureNotFound("the segmentation has labels and no names; wanted an RTSTRUCT or SEG, or labels asked")
    with _opened(source, limits) as (header, stream):
        labels: Labels = np.zeros(header.voxel_count, dtype=np.int32)
        for start, slab in _slabs(header, stream):
            values = _scaled(slab, header) if header.scaled else slab
            if not _background(values):
                _require_labels(values)
                labels[start : start + slab.size] = values
    return Segmentation(labels.reshape(header.grid.size[::-1]), header.grid, source.digest)


def holds_dicom(source: Source) -> bool:
    """Whether a source goes to the DICOM readers: by its first bytes, or because it is more than one file."""
    content = source.content
    if isinstance(content, tuple) or (isinstance(content, Path) and content.is_dir()):
        return True
    if isinstance(content, bytes):
        start = content[:DICOM_BYTES]
    else:
        with content.open("rb") as file:
            start = file.read(DICOM_BYTES)
    return start[128:] == b"DICM" or start.startswith(b"PK\x03\x04")


@contextmanager
def _opened(source: Source, limits: Limits) -> Iterator[tuple[Header, Stream]]:
    """The header, and the stream of decoded voxels that follows it; after the body its end is checked."""
    content = source.content
    assert not isinstance(content, tuple)  # noqa: S101  those are DICOM
    file: io.BytesIO | io.BufferedReader = io.BytesIO(content) if isinstance(content, bytes) else content.open("rb")
    with file:
        wrapped = file.read(2) == GZIP_MAGIC
        file.seek(0)
        unwrapped: Stream = Inflated(file) if wrapped else file
        allowed = limits.max_bytes + 2 * HEADER_BYTES
        start = _start(Body(b"", unwrapped, allowed))
        header = _parse(start, limits)
        body = Body(start, unwrapped, allowed)
        if header.encoding == "raw" and not wrapped:
            _require_bytes(file, header)
        _skip(body, header.offset)
        if header.encoding == "raw":
            decoded: Stream = body
        else:
            decoded = Body(b"", Inflated(body), allowed)
        yield header, decoded
        require_end(decoded)


def _start(stream: Stream) -> bytes:
    buffer = bytearray(HEADER_BYTES)
    count = fill(stream, memoryview(buffer))
    return bytes(buffer[:count])


def _parse(start: bytes, limits: Limits) -> Header:
    if not start:
        raise DamagedFile("the file is empty; wanted NIfTI, NRRD, MetaImage or DICOM")
    for looks_like, parse in _FORMATS:
        if looks_like(start):
            return parse(start, limits)
    raise UnknownFormat("the file is not NIfTI, NRRD, MetaImage or DICOM, by its first bytes; wanted one of these")


def _skip(stream: Stream, count: int) -> None:
    buffer = memoryview(bytearray(min(count, HEADER_BYTES)))
    left = count
    while left:
        done = fill(stream, buffer[: min(left, len(buffer))])
        if not done:
            raise DamagedFile(f"the file ends {left} bytes before its voxels start; wanted the whole file")
        left -= done


def _require_bytes(file: io.BytesIO | io.BufferedReader, header: Header) -> None:
    """Finds a truncated file before memory is taken for it."""
    position = file.tell()
    held = max(0, file.seek(0, io.SEEK_END) - header.offset)
    file.seek(position)
    if held < header.claimed_bytes:
        raise _truncated(held, header)


def _truncated(held: int, header: Header) -> DamagedFile:
    return DamagedFile(
        f"the header claims {header.claimed_bytes:,} bytes of voxels, the file holds {held:,}; wanted the whole file",
        claimed_bytes=header.claimed_bytes,
        held_bytes=held,
    )


def _slabs(header: Header, stream: Stream) -> Iterator[tuple[int, NDArray[Any]]]:
    """Voxels as the file holds them, as many at a time as a core keeps at hand, with the index of the first."""
    count = max(1, SLAB_BYTES // header.pixel.itemsize)
    buffer = memoryview(bytearray(min(count, header.voxel_count) * header.pixel.itemsize))
    for start in range(0, header.voxel_count, count):
        view = buffer[: min(count, header.voxel_count - start) * header.pixel.itemsize]
        done = fill(stream, view)
        if done < len(view):
            raise _truncated(start * header.pixel.itemsize + done, header)
        yield start, np.frombuffer(view, dtype=header.pixel)


def _convert(slab: NDArray[Any], header: Header, part: Voxels) -> None:
    with np.errstate(over="ignore", invalid="ignore"):  # what overflows is counted as infinite
        part[:] = _scaled(slab, header) if header.scaled else slab
    if header.scaled:
        return
    wide = slab.dtype.kind in "iu" and slab.dtype.itemsize > 2
    if wide and max(int(slab.max()), -int(slab.min())) > EXACT_IN_FLOAT32:
        raise UnsupportedImage(
            f"intensities reach from {slab.min()} to {slab.max()}; wanted whole numbers within "
            f"{EXACT_IN_FLOAT32:,} of 0, which 32-bit numbers hold without loss"
        )


def _scaled(slab: NDArray[Any], header: Header) -> Floats:
    with np.errstate(over="ignore", invalid="ignore"):
        return slab.astype(np.float64) * header.slope + header.intercept


def _background(values: NDArray[Any]) -> bool:
    """Whether all is 0, as nearly all of a segmentation is: memory that is not written to is not taken."""
    return bool(values.min() == values.max() == 0)


def _require_labels(values: NDArray[Any]) -> None:
    if values.dtype.kind == "f":
        non_finite = values.size - int(np.count_nonzero(np.isfinite(values)))
        if non_finite:
            raise NonFiniteVoxels(f"{non_finite:,} labels are NaN or infinite; wanted whole numbers", count=non_finite)
        broken = values[values != np.rint(values)]
        if broken.size:
            raise NotLabels(
                f"{broken.size:,} voxels are no whole numbers, such as {float(broken[0]):g}; wanted labels 0, 1, 2, ..."
            )
    lowest, highest = values.min(), values.max()
    if lowest < 0 or highest > np.iinfo(np.int32).max:
        raise NotLabels(
            f"labels reach from {lowest} to {highest}; wanted whole numbers from 0 to {np.iinfo(np.int32).max:,}"
        )


def _pixel_type(header: Header) -> str:
    """Numpy's name of the type in which a reader holds the intensities: scaled whole numbers become float32."""
    if header.scaled and header.pixel.kind in "iu":
        return "float32"
    return str(header.pixel.newbyteorder("=").name)
