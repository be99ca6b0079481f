from radresponse.v1 import model_pb2 as _model_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class BoardRequest(_message.Message):
    __slots__ = ("pictures", "similar_patients", "saliency")
    PICTURES_FIELD_NUMBER: _ClassVar[int]
    SIMILAR_PATIENTS_FIELD_NUMBER: _ClassVar[int]
    SALIENCY_FIELD_NUMBER: _ClassVar[int]
    pictures: bool
    similar_patients: bool
    saliency: bool
    def __init__(self, pictures: bool = ..., similar_patients: bool = ..., saliency: bool = ...) -> None: ...

class LesionPicture(_message.Message):
    __slots__ = ("scan", "scan_name", "day", "label", "png", "width", "height", "column_spacing_mm", "row_spacing_mm", "contours", "slice", "slices", "black", "white", "left", "right", "top", "bottom")
    SCAN_FIELD_NUMBER: _ClassVar[int]
    SCAN_NAME_FIELD_NUMBER: _ClassVar[int]
    DAY_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    PNG_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    COLUMN_SPACING_MM_FIELD_NUMBER: _ClassVar[int]
    ROW_SPACING_MM_FIELD_NUMBER: _ClassVar[int]
    CONTOURS_FIELD_NUMBER: _ClassVar[int]
    SLICE_FIELD_NUMBER: _ClassVar[int]
    SLICES_FIELD_NUMBER: _ClassVar[int]
    BLACK_FIELD_NUMBER: _ClassVar[int]
    WHITE_FIELD_NUMBER: _ClassVar[int]
    LEFT_FIELD_NUMBER: _ClassVar[int]
    RIGHT_FIELD_NUMBER: _ClassVar[int]
    TOP_FIELD_NUMBER: _ClassVar[int]
    BOTTOM_FIELD_NUMBER: _ClassVar[int]
    scan: int
    scan_name: str
    day: int
    label: int
    png: bytes
    width: int
    height: int
    column_spacing_mm: float
    row_spacing_mm: float
    contours: _containers.RepeatedCompositeFieldContainer[Contour]
    slice: int
    slices: int
    black: float
    white: float
    left: str
    right: str
    top: str
    bottom: str
    def __init__(self, scan: _Optional[int] = ..., scan_name: _Optional[str] = ..., day: _Optional[int] = ..., label: _Optional[int] = ..., png: _Optional[bytes] = ..., width: _Optional[int] = ..., height: _Optional[int] = ..., column_spacing_mm: _Optional[float] = ..., row_spacing_mm: _Optional[float] = ..., contours: _Optional[_Iterable[_Union[Contour, _Mapping]]] = ..., slice: _Optional[int] = ..., slices: _Optional[int] = ..., black: _Optional[float] = ..., white: _Optional[float] = ..., left: _Optional[str] = ..., right: _Optional[str] = ..., top: _Optional[str] = ..., bottom: _Optional[str] = ...) -> None: ...

class Contour(_message.Message):
    __slots__ = ("x", "y")
    X_FIELD_NUMBER: _ClassVar[int]
    Y_FIELD_NUMBER: _ClassVar[int]
    x: _containers.RepeatedScalarFieldContainer[float]
    y: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, x: _Optional[_Iterable[float]] = ..., y: _Optional[_Iterable[float]] = ...) -> None: ...

class SaliencyMap(_message.Message):
    __slots__ = ("model", "therapy", "scan", "scan_name", "day", "labels", "picture", "png", "overlay_png", "full_scale", "scale", "whole_change", "strongest_change", "weakest_change", "shuffled_correlation", "passed", "left_out")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    THERAPY_FIELD_NUMBER: _ClassVar[int]
    SCAN_FIELD_NUMBER: _ClassVar[int]
    SCAN_NAME_FIELD_NUMBER: _ClassVar[int]
    DAY_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    PICTURE_FIELD_NUMBER: _ClassVar[int]
    PNG_FIELD_NUMBER: _ClassVar[int]
    OVERLAY_PNG_FIELD_NUMBER: _ClassVar[int]
    FULL_SCALE_FIELD_NUMBER: _ClassVar[int]
    SCALE_FIELD_NUMBER: _ClassVar[int]
    WHOLE_CHANGE_FIELD_NUMBER: _ClassVar[int]
    STRONGEST_CHANGE_FIELD_NUMBER: _ClassVar[int]
    WEAKEST_CHANGE_FIELD_NUMBER: _ClassVar[int]
    SHUFFLED_CORRELATION_FIELD_NUMBER: _ClassVar[int]
    PASSED_FIELD_NUMBER: _ClassVar[int]
    LEFT_OUT_FIELD_NUMBER: _ClassVar[int]
    model: _model_pb2.ModelReference
    therapy: str
    scan: int
    scan_name: str
    day: int
    labels: _containers.RepeatedScalarFieldContainer[int]
    picture: LesionPicture
    png: bytes
    overlay_png: bytes
    full_scale: float
    scale: str
    whole_change: float
    strongest_change: float
    weakest_change: float
    shuffled_correlation: float
    passed: bool
    left_out: str
    def __init__(self, model: _Optional[_Union[_model_pb2.ModelReference, _Mapping]] = ..., therapy: _Optional[str] = ..., scan: _Optional[int] = ..., scan_name: _Optional[str] = ..., day: _Optional[int] = ..., labels: _Optional[_Iterable[int]] = ..., picture: _Optional[_Union[LesionPicture, _Mapping]] = ..., png: _Optional[bytes] = ..., overlay_png: _Optional[bytes] = ..., full_scale: _Optional[float] = ..., scale: _Optional[str] = ..., whole_change: _Optional[float] = ..., strongest_change: _Optional[float] = ..., weakest_change: _Optional[float] = ..., shuffled_correlation: _Optional[float] = ..., passed: bool = ..., left_out: _Optional[str] = ...) -> None: ...

class SimilarPatients(_message.Message):
    __slots__ = ("model", "patients")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    PATIENTS_FIELD_NUMBER: _ClassVar[int]
    model: _model_pb2.ModelReference
    patients: _containers.RepeatedCompositeFieldContainer[SimilarPatient]
    def __init__(self, model: _Optional[_Union[_model_pb2.ModelReference, _Mapping]] = ..., patients: _Optional[_Iterable[_Union[SimilarPatient, _Mapping]]] = ...) -> None: ...

class SimilarPatient(_message.Message):
    __slots__ = ("distance", "therapy", "responded", "progression")
    DISTANCE_FIELD_NUMBER: _ClassVar[int]
    THERAPY_FIELD_NUMBER: _ClassVar[int]
    RESPONDED_FIELD_NUMBER: _ClassVar[int]
    PROGRESSION_FIELD_NUMBER: _ClassVar[int]
    distance: float
    therapy: str
    responded: bool
    progression: FollowUp
    def __init__(self, distance: _Optional[float] = ..., therapy: _Optional[str] = ..., responded: bool = ..., progression: _Optional[_Union[FollowUp, _Mapping]] = ...) -> None: ...

class FollowUp(_message.Message):
    __slots__ = ("time_days", "event")
    TIME_DAYS_FIELD_NUMBER: _ClassVar[int]
    EVENT_FIELD_NUMBER: _ClassVar[int]
    time_days: int
    event: bool
    def __init__(self, time_days: _Optional[int] = ..., event: bool = ...) -> None: ...
