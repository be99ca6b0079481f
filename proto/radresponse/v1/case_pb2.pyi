from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Modality(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MODALITY_UNSPECIFIED: _ClassVar[Modality]
    MODALITY_CT: _ClassVar[Modality]
    MODALITY_PT: _ClassVar[Modality]
    MODALITY_MR: _ClassVar[Modality]
    MODALITY_CR: _ClassVar[Modality]
    MODALITY_DX: _ClassVar[Modality]
    MODALITY_MG: _ClassVar[Modality]
MODALITY_UNSPECIFIED: Modality
MODALITY_CT: Modality
MODALITY_PT: Modality
MODALITY_MR: Modality
MODALITY_CR: Modality
MODALITY_DX: Modality
MODALITY_MG: Modality

class Case(_message.Message):
    __slots__ = ("subject", "scans", "covariates", "features")
    class CovariatesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: Covariate
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[Covariate, _Mapping]] = ...) -> None: ...
    class FeaturesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    SCANS_FIELD_NUMBER: _ClassVar[int]
    COVARIATES_FIELD_NUMBER: _ClassVar[int]
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    subject: str
    scans: _containers.RepeatedCompositeFieldContainer[Scan]
    covariates: _containers.MessageMap[str, Covariate]
    features: _containers.ScalarMap[str, float]
    def __init__(self, subject: _Optional[str] = ..., scans: _Optional[_Iterable[_Union[Scan, _Mapping]]] = ..., covariates: _Optional[_Mapping[str, Covariate]] = ..., features: _Optional[_Mapping[str, float]] = ...) -> None: ...

class Covariate(_message.Message):
    __slots__ = ("number", "category")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    number: float
    category: str
    def __init__(self, number: _Optional[float] = ..., category: _Optional[str] = ...) -> None: ...

class Scan(_message.Message):
    __slots__ = ("modality", "series", "date", "day", "image", "segmentation", "labels", "resample_segmentation", "structures")
    MODALITY_FIELD_NUMBER: _ClassVar[int]
    SERIES_FIELD_NUMBER: _ClassVar[int]
    DATE_FIELD_NUMBER: _ClassVar[int]
    DAY_FIELD_NUMBER: _ClassVar[int]
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    SEGMENTATION_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    RESAMPLE_SEGMENTATION_FIELD_NUMBER: _ClassVar[int]
    STRUCTURES_FIELD_NUMBER: _ClassVar[int]
    modality: Modality
    series: str
    date: _timestamp_pb2.Timestamp
    day: int
    image: ImageSource
    segmentation: ImageSource
    labels: _containers.RepeatedScalarFieldContainer[int]
    resample_segmentation: bool
    structures: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, modality: _Optional[_Union[Modality, str]] = ..., series: _Optional[str] = ..., date: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., day: _Optional[int] = ..., image: _Optional[_Union[ImageSource, _Mapping]] = ..., segmentation: _Optional[_Union[ImageSource, _Mapping]] = ..., labels: _Optional[_Iterable[int]] = ..., resample_segmentation: bool = ..., structures: _Optional[_Iterable[str]] = ...) -> None: ...

class ImageSource(_message.Message):
    __slots__ = ("inline", "digest", "files", "archived")
    INLINE_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    FILES_FIELD_NUMBER: _ClassVar[int]
    ARCHIVED_FIELD_NUMBER: _ClassVar[int]
    inline: bytes
    digest: str
    files: UploadedFiles
    archived: ArchivedSeries
    def __init__(self, inline: _Optional[bytes] = ..., digest: _Optional[str] = ..., files: _Optional[_Union[UploadedFiles, _Mapping]] = ..., archived: _Optional[_Union[ArchivedSeries, _Mapping]] = ...) -> None: ...

class ArchivedSeries(_message.Message):
    __slots__ = ("pacs", "study_uid", "series_uid")
    PACS_FIELD_NUMBER: _ClassVar[int]
    STUDY_UID_FIELD_NUMBER: _ClassVar[int]
    SERIES_UID_FIELD_NUMBER: _ClassVar[int]
    pacs: str
    study_uid: str
    series_uid: str
    def __init__(self, pacs: _Optional[str] = ..., study_uid: _Optional[str] = ..., series_uid: _Optional[str] = ...) -> None: ...

class UploadedFiles(_message.Message):
    __slots__ = ("digests",)
    DIGESTS_FIELD_NUMBER: _ClassVar[int]
    digests: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, digests: _Optional[_Iterable[str]] = ...) -> None: ...
