"""One DICOM file to one image instance: refused by name where it cannot be right."""

from pydicom.dataset import Dataset

from features.dicom.attributes import (
    first_of,
    items_of,
    number_of,
    numbers_of,
    private_of,
    read_attributes,
    text_of,
    whole_of,
)
from features.dicom.enhanced_pet import as_classic, in_real_world
from features.dicom.instance import Cosines, Frame, Instance, Layout
from features.dicom.suv import PetFacts
from features.dicom.walk import DicomFile
from features.errors import (
    BurnedInAnnotation,
    DamagedFile,
    ImageTooLarge,
    MixedSlices,
    SecondaryCapture,
    UnsupportedImage,
)
from features.imaging.header import Limits

_STORAGE = "1.2.840.10008.5.1.4.1.1."
SLICED = {
    f"{_STORAGE}2": "CT", f"{_STORAGE}2.1": "CT", f"{_STORAGE}2.2": "CT",
    f"{_STORAGE}4": "MR", f"{_STORAGE}4.1": "MR", f"{_STORAGE}4.4": "MR",
    f"{_STORAGE}128": "PT", f"{_STORAGE}130": "PT", f"{_STORAGE}128.1": "PT",
}  # fmt: skip
"""Storage classes of slices with their modality: classic, enhanced, legacy converted."""
_ENHANCED_PET = f"{_STORAGE}130"
FLAT = {
    f"{_STORAGE}1": "CR", f"{_STORAGE}1.1": "DX", f"{_STORAGE}1.1.1": "DX",
    f"{_STORAGE}1.2": "MG", f"{_STORAGE}1.2.1": "MG",
}  # fmt: skip
"""Storage classes of single projections."""
CAPTURES = (f"{_STORAGE}7", *(f"{_STORAGE}7.{kind}" for kind in range(1, 5)))
RT_STRUCTURES = f"{_STORAGE}481.3"
SEGMENTATIONS = (f"{_STORAGE}66.4", f"{_STORAGE}66.7")

MAX_FRAMES = 65_536
MAX_SIDE = 65_535
_GREY = ("MONOCHROME1", "MONOCHROME2")


def is_image(sop_class: str) -> bool:
    """Whether instances of a storage class have pixels that an image is made of, or that are refused as such."""
    return sop_class in SLICED or sop_class in FLAT or sop_class in CAPTURES


def read_instance(file: DicomFile, limits: Limits) -> Instance:
    """Reads what is used of one image instance.

    Raises:
        BadImage: One of its leaves.
    """
    data = read_attributes(file)
    sop_class = file.storage
    modality = _modality(data, sop_class)
    layout = layout_of(data, file, limits)
    if layout.bits_allocated not in (8, 16, 32):
        raise UnsupportedImage(f"pixels have {layout.bits_allocated} bits; wanted 8, 16 or 32")
    detector = numbers_of(data, "ImagerPixelSpacing", 2)
    frames = frames_of(data, layout.frames)
    pet = pet_facts(data) if modality == "PT" else None
    if pet is not None and sop_class == _ENHANCED_PET:
        units, frames = in_real_world(data, frames)
        pet = as_classic(data, pet, units)
    return Instance(
        sop_class=sop_class,
        uid=text_of(data, "SOPInstanceUID"),
        series_uid=text_of(data, "SeriesInstanceUID"),
        study_uid=text_of(data, "StudyInstanceUID"),
        frame_of_reference=text_of(data, "FrameOfReferenceUID"),
        modality=modality,
        layout=layout,
        frames=frames,
        detector_spacing_mm=(detector[1], detector[0]) if detector else None,
        multi_frame="PerFrameFunctionalGroupsSequence" in data,
        pet=pet,
        pixels=file.data[file.pixels_at : file.pixels_at + file.pixels_bytes],
    )


def layout_of(data: Dataset, file: DicomFile, limits: Limits) -> Layout:
    """How pixels are stored, once it is known that they are affordable.

    Raises:
        DamagedFile: Sizes that cannot be.
        ImageTooLarge: More pixels than the limits allow.
        UnsupportedImage: Colour, or bits that stand elsewhere than at the low end.
    """
    if not file.pixels_at:
        raise DamagedFile("the DICOM file has no pixels; wanted an image")
    rows, columns = whole_of(data, "Rows"), whole_of(data, "Columns")
    frames = whole_of(data, "NumberOfFrames", 1)
    if not (1 <= rows <= MAX_SIDE and 1 <= columns <= MAX_SIDE and 1 <= frames <= MAX_FRAMES):
        raise DamagedFile(
            f"the header claims {frames} frames of {rows} x {columns} pixels; wanted 1 to {MAX_FRAMES:,} frames "
            f"and 1 to {MAX_SIDE:,} pixels a side"
        )
    samples, photometric = whole_of(data, "SamplesPerPixel", 1), text_of(data, "PhotometricInterpretation")
    labels = photometric == "PALETTE COLOR" and file.storage in SEGMENTATIONS
    if samples != 1 or not (labels or photometric in _GREY):
        raise UnsupportedImage(
            f"pixels have {samples} samples, {photometric[:16] or 'of no named kind'}; "
            "wanted one sample, MONOCHROME1 or MONOCHROME2"
        )
    allocated, stored = whole_of(data, "BitsAllocated"), whole_of(data, "BitsStored")
    if not (1 <= stored <= allocated <= 32) or whole_of(data, "HighBit", stored - 1) != stored - 1:
        raise UnsupportedImage(f"{stored} of {allocated} bits of a pixel are used; wanted the low ones of at most 32")
    layout = Layout(
        rows=rows,
        columns=columns,
        frames=frames,
        bits_allocated=allocated,
        bits_stored=stored,
        signed=whole_of(data, "PixelRepresentation", 0) == 1,
        photometric=photometric,
        transfer_syntax=file.transfer_syntax,
        encapsulated=file.encapsulated,
        big_endian=file.big_endian,
    )
    require_affordable(layout.pixels, layout.decoded_bytes, limits)
    if not file.encapsulated and not layout.decoded_bytes <= file.pixels_bytes <= layout.decoded_bytes + 1:
        raise DamagedFile(
            f"the header claims {layout.decoded_bytes:,} bytes of pixels, the file holds {file.pixels_bytes:,}; "
            "wanted the whole file and no more",
            claimed_bytes=layout.decoded_bytes,
            held_bytes=file.pixels_bytes,
        )
    return layout


def require_affordable(pixels: int, decoded_bytes: int, limits: Limits) -> None:
    """Raises ImageTooLarge where an image has more pixels, or bytes of them, than the limits allow."""
    if pixels > limits.max_voxels or decoded_bytes > limits.max_bytes:
        raise ImageTooLarge(
            f"the headers claim {pixels:,} voxels, {decoded_bytes:,} bytes; "
            f"wanted at most {limits.max_voxels:,} voxels and {limits.max_bytes:,} bytes",
            claimed_bytes=decoded_bytes,
            max_bytes=limits.max_bytes,
            claimed_voxels=pixels,
            max_voxels=limits.max_voxels,
        )


def frames_of(data: Dataset, count: int) -> tuple[Frame, ...]:
    """Where each frame lies: of a classic instance by its own attributes, of an enhanced one by functional groups."""
    per_frame = items_of(data, "PerFrameFunctionalGroupsSequence")
    if not per_frame:
        return (_frame(data, data, data, data, None),) * count
    if len(per_frame) != count:
        raise DamagedFile(f"{len(per_frame)} frames are described, {count} claimed; wanted as many")
    shared = first_of(data, "SharedFunctionalGroupsSequence") or Dataset()
    return tuple(
        _frame(
            group_of(own, shared, "PlanePositionSequence"),
            group_of(own, shared, "PlaneOrientationSequence"),
            group_of(own, shared, "PixelMeasuresSequence"),
            group_of(own, shared, "PixelValueTransformationSequence"),
            group_of(own, shared, "FrameContentSequence"),
        )
        for own in per_frame
    )


def group_of(own: Dataset, shared: Dataset, keyword: str) -> Dataset:
    """A functional group of one frame: its own, else the shared one, else an empty one."""
    return first_of(own, keyword) or first_of(shared, keyword) or Dataset()


def _frame(
    position: Dataset, orientation: Dataset, measures: Dataset, values: Dataset, content: Dataset | None
) -> Frame:
    origin = numbers_of(position, "ImagePositionPatient", 3)
    cosines = numbers_of(orientation, "ImageOrientationPatient", 6)
    spacing = numbers_of(measures, "PixelSpacing", 2)
    return Frame(
        position_mm=(origin[0], origin[1], origin[2]) if origin else None,
        orientation=_six(cosines) if cosines else None,
        # DICOM gives the distance between rows first.
        spacing_mm=(spacing[1], spacing[0]) if spacing else None,
        slope=number_of(values, "RescaleSlope"),
        intercept=number_of(values, "RescaleIntercept"),
        stack=text_of(content, "StackID") if content is not None else "",
    )


def _six(values: tuple[float, ...]) -> Cosines:
    a, b, c, d, e, f = values
    return a, b, c, d, e, f


def _modality(data: Dataset, sop_class: str) -> str:
    if sop_class in CAPTURES or text_of(data, "ConversionType"):
        raise SecondaryCapture(
            "the series is a secondary capture: pixels of a screen or a film, without a scale; "
            "wanted the images as the scanner made them"
        )
    if text_of(data, "BurnedInAnnotation").upper() == "YES":
        raise BurnedInAnnotation("text is burned into the pixels, which may tell who the patient is; wanted none")
    modality = SLICED.get(sop_class) or FLAT.get(sop_class)
    if modality is None:
        raise UnsupportedImage("the DICOM file is of another kind than CT, MR, PET, CR, DX or MG; wanted one of these")
    told = text_of(data, "Modality")
    if told != modality:
        raise MixedSlices(f"the modality is {told[:16] or 'not given'} in an object of {modality}; wanted both alike")
    return modality


def pet_facts(data: Dataset) -> PetFacts:
    """What a PET instance says of its activity."""
    tracer = first_of(data, "RadiopharmaceuticalInformationSequence") or Dataset()
    return PetFacts(
        units=text_of(data, "Units"),
        suv_type=text_of(data, "SUVType"),
        corrections=tuple(text_of(data, "CorrectedImage").split("\\")),
        decay=text_of(data, "DecayCorrection"),
        weight_kg=number_of(data, "PatientWeight"),
        dose_bq=number_of(tracer, "RadionuclideTotalDose"),
        half_life_s=number_of(tracer, "RadionuclideHalfLife"),
        injected=text_of(tracer, "RadiopharmaceuticalStartDateTime"),
        injected_time=text_of(tracer, "RadiopharmaceuticalStartTime"),
        series_start=(text_of(data, "SeriesDate"), text_of(data, "SeriesTime")),
        acquired=(text_of(data, "AcquisitionDate"), text_of(data, "AcquisitionTime")),
        reference_ms=number_of(data, "FrameReferenceTime"),
        duration_ms=number_of(data, "ActualFrameDuration"),
        ge_start=str(private_of(data, 0x00090010, "GEMS_PETD_01", 0x0009100D) or ""),
        philips_suv=_factor(private_of(data, 0x70530010, "Philips PET Private Group", 0x70531000)),
        philips_bq=_factor(private_of(data, 0x70530010, "Philips PET Private Group", 0x70531009)),
    )


def _factor(value: object) -> float | None:
    try:
        return None if value in (None, "") else float(str(value))
    except ValueError as error:
        raise DamagedFile("a private factor of the PET is no number") from error
