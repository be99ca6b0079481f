"""What can be wrong with images, segmentations, profiles and columns.

```
FeatureError
├── BadImage              the image file cannot be used
│   ├── UnknownFormat     not NIfTI, NRRD, MetaImage or DICOM
│   ├── DetachedHeader    the header points to another file
│   ├── DamagedFile       truncated, bit-flipped, checksum wrong
│   ├── ImageTooLarge     the header claims more than the limit, or the file inflates beyond it
│   ├── UnsupportedImage  colour, complex, four dimensions, sheared axes
│   ├── NonFiniteVoxels   NaN or infinite intensities
│   ├── BadArchive        a zip that is no plain collection of files, or holds more than the limit
│   ├── BadSeries         DICOM files that are not one right image
│   │   ├── NoImage           none of them is an image
│   │   ├── SeveralSeries     more than one series
│   │   ├── SecondaryCapture  pixels of a screen or a scanned film, not of a scanner
│   │   ├── BurnedInAnnotation text in the pixels, which may tell who the patient is
│   │   ├── MixedSlices       slices of several sizes, spacings or modalities
│   │   ├── MixedOrientations slices that are not parallel
│   │   ├── ShearedSlices     slices shifted against each other: a tilted gantry
│   │   ├── DoubledSlices     several slices at one position: phases, echoes, b-values
│   │   ├── MissingSlices     a gap, or slices at uneven distances
│   │   └── TooFewSlices      fewer than three
│   └── SuvNotComputable  a PET without what SUV by body weight needs
├── BadSegmentation       the segmentation cannot be used with its image
│   ├── GridMismatch      another size, spacing, origin or direction
│   ├── EmptySegmentation no voxel is labelled
│   ├── LabelNotFound     an asked label is not there
│   ├── NotLabels         values that are no whole numbers
│   ├── StructureNotFound   an RTSTRUCT or SEG has no structure of that name, number or pattern
│   ├── StructureNotChosen  an RTSTRUCT or SEG, and nothing says which of its structures is meant
│   ├── OverlappingStructures asked structures share voxels
│   ├── ReferenceMismatch   drawn in another frame of reference, or on no DICOM series
│   └── BadContours         contours that are no closed curves in the image's planes
├── BadLesion             one lesion cannot be measured
│   ├── LesionTooSmall    fewer voxels than the asked features need
│   └── FlatLesion        one intensity only, where the asked features need several
├── BadCase               the scans of a case do not fit together
│   ├── DuplicateScan     two scans of one modality, series and date
│   └── BadScanDate       a scan before the baseline, or dates mixed with days
├── BadProfile            a profile with an unknown key or value
├── UnknownColumn         a column outside the grammar, or a feature that does not exist
├── BadEncoder            weights that do not fit, or another encoder than the one named
├── BadPseudonymKey       a key of pseudonyms that is none, or lies with the data
├── EngineMissing         a radiomics engine that is not installed here
└── Cancelled             the caller no longer waits
```

An error says what was seen and what is wanted; never a name, path or identifier
of a patient. `place` tells which part of the case it is about, in the words of
the contract, e.g. `scans[0].segmentation`; whoever knows the place sets it.
"""

from typing import ClassVar


class FeatureError(Exception):
    """Base of all errors of this floor.

    Attributes:
        reason: For machines, upper snake case; stable.
        details: What was seen and what is wanted, as text.
        place: The part of the case, or empty.
    """

    reason: ClassVar[str] = "FEATURE_ERROR"

    def __init__(self, message: str, *, place: str = "", **details: object) -> None:
        super().__init__(message)
        self.details = {key: str(value) for key, value in details.items()}
        self.place = place


class BadImage(FeatureError):
    """The image file cannot be used."""

    reason = "BAD_IMAGE"


class UnknownFormat(BadImage):
    """Not NIfTI, NRRD, MetaImage or DICOM."""

    reason = "UNKNOWN_FORMAT"


class DetachedHeader(BadImage):
    """The header points to another file."""

    reason = "DETACHED_HEADER"


class DamagedFile(BadImage):
    """Truncated, bit-flipped, or a checksum is wrong."""

    reason = "DAMAGED_FILE"


class ImageTooLarge(BadImage):
    """The header claims more than the limit, or the file inflates beyond it."""

    reason = "IMAGE_TOO_LARGE"


class UnsupportedImage(BadImage):
    """Colour, complex, four dimensions, sheared axes."""

    reason = "UNSUPPORTED_IMAGE"


class NonFiniteVoxels(BadImage):
    """NaN or infinite intensities."""

    reason = "NON_FINITE_VOXELS"


class ModalityMismatch(BadImage):
    """The image is of another modality than the scan is said to be."""

    reason = "MODALITY_MISMATCH"


class BadArchive(BadImage):
    """A zip that is no plain collection of files, or holds more than the limit."""

    reason = "BAD_ARCHIVE"


class BadSeries(BadImage):
    """DICOM files that are not one right image."""

    reason = "BAD_SERIES"


class NoImage(BadSeries):
    """None of the files is an image."""

    reason = "NO_IMAGE"


class SeveralSeries(BadSeries):
    """More than one series."""

    reason = "SEVERAL_SERIES"


class SecondaryCapture(BadSeries):
    """Pixels of a screen or a scanned film, not of a scanner."""

    reason = "SECONDARY_CAPTURE"


class BurnedInAnnotation(BadSeries):
    """Text in the pixels, which may tell who the patient is."""

    reason = "BURNED_IN_ANNOTATION"


class MixedSlices(BadSeries):
    """Slices of several sizes, spacings or modalities."""

    reason = "MIXED_SLICES"


class MixedOrientations(BadSeries):
    """Slices that are not parallel."""

    reason = "MIXED_ORIENTATIONS"


class ShearedSlices(BadSeries):
    """Slices shifted against each other: a tilted gantry."""

    reason = "SHEARED_SLICES"


class DoubledSlices(BadSeries):
    """Several slices at one position: phases, echoes, b-values."""

    reason = "DOUBLED_SLICES"


class MissingSlices(BadSeries):
    """A gap, or slices at uneven distances."""

    reason = "MISSING_SLICES"


class TooFewSlices(BadSeries):
    """Fewer than three slices."""

    reason = "TOO_FEW_SLICES"


class SuvNotComputable(BadImage):
    """A PET without what SUV by body weight needs."""

    reason = "SUV_NOT_COMPUTABLE"


class BadSegmentation(FeatureError):
    """The segmentation cannot be used with its image."""

    reason = "BAD_SEGMENTATION"


class GridMismatch(BadSegmentation):
    """Another size, spacing, origin or direction than the image."""

    reason = "GRID_MISMATCH"


class EmptySegmentation(BadSegmentation):
    """No voxel is labelled."""

    reason = "EMPTY_SEGMENTATION"


class LabelNotFound(BadSegmentation):
    """An asked label is not in the segmentation."""

    reason = "LABEL_NOT_FOUND"


class NotLabels(BadSegmentation):
    """Values that are no whole numbers."""

    reason = "NOT_LABELS"


class StructureNotFound(BadSegmentation):
    """An RTSTRUCT or SEG has no structure of that name, number or pattern."""

    reason = "STRUCTURE_NOT_FOUND"


class StructureNotChosen(BadSegmentation):
    """An RTSTRUCT or SEG, and nothing says which of its structures is meant."""

    reason = "STRUCTURE_NOT_CHOSEN"


class OverlappingStructures(BadSegmentation):
    """Asked structures share voxels, and a voxel has one label."""

    reason = "OVERLAPPING_STRUCTURES"


class ReferenceMismatch(BadSegmentation):
    """Drawn in another frame of reference than the image's, or on no DICOM series."""

    reason = "REFERENCE_MISMATCH"


class BadContours(BadSegmentation):
    """Contours that are no closed curves in the image's planes."""

    reason = "BAD_CONTOURS"


class BadLesion(FeatureError):
    """One lesion cannot be measured."""

    reason = "BAD_LESION"


class LesionTooSmall(BadLesion):
    """Fewer voxels than the asked features need."""

    reason = "LESION_TOO_SMALL"


class FlatLesion(BadLesion):
    """One intensity only, where the asked features need several."""

    reason = "FLAT_LESION"


class BadCase(FeatureError):
    """The scans of a case do not fit together."""

    reason = "BAD_CASE"


class DuplicateScan(BadCase):
    """Two scans of one modality, series and date."""

    reason = "DUPLICATE_SCAN"


class BadScanDate(BadCase):
    """A scan before the baseline, or dates mixed with days."""

    reason = "BAD_SCAN_DATE"


class BadProfile(FeatureError):
    """A profile with an unknown key or value."""

    reason = "BAD_PROFILE"


class UnknownColumn(FeatureError):
    """A column outside the grammar, or a feature that does not exist."""

    reason = "UNKNOWN_COLUMN"


class BadEncoder(FeatureError):
    """Weights that do not fit, or another encoder than the one named."""

    reason = "BAD_ENCODER"


class BadPseudonymKey(FeatureError):
    """A key of pseudonyms that is none, or that lies with the data it hides."""

    reason = "BAD_PSEUDONYM_KEY"


class EngineMissing(FeatureError):
    """A radiomics engine that is not installed here."""

    reason = "ENGINE_MISSING"


class Cancelled(FeatureError):
    """The caller no longer waits."""

    reason = "CANCELLED"
