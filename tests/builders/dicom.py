"""Small DICOM series, structure sets and segmentations, made by pydicom and highdicom from arrays."""

import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filewriter import dcmwrite
from pydicom.sequence import Sequence as Items
from pydicom.uid import UID, ExplicitVRLittleEndian

from features.case import Source, Structures

Array = NDArray[Any]
Change = Callable[[Dataset, int], None]
"""Changes the data set of one slice, by its index."""

ROOT = "1.2.826.0.1.3680043.8.498."
STUDY, SERIES, FRAME = ROOT + "1", ROOT + "2", ROOT + "3"
CT, MR, PT = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.4", "1.2.840.10008.5.1.4.1.1.128"
ENHANCED_PT = "1.2.840.10008.5.1.4.1.1.130"
ENHANCED_CT, ENHANCED_MR = "1.2.840.10008.5.1.4.1.1.2.1", "1.2.840.10008.5.1.4.1.1.4.1"
CR, DX, MG = "1.2.840.10008.5.1.4.1.1.1", "1.2.840.10008.5.1.4.1.1.1.1", "1.2.840.10008.5.1.4.1.1.1.2"
CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
RTSTRUCT = "1.2.840.10008.5.1.4.1.1.481.3"
AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
SPACING = (0.8, 1.25)
"""Between columns (x), between rows (y)."""
ORIGIN = (-20.0, -30.0, 5.0)
STEP = 2.5
_WORDS = {
    CT: "CT",
    MR: "MR",
    PT: "PT",
    ENHANCED_CT: "CT",
    ENHANCED_MR: "MR",
    ENHANCED_PT: "PT",
    CR: "CR",
    DX: "DX",
    MG: "MG",
    CAPTURE: "OT",
}


def file_of(data: Dataset, storage: str, syntax: str = ExplicitVRLittleEndian) -> bytes:
    """A PS3.10 file."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = UID(storage)
    meta.MediaStorageSOPInstanceUID = data.get("SOPInstanceUID", UID(ROOT + "9"))
    meta.TransferSyntaxUID = UID(syntax)
    data.file_meta = meta
    data.SOPClassUID = UID(storage)
    out = io.BytesIO()
    dcmwrite(out, data, enforce_file_format=True)
    return out.getvalue()


def image_data(pixels: Array, storage: str = CT, *, uid: str = ROOT + "4") -> Dataset:
    """What each image has in common; pixels (rows, columns) or (frames, rows, columns), whole numbers."""
    data = Dataset()
    data.SOPInstanceUID, data.StudyInstanceUID, data.SeriesInstanceUID = UID(uid), UID(STUDY), UID(SERIES)
    data.Modality, data.PatientID, data.PatientName = _WORDS[storage], "p1", "Nobody^"
    data.PatientBirthDate = data.PatientSex = data.StudyDate = data.StudyTime = data.AccessionNumber = ""
    data.StudyID, data.SeriesNumber, data.InstanceNumber = "1", 1, 1
    data.Rows, data.Columns = pixels.shape[-2:]
    if pixels.ndim == 3:
        data.NumberOfFrames = len(pixels)
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    bits = 8 * pixels.dtype.itemsize
    data.BitsAllocated, data.BitsStored, data.HighBit = bits, bits, bits - 1
    data.PixelRepresentation = int(pixels.dtype.kind == "i")
    data.add_new("PixelData", "OW", pixels.tobytes())
    return data


def normal_of(orientation: Sequence[float]) -> NDArray[np.float64]:
    return np.cross(orientation[:3], orientation[3:])


def series(
    voxels: Array,
    storage: str = CT,
    *,
    orientation: Sequence[float] = AXIAL,
    step: Sequence[float] | None = None,
    change: Change = lambda data, index: None,
    syntax: str = ExplicitVRLittleEndian,
) -> list[bytes]:
    """A classic series of an array (z, y, x), a file a slice; `step` leads from each slice to the next."""
    way = STEP * normal_of(orientation) if step is None else np.asarray(step)
    files = []
    for index, pixels in enumerate(voxels):
        data = image_data(pixels, storage, uid=f"{ROOT}4.{index + 1}")
        data.FrameOfReferenceUID, data.InstanceNumber = UID(FRAME), index + 1
        data.ImagePositionPatient = [round(float(one), 6) for one in np.asarray(ORIGIN) + index * way]
        data.ImageOrientationPatient = [round(float(one), 8) for one in orientation]
        data.PixelSpacing, data.SliceThickness = [SPACING[1], SPACING[0]], STEP
        if storage in (CT, PT):
            data.RescaleSlope, data.RescaleIntercept = 1, -1024 if storage == CT else 0
        if storage == PT:
            pet(data)
        change(data, index)
        files.append(file_of(data, storage, syntax))
    return files


def projection(
    pixels: Array, storage: str = DX, *, uid: str = ROOT + "4", change: Callable[[Dataset], None] = lambda data: None
) -> bytes:
    """One radiograph or mammogram of an array (y, x), 12 bits, 0.2 mm between rows and 0.1 mm between columns."""
    data = image_data(pixels.astype(np.uint16), storage, uid=uid)
    data.ImagerPixelSpacing, data.BitsStored, data.HighBit = [0.2, 0.1], 12, 11
    change(data)
    return file_of(data, storage)


def pet(data: Dataset) -> None:
    """70 kg, 350 MBq of F-18 an hour before the scan, decay-corrected to its start."""
    data.Units, data.DecayCorrection, data.CorrectedImage = "BQML", "START", ["DECY", "ATTN", "SCAT"]
    data.PatientWeight = 70
    data.SeriesDate = data.AcquisitionDate = "20200102"
    data.SeriesTime, data.AcquisitionTime = "110000", "110000"
    tracer = Dataset()
    tracer.RadionuclideTotalDose, tracer.RadionuclideHalfLife = 3.5e8, 6586.2
    tracer.RadiopharmaceuticalStartTime, tracer.RadiopharmaceuticalStartDateTime = "100000", "20200102100000"
    data.RadiopharmaceuticalInformationSequence = Items([tracer])


def enhanced(
    voxels: Array,
    storage: str = ENHANCED_CT,
    *,
    order: Iterable[int] | None = None,
    change: Callable[[Dataset], None] = lambda data: None,
    slopes: Sequence[float] | None = None,
    syntax: str = ExplicitVRLittleEndian,
) -> bytes:
    """One multi-frame file; frames in any `order` of the planes; a slope each where told, else one for all."""
    planes = list(range(len(voxels)) if order is None else order)
    data = image_data(np.ascontiguousarray(voxels[planes]), storage)
    data.FrameOfReferenceUID = UID(FRAME)
    shared = Dataset()
    shared.PlaneOrientationSequence = _item(ImageOrientationPatient=list(AXIAL))
    shared.PixelMeasuresSequence = _item(PixelSpacing=[SPACING[1], SPACING[0]], SliceThickness=STEP)
    if slopes is None:
        shared.PixelValueTransformationSequence = _item(RescaleSlope=1, RescaleIntercept=-1024, RescaleType="HU")
    data.SharedFunctionalGroupsSequence = Items([shared])
    frames = []
    for plane in planes:
        frame = Dataset()
        frame.PlanePositionSequence = _item(ImagePositionPatient=[ORIGIN[0], ORIGIN[1], ORIGIN[2] + STEP * plane])
        if slopes is not None:
            frame.PixelValueTransformationSequence = _item(
                RescaleSlope=slopes[plane], RescaleIntercept=0, RescaleType="US"
            )
        frame.FrameContentSequence = _item(StackID="1", InStackPositionNumber=plane + 1)
        frames.append(frame)
    data.PerFrameFunctionalGroupsSequence = Items(frames)
    change(data)
    return file_of(data, storage, syntax)


def rtstruct(
    structures: Mapping[str, Sequence[Sequence[Sequence[float]]]],
    *,
    frame: str = FRAME,
    kind: str = "CLOSED_PLANAR",
    numbers: Sequence[int] | None = None,
    change: Callable[[Dataset], None] = lambda data: None,
) -> bytes:
    """A structure set: by name, contours of points (x, y, z) in millimetres."""
    data = Dataset()
    data.SOPInstanceUID, data.StudyInstanceUID, data.SeriesInstanceUID = UID(ROOT + "5"), UID(STUDY), UID(ROOT + "6")
    data.Modality, data.StructureSetLabel, data.PatientID, data.PatientName = "RTSTRUCT", "x", "p1", "Nobody^"
    told, drawn = [], []
    for number, (name, contours) in zip(numbers or range(1, len(structures) + 1), structures.items(), strict=True):
        region, lines = Dataset(), Dataset()
        region.ROINumber, region.ROIName, region.ReferencedFrameOfReferenceUID = number, name, UID(frame)
        lines.ReferencedROINumber = number
        lines.ContourSequence = Items([_contour(points, kind) for points in contours])
        told.append(region)
        drawn.append(lines)
    data.StructureSetROISequence, data.ROIContourSequence = Items(told), Items(drawn)
    change(data)
    return file_of(data, RTSTRUCT)


def seg(
    files: Sequence[bytes],
    masks: Array,
    *,
    kind: str = "BINARY",
    labels: Sequence[str] = ("tumour", "node"),
    omit_empty: bool = True,
) -> bytes:
    """A SEG of masks (z, y, x) on a classic series, by highdicom: label values, or fractions with a last axis."""
    import highdicom as hd  # noqa: PLC0415
    from pydicom import dcmread  # noqa: PLC0415
    from pydicom.sr.codedict import codes  # noqa: PLC0415

    segments = [
        hd.seg.SegmentDescription(
            segment_number=index + 1,
            segment_label=label,
            segmented_property_category=codes.SCT.MorphologicallyAbnormalStructure,
            segmented_property_type=codes.SCT.Neoplasm,
            algorithm_type="MANUAL",
        )
        for index, label in enumerate(labels)
    ]
    made = hd.seg.Segmentation(
        source_images=[dcmread(io.BytesIO(file)) for file in files],
        pixel_array=masks,
        segmentation_type=kind,
        segment_descriptions=segments,
        series_instance_uid=ROOT + "7",
        series_number=2,
        sop_instance_uid=ROOT + "8",
        instance_number=1,
        manufacturer="test",
        manufacturer_model_name="test",
        software_versions="1",
        device_serial_number="1",
        omit_empty_frames=omit_empty,
    )
    out = io.BytesIO()
    dcmwrite(out, made, enforce_file_format=True)
    return out.getvalue()


def point(x: float, y: float, plane: int) -> tuple[float, float, float]:
    """In millimetres, of voxel indices on a series of `series`."""
    return ORIGIN[0] + SPACING[0] * x, ORIGIN[1] + SPACING[1] * y, ORIGIN[2] + STEP * plane


def square(x0: float, y0: float, x1: float, y1: float, plane: int) -> list[tuple[float, float, float]]:
    """A contour."""
    return [point(x, y, plane) for x, y in ((x0, y0), (x1, y0), (x1, y1), (x0, y1))]


def ramp(planes: int = 5, rows: int = 12, columns: int = 16, kind: str = "int16") -> Array:
    """Voxels that tell every direction apart."""
    z, y, x = np.mgrid[:planes, :rows, :columns]
    return np.ascontiguousarray((1000 * z + 20 * y + x).astype(kind))


def zipped(files: Mapping[str, bytes] | Sequence[bytes], level: int = 1) -> bytes:
    """A zip of files; numbered where they have no names."""
    import zipfile  # noqa: PLC0415

    named = files if isinstance(files, Mapping) else {f"{index:04}.dcm": file for index, file in enumerate(files)}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=level) as archive:
        for name, content in named.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def source(files: bytes | Sequence[bytes]) -> Source:
    """As a reader takes it."""
    return Source.of(files if isinstance(files, bytes) else zipped(files))


def named(*names: str) -> Structures:
    return Structures(names=names)


def _item(**values: object) -> Items:
    item = Dataset()
    for name, value in values.items():
        setattr(item, name, value)
    return Items([item])


def _contour(points: Sequence[Sequence[float]], kind: str) -> Dataset:
    contour = Dataset()
    contour.ContourGeometricType, contour.NumberOfContourPoints = kind, len(points)
    contour.ContourData = [round(float(value), 6) for one in points for value in one]
    return contour


RLE = "1.2.840.10008.1.2.5"
JPEG_LOSSLESS, JPEG_LOSSLESS_FIRST = "1.2.840.10008.1.2.4.57", "1.2.840.10008.1.2.4.70"
JPEG_LS, JPEG_2000 = "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.90"
JPEG_BASELINE = "1.2.840.10008.1.2.4.50"


def compressed(file: bytes, syntax: str) -> bytes:
    """The same file with its pixels compressed, by gdcm."""
    import tempfile  # noqa: PLC0415
    from pathlib import Path  # noqa: PLC0415

    import gdcm  # noqa: PLC0415

    kinds = {
        RLE: gdcm.TransferSyntax.RLELossless,
        JPEG_LOSSLESS: gdcm.TransferSyntax.JPEGLosslessProcess14,
        JPEG_LOSSLESS_FIRST: gdcm.TransferSyntax.JPEGLosslessProcess14_1,
        JPEG_LS: gdcm.TransferSyntax.JPEGLSLossless,
        JPEG_2000: gdcm.TransferSyntax.JPEG2000Lossless,
        JPEG_BASELINE: gdcm.TransferSyntax.JPEGBaselineProcess1,
    }
    with tempfile.TemporaryDirectory() as folder:
        before, after = str(Path(folder) / "before"), str(Path(folder) / "after")
        Path(before).write_bytes(file)
        reader, writer, change = gdcm.ImageReader(), gdcm.ImageWriter(), gdcm.ImageChangeTransferSyntax()
        reader.SetFileName(before)
        assert reader.Read()
        change.SetTransferSyntax(gdcm.TransferSyntax(kinds[syntax]))
        change.SetInput(reader.GetImage())
        assert change.Change()
        writer.SetFileName(after)
        writer.SetFile(reader.GetFile())
        writer.SetImage(change.GetOutput())
        assert writer.Write()
        return Path(after).read_bytes()
